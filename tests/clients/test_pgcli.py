"""pgcli, at a terminal: a session that outlives its token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import recipes
from desk import BIN, eventually
from standin.steps import PASSED_ON
from terminal import at_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from desk import Desk
    from standin.endpoint import DsqlStandin
    from standin.steps import Steps

PAST_ITS_DEATH = 1000.0  # seconds
PLAIN = {"TERM": "xterm", "PAGER": "cat", "PROMPT_TOOLKIT_NO_CPR": "1"}


def said(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_a_session_connects_again_when_its_first_token_is_dead(
    reachable: Desk, stepped: Steps, standin: DsqlStandin
) -> None:
    if not (BIN / "pgcli").exists():
        pytest.skip("pgcli not found: make test-clients installs it")
    reachable.configure(PASSED_ON)
    reachable.environment |= PLAIN
    before = len(standin.logins)
    with at_terminal(reachable, "sh", "-c", f"{recipes.code('pgcli', 'sh').strip()} --less-chatty") as terminal:
        terminal.answer("postgres>", "select 'first ' || current_user;")
        terminal.hear("first admin")
        (path,) = reachable.runtime.glob("dsqltok/sessions/*/pgpass")
        first = said(path)
        stepped.suspend(PAST_ITS_DEATH)
        eventually(lambda: said(path) not in ("", first), "a new token")
        terminal.say(recipes.code("pgcli", "sql").strip())
        terminal.hear("You are now connected")
        terminal.say("select 'again ' || current_user;")
        terminal.hear("again admin")
        terminal.say("\\q")
        assert terminal.end() == 0
    assert "Password for" not in terminal.screen
    times = [login.signed_at for login in standin.logins[before:]]
    assert max(times) >= min(times) + PAST_ITS_DEATH
