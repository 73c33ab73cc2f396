"""Tokens are replaced in the background before they expire."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
    from standin.endpoint import DsqlStandin


def test_a_warm_token_is_replaced_before_its_expiry_again_and_again(
    desk: Desk, example: Callable[[str], str], login: Callable[..., str], standin: DsqlStandin
) -> None:
    desk.configure("token_ttl = 3\n")
    example("admin")
    desk.ok("get", "dsql")
    with desk.connection() as connection:
        answer = connection.ask("token.watch", config=str(desk.work / "atlas.hcl"), env="dsql")
        tokens = [answer["result"]["token"]]
        while len(tokens) < 4:
            news = connection.receive()
            assert news["method"] == "token"
            tokens.append(news["params"]["token"])
            assert login(token=tokens[-1]) == "admin"
            assert login(token=desk.ok("get", "dsql", "-n")) == "admin"
    assert len(set(tokens)) == len(tokens)
    signed = sorted(each.signed_at for each in standin.logins[-6:])
    assert all(later - earlier <= 3 for earlier, later in pairwise(signed))
