"""Tokens are replaced in the background before they expire."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from desk import eventually
from desks import is_let_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
    from standin.endpoint import DsqlStandin

LIFE = 3  # seconds


def test_a_warm_token_is_replaced_before_its_expiry_again_and_again(
    desk: Desk, example: Callable[[str], str], login: Callable[..., str], standin: DsqlStandin
) -> None:
    desk.configure(f"token_ttl = {LIFE}\n")
    example("admin")
    desk.ok("get", "dsql")
    with desk.connection() as connection:
        answer = connection.ask("token.watch", config=str(desk.work / "atlas.hcl"), env="dsql")
        tokens = [answer["result"]["token"]]

        def replaced_in_time() -> bool:
            # A busy machine may be late for one of them, but hardly for each that follows.
            before = len(standin.logins)
            for _ in range(3):
                news = connection.receive()
                assert news["method"] == "token"
                tokens.append(news["params"].get("token", ""))
                if not (is_let_in(login, tokens[-1]) and is_let_in(login, desk.ok("get", "dsql", "-n"))):
                    return False
            signed = sorted({each.signed_at for each in standin.logins[before:]})
            return len(signed) >= 3 and all(later - earlier <= LIFE for earlier, later in pairwise(signed))

        eventually(replaced_in_time, "three in a row are replaced in time", patience=60.0)
    assert len(set(tokens)) == len(tokens)
