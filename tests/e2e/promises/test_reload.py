"""The daemon goes by `config.toml` as it is now, and by the last good one where it makes no sense now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from desk import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
    from promise import Faults

PROMISE = "config.toml counts as it is now, or as it was when it last made sense"


def life(token: str) -> int:
    """Return the seconds that a token is signed for."""
    return int(token.partition("X-Amz-Expires=")[2].partition("&")[0])


@pytest.mark.promise(PROMISE, fault="edited", short=2, long=80)
def test_an_edit(faults: Faults, desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    with desk.daemon():
        desk.ok("get")
        for turn in faults:
            ttl = 300 + turn
            desk.configure(f"token_ttl = {ttl}\n")

            def counts(ttl: int = ttl) -> bool:
                desk.ok("flush")
                return life(desk.ok("get", "-n")) == ttl

            eventually(counts, "a token is signed for as long as config.toml says now")


@pytest.mark.promise(PROMISE, fault="edited so that it makes no sense, and mended", short=2, long=40)
def test_a_bad_edit(faults: Faults, desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    desk.configure("token_ttl = 300\n")
    bad = ("token_ttl = \n", "token_ttl = 0\n", "token_tll = 600\n", "keyring = 1\n")

    def wrong() -> bool:
        return desk.status()["configuration"]["error"] is not None

    with desk.daemon():
        for turn in faults:
            desk.configure(bad[turn % len(bad)])
            eventually(wrong, "status tells what is wrong")
            desk.ok("flush")
            faults.hold(life(desk.ok("get", "-n")) == 300, "the last good version is not in use")
            faults.hold("config.toml" in desk.ok("status"), "status does not name the file")
            desk.configure("token_ttl = 300\n")
            eventually(lambda: not wrong(), "status tells that it is good again")


def test_a_host_that_the_configuration_allows_is_allowed_at_once(desk: Desk) -> None:
    desk.project("""
        data "aws_dsql_token" "db" {
          endpoint = "cluster-id.dsql.us-east-1.on.aws"
          admin    = true
        }
        env "tunnel" {
          url = "dsql://admin:${urlescape(data.aws_dsql_token.db)}@localhost:5432/postgres?sslmode=require"
        }
    """)
    with desk.daemon():
        assert "localhost" in desk.dsqltok("url").stderr
        desk.configure('allow_hosts = ["localhost"]\n')
        eventually(lambda: desk.dsqltok("url").returncode == 0, "the url is allowed")


def test_a_configuration_that_was_not_there_is_noticed(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    with desk.daemon():
        desk.ok("get")
        desk.configure("token_ttl = 42\n")
        eventually(lambda: not desk.ok("flush") or life(desk.ok("get", "-n")) == 42, "the new file counts")
