"""What the core knows of proxies: who may follow whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dsqltokd.proxies import Proxies

if TYPE_CHECKING:
    from collections.abc import Callable

GATE: dict[str, Any] = {
    "env": "dsql",
    "config": "/atlas.hcl",
    "listen": "127.0.0.1:5432",
    "whose": "me",
    "vars": [],
    "data": None,
}


class Channel:
    """A proxy's connection, which keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self.told.append((method, params))

    def on_close(self, callback: Callable[[], None]) -> None:
        pass

    def program(self) -> str | None:
        return None


def announced(proxies: Proxies, *, inherited: bool = False) -> Channel:
    channel = Channel()
    gate = {**GATE, "inherited": inherited, "traffic": {"open": 1}}
    proxies.handlers["proxy.announce"]({"pid": 1, "gates": [gate]}, channel)
    return channel


@pytest.mark.parametrize("name", ["env", "config", "listen", "whose", "vars", "data"])
def test_only_a_proxy_for_the_very_same_shares_its_place(name: str) -> None:
    proxies = Proxies()
    there = announced(proxies)
    follow = proxies.handlers["proxy.follow"]
    assert follow({**GATE, name: "another"}, Channel()) == {"shares": False}
    assert there.told == []
    assert follow(GATE, Channel()) == {"shares": True}
    assert there.told == [("share", {"listen": GATE["listen"]})]


def test_a_place_of_systemds_is_not_shared() -> None:
    proxies = Proxies()
    there = announced(proxies, inherited=True)
    assert proxies.handlers["proxy.follow"](GATE, Channel()) == {"shares": False}
    assert there.told == []


def test_who_is_followed_is_told_to_leave_that_place() -> None:
    proxies = Proxies()
    first, second = announced(proxies), announced(proxies)
    assert (first.told, second.told) == ([("leave", {"listen": GATE["listen"]})], [])


def test_two_at_one_place_are_counted_together() -> None:
    proxies = Proxies()
    announced(proxies)
    announced(proxies)
    families = [list(each) for each in proxies.families()]
    assert any("dsqltok_proxy_open" in line and line.endswith(" 2") for each in families for line in each)
