"""The hook for shells: an env's variables stay fresh at the prompt, and are what they were before after it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

import recipes
from desk import BIN, eventually
from desks import HOST
from prompts import BARE, shell
from standin.steps import PASSED_ON

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
    from standin.steps import Steps

PAST_ITS_DEATH = 1000.0  # seconds
NO_CREDENTIALS = 5  # an exit code, see docs/errors.md
LOGIN = "psql -XAt -P pager=off -c 'select current_user'"


@pytest.fixture
def project(desk: Desk, example: Callable[[str], str]) -> Desk:
    """Give a desk with a project, and a plain terminal."""
    desk.environment["TERM"] = "dumb"
    example("admin")
    return desk


@pytest.fixture
def asked(desk: Desk) -> Callable[[], int]:
    """Count how often a shell starts the client with `activate`."""
    log = desk.work / "asked"
    program = f'#!/bin/sh\n[ "$1" = activate ] && echo "$*" >>{log}\nexec {BIN}/dsqltok "$@"\n'
    desk.write(desk.root / "bin/dsqltok", program, 0o755)
    desk.environment["PATH"] = f"{desk.root / 'bin'}:{desk.environment['PATH']}"
    return lambda: log.read_text().count("\n") if log.exists() else 0


def outlive_the_token(desk: Desk, stepped: Steps) -> None:
    """Have the shell's token die; the daemon has another one, for which no prompt has to wait, however busy it is."""
    stepped.suspend(PAST_ITS_DEATH)
    desk.ok("env", "dsql")


each_shell = pytest.mark.parametrize("name", list(BARE))


@each_shell
def test_a_prompt_past_the_death_of_the_token_has_another(
    name: str, reachable: Desk, stepped: Steps, asked: Callable[[], int]
) -> None:
    reachable.configure(PASSED_ON)
    reachable.environment |= {"TERM": "dumb", "PGHOST": "before"}
    recipes.program("psql", "postgresql-client")
    activate, login, deactivate = recipes.code("hook", "sh").splitlines()
    del login
    with shell(reachable, name) as found:
        found.run(activate)
        assert "\nadmin" in found.run(LOGIN).replace("\r", "")
        first = found.value("PGPASSWORD")
        assert (first.startswith(HOST), asked()) == (True, 1)  # and the prompts meanwhile asked for nothing
        outlive_the_token(reachable, stepped)
        found.run("cd /")
        assert found.value("PGPASSWORD") != first
        assert "\nadmin" in found.run(LOGIN).replace("\r", "")
        assert asked() == 2
        found.run(deactivate)
        assert (found.value("PGHOST"), found.value("PGPASSWORD")) == ("before", "")


@each_shell
def test_the_last_status_is_seen_behind_the_prompt(name: str, project: Desk, stepped: Steps) -> None:
    project.configure(PASSED_ON)
    with shell(project, name) as found:
        found.run("dsqltok activate dsql")
        assert found.status("sh -c 'exit 3'") == "3"
        stepped.suspend(PAST_ITS_DEATH)
        assert found.status("sh -c 'exit 4'") == "4"


@each_shell
def test_another_env_takes_the_place_and_deactivate_restores_what_was_before_both(name: str, project: Desk) -> None:
    project.project((project.work / "atlas.hcl").read_text().replace("dsql://admin", "dsql://o'hara"), "other.hcl")
    project.environment |= {"PGUSER": "it's \\me\n", "PGSERVICE": "mine"}
    with shell(project, name) as found:
        found.run("dsqltok activate dsql")
        assert (found.value("PGUSER"), found.value("PGSERVICE")) == ("admin", "")
        found.run("dsqltok activate dsql --config other.hcl")
        assert found.value("PGUSER") == "o'hara"
        assert "error: " in found.run("dsqltok activate no-such")
        assert found.value("PGUSER") == "o'hara"
        found.run("dsqltok deactivate")
        assert (found.value("PGUSER"), found.value("PGSERVICE")) == ("it's \\me\r\n", "mine")
        assert "error: no env is active in this shell" in found.run("dsqltok deactivate")


@each_shell
def test_what_cannot_be_renewed_is_told_once_and_holds_up_no_prompt(
    name: str, project: Desk, stepped: Steps, asked: Callable[[], int]
) -> None:
    project.configure(PASSED_ON)
    with shell(project, name) as found:
        found.run("dsqltok activate dsql")
        token = found.value("PGPASSWORD")
        daemon = project.status()["pid"]
        os.kill(daemon, signal.SIGSTOP)
        try:
            stepped.suspend(PAST_ITS_DEATH)
            said = found.run("echo now") + found.run("echo then")
            stepped.suspend(31)
            said += found.run("echo again") + found.run("echo and again")
        finally:
            os.kill(daemon, signal.SIGCONT)
        assert (
            said.count('warning: the variables of env "dsql" in this shell were not renewed: no token within 2 s') == 1
        )
        assert asked() == 3
        assert found.value("PGPASSWORD") == token
        project.ok("env", "dsql")
        stepped.suspend(31)
        found.run("echo later")
        found.run("echo and later")
        assert asked() == 3  # it is asked more and more seldom
        stepped.suspend(30)
        found.run("echo much later")
        eventually(lambda: found.value("PGPASSWORD") != token, "another token")


@each_shell
def test_what_is_wrong_and_told_at_once_is_looked_at_again_as_soon_as_before(
    name: str, project: Desk, stepped: Steps, asked: Callable[[], int]
) -> None:
    project.configure(PASSED_ON)
    project.environment["AWS_EC2_METADATA_DISABLED"] = "true"
    with shell(project, name) as found:
        found.run("dsqltok activate dsql")
        (project.home / ".aws/credentials").unlink()
        stepped.suspend(PAST_ITS_DEATH)
        eventually(lambda: project.dsqltok("get", "dsql").returncode == NO_CREDENTIALS, "there are no keys any more")
        said = ""
        for _ in range(4):
            project.dsqltok("get", "dsql")  # what it is told, the prompt is told too, and at once
            said += found.run("true") + found.run("true")  # behind each there is a prompt, which the next waits for
            stepped.suspend(31)
        assert asked() == 5
        assert said.count("in this shell were not renewed: there are no AWS") == 1


@each_shell
def test_ctrl_c_at_a_prompt_that_asks_leaves_the_env_in_the_shell(
    name: str, project: Desk, stepped: Steps, asked: Callable[[], int]
) -> None:
    project.configure(PASSED_ON)
    project.environment["PGUSER"] = "before"
    with shell(project, name) as found:
        found.run("dsqltok activate dsql")
        daemon = project.status()["pid"]
        os.kill(daemon, signal.SIGSTOP)
        try:
            stepped.suspend(PAST_ITS_DEATH)
            found.terminal.say("true")
            eventually(lambda: asked() == 2, "the prompt asks")
            found.terminal.interrupt()
            assert (found.value("PGUSER"), found.value("PGHOST")) == ("admin", HOST)
        finally:
            os.kill(daemon, signal.SIGCONT)


@each_shell
def test_what_was_set_for_another_env_by_hand_goes_with_the_env(name: str, project: Desk) -> None:
    text = (project.work / "atlas.hcl").read_text()
    project.project(text.replace("sslmode=require", "sslmode=require&application_name=other"), "other.hcl")
    take = "dsqltok env -c other.hcl --shell fish | source" if name == "fish" else 'eval "$(dsqltok env -c other.hcl)"'
    project.environment["PGHOSTADDR"] = "::1"
    with shell(project, name) as found:
        found.run("dsqltok activate dsql")
        assert "PGHOST" in found.value("DSQLTOK_SET")
        found.run(take)
        assert found.value("PGAPPNAME") == "other"
        found.run("dsqltok activate dsql")
        assert (found.value("PGAPPNAME"), found.value("PGHOSTADDR")) == ("", "::1")
        found.run(take)
        found.run("dsqltok deactivate")
        assert [found.value(each) for each in ("PGAPPNAME", "PGHOST", "DSQLTOK_SET")] == ["", "", ""]
        found.run(take)
        found.run("dsqltok activate dsql")
        assert found.value("PGAPPNAME") == ""
        found.run("dsqltok deactivate")
        assert "PGAPPNAME" in found.value("DSQLTOK_SET")
        assert (found.value("PGAPPNAME"), found.value("PGHOSTADDR")) == ("other", "::1")


@each_shell
def test_everything_else_is_the_programs(name: str, project: Desk) -> None:
    with shell(project, name) as found:
        assert "usage: dsqltok" in found.run("dsqltok activate --help")
        assert HOST in found.run("dsqltok get dsql")
        assert found.status("dsqltok get no-such") == "3"
        assert found.status("dsqltok activate no-such") == "3"


def test_bash_keeps_its_own_prompt_command_and_its_strictness(project: Desk, stepped: Steps) -> None:
    project.configure(PASSED_ON)
    first = 'PROMPT_COMMAND=\'printf "own%s " "is$?"\'; unset EPOCHSECONDS; set -eu'
    with shell(project, "bash", first) as found:
        found.run(recipes.code("hook", "bash").strip())
        found.run("dsqltok activate dsql")
        token = found.value("PGPASSWORD")
        outlive_the_token(project, stepped)
        found.run("true")
        assert found.value("PGPASSWORD") not in ("", token)
        found.terminal.say("! true")
        assert found.run("echo alive").replace("echo alive", "").count("alive") == 1
        assert found.value("PROMPT_COMMAND").count("_dsqltok_prompt") == 1
        found.run("set +e")
        found.terminal.say("(exit 3)")
        assert "ownis3" in found.run("echo")


def test_zsh_keeps_its_own_hooks_and_its_options(project: Desk) -> None:
    first = "own=; precmd() { own+=$?; }; setopt ksh_arrays no_unset warn_create_global rc_quotes err_exit"
    with shell(project, "zsh", first) as found:
        found.run("true")
        found.run(recipes.code("hook", "zsh").strip())
        assert "_dsqltok_" not in found.run("dsqltok activate dsql").replace("dsqltok activate dsql;", "")
        assert found.value("PGHOST") == HOST
        before = found.value("own")
        found.run("true")
        assert found.value("own") == f"{before}00"  # once at each prompt


@pytest.mark.parametrize("command", ["activate", "deactivate"])
def test_without_the_hook_it_is_told_how_to_install_it(command: str, project: Desk) -> None:
    for name in BARE:
        done = project.dsqltok(command, env={"SHELL": f"/usr/bin/{name}"})
        assert (done.returncode, done.stdout) == (2, "")
        assert recipes.code("hook", name).strip() in done.stderr
    assert project.dsqltok("hook").returncode == 2
    assert "hint: use bash, fish or zsh\n" in project.dsqltok("hook", "csh").stderr
