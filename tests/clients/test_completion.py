"""`dsqltok completion`: what TAB offers, in the real shells."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import TYPE_CHECKING

import pytest

from desk import eventually
from dsqltok import arguments
from dsqltok.choices import CHOICES
from prompts import BARE, completes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from desk import Desk

LIMIT = 10.0  # seconds; it is given one
FREE = {"name", "env", "data", "vars", "config", "file", "write", "exec", "words", "command", "port", "unix", "ca"}
FREE |= {"+names", "names", "scheme", "params", "user", "profile", "endpoint"}


@pytest.fixture
def project(desk: Desk, example: Callable[[str], str]) -> Desk:
    """Give a desk whose project has an env with a name that shells would take for more, and files beside it."""
    example("admin")
    text = (desk.work / "atlas.hcl").read_text()
    desk.project(text + text[text.index('env "dsql"') :].replace('"dsql"', '"$(touch hacked) other"', 1))
    desk.write(desk.work / "file with blanks", "")
    return desk


def offered(desk: Desk, *words: str) -> list[str]:
    """Return what is offered for the last word."""
    first, *others = desk.ok("completion", "words", "--", *words).splitlines()
    return others if first == "words" else [first]


def offers(desk: Desk, *words: str, expected: list[str]) -> None:
    """Hold what is offered for the last word. A daemon that has yet to start on a busy machine may be late for once."""
    eventually(lambda: offered(desk, *words) == expected, f"{expected} rather than {offered(desk, *words)}")


# In a shell


@pytest.mark.parametrize("name", list(BARE))
def test_tab_completes_a_command_and_an_env_whatever_its_name(name: str, project: Desk) -> None:
    project.ok("get", "dsql")
    completes(project, name, "dsqltok ge\tds\t")
    completes(project, name, "dsqltok get \\$\t")
    assert not (project.work / "hacked").exists()


def test_bash_completes_files_and_values_behind_an_equals_sign(project: Desk) -> None:
    project.ok("get", "dsql")
    completes(project, "bash", "dsqltok get --conf\tatl\t--env=ds\t")
    project.project((project.work / "atlas.hcl").read_text(), "other file.hcl")
    completes(project, "bash", "dsqltok get dsql -c oth\t")


# What is offered


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["hea"], ["health"]),
        (["no-such", ""], []),
        (["get", ""], ["dsql", "$(touch hacked) other"]),
        (["get", "d"], ["dsql"]),
        (["get", "dsql", ""], []),
        (["get", "--env", "d"], ["dsql"]),
        (["get", "--env", "=", "d"], ["dsql"]),
        (["get", "--env=d"], ["--env=dsql"]),
        (["get", "--data", ""], ["this"]),
        (["get", "--config", ""], ["files"]),
        (["get", "'$(to"], ["$(touch hacked) other"]),
        (["get", "\\$"], ["$(touch hacked) other"]),
        (["get", "-c", "atlas.hcl", "d"], ["dsql"]),
        (["get", "-c", "no-such.hcl", ""], []),
        (["get", "--var", ""], []),
        (["get", "--j"], ["--json"]),
        (["projects", "al"], ["allow"]),
        (["projects", "allow", ""], ["files"]),
        (["config", ""], ["show", "check"]),
        (["hook", "z"], ["zsh"]),
        (["pgpass", "enable", "dsql", "ds"], ["dsql"]),
        (["psql", "dsql", ""], ["files"]),
        (["psql", "--", ""], ["files"]),
        (["watch", "--write", ""], ["files"]),
    ],
    ids=" ".join,
)
def test_what_may_stand_there_is_offered(words: list[str], expected: list[str], project: Desk) -> None:
    source = re.search(r'data "aws_dsql_token" "(.*)"', (project.work / "atlas.hcl").read_text())
    assert source
    offers(project, *words, expected=[source[1] if each == "this" else each for each in expected])


def test_every_command_and_every_option_is_offered(desk: Desk) -> None:
    assert set(offered(desk, "")) == {*arguments.COMMANDS, "help", "version"}
    for command, (valued, switches, _) in arguments.COMMANDS.items():
        assert set(offered(desk, command, "-")) == {*valued, *switches, "--help"}


def test_the_words_that_are_offered_are_those_that_the_program_takes(desk: Desk) -> None:
    for command, (valued, _, positional) in arguments.COMMANDS.items():
        for place in {*positional, *valued.values()}:
            assert place.strip("*") in FREE or place in CHOICES[command], (command, place)
    for command, places in CHOICES.items():
        for place, words in places.items():
            option = [each for each, name in arguments.COMMANDS[command][0].items() if name == place]
            hint = desk.dsqltok(command, *option, "nonsense").stderr.partition("hint: use ")[2]
            assert set(re.split(", | or ", hint.strip())) == set(words), command


# What is wrong


def broken(desk: Desk) -> Path:
    return desk.project("env {")


def without_a_variable(desk: Desk) -> Path:
    return desk.project('variable "needed" {\n  type = string\n}\n' + (desk.work / "atlas.hcl").read_text())


@pytest.mark.parametrize(("edit", "expected"), [(broken, []), (without_a_variable, ["dsql"])])
def test_what_is_wrong_with_a_project_is_no_news(
    edit: Callable[[Desk], Path], expected: list[str], desk: Desk, example: Callable[[str], str]
) -> None:
    example("admin")
    edit(desk)
    offers(desk, "get", "", expected=expected)


def test_a_daemon_that_hangs_holds_nobody_up(project: Desk) -> None:
    project.ok("get", "dsql")
    daemon = project.status()["pid"]
    os.kill(daemon, signal.SIGSTOP)
    try:
        begin = time.monotonic()
        assert offered(project, "get", "") == []
        assert time.monotonic() - begin < LIMIT
    finally:
        os.kill(daemon, signal.SIGCONT)


def test_no_program_runs_and_nobody_logs_in(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    desk.write(desk.home / ".aws/credentials", "[default]\ncredential_process = touch asked\n")
    offers(desk, "get", "", expected=["dsql"])
    assert desk.status()["tokens"] == []


def test_a_shell_that_is_not_known_is_told_which_are(desk: Desk) -> None:
    assert "hint: use bash, fish or zsh\n" in desk.dsqltok("completion", "csh").stderr
    assert desk.dsqltok("completion").returncode == 2
