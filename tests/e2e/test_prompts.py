"""The hook and the completion in bash, in short; tests/clients has them in every shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from desk import eventually
from desks import HOST
from prompts import completes, shell
from standin.steps import PASSED_ON

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
    from standin.steps import Steps

PAST_ITS_DEATH = 1000.0  # seconds


def test_the_variables_of_an_env_stay_fresh_at_the_prompt_and_are_what_they_were_afterwards(
    desk: Desk, example: Callable[[str], str], stepped: Steps
) -> None:
    desk.configure(PASSED_ON)
    example("admin")
    desk.environment |= {"TERM": "dumb", "PGUSER": "before"}
    with shell(desk, "bash") as found:
        found.run("dsqltok activate dsql")
        first = found.value("PGPASSWORD")
        assert (found.value("PGHOST"), found.value("PGUSER")) == (HOST, "admin")
        stepped.suspend(PAST_ITS_DEATH)
        desk.ok("env", "dsql")  # the daemon has another one, for which the prompt has not to wait
        found.run("true")
        assert found.value("PGPASSWORD") not in ("", first)
        found.run("dsqltok deactivate")
        assert [found.value(each) for each in ("PGUSER", "PGPASSWORD", "DSQLTOK_SET")] == ["before", "", ""]


def test_tab_completes_an_env_and_offers_none_that_would_be_taken_for_an_option(
    desk: Desk, example: Callable[[str], str]
) -> None:
    text = example("admin")
    block = text[text.index('env "dsql"') :]
    desk.project(text + block.replace('"dsql"', '"--exec=touch hacked"', 1))
    desk.ok("get", "dsql")
    completes(desk, "bash", "dsqltok ge\td\t")

    def offers(*words: str) -> str:
        return desk.ok("completion", "words", "--", *words)

    eventually(lambda: offers("watch", "--env=") == "words\n--env=dsql\n--env=--exec=touch hacked\n", "both are known")
    assert offers("watch", "") == offers("pgpass", "enable", "") == "words\ndsql\n"
