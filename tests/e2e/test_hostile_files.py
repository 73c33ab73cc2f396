"""A project file that asks too much is its own user's trouble: nobody else notices, and what was good stays good."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from desk import eventually

if TYPE_CHECKING:
    from desk import Connection, Desk

GOOD = 'data "aws_dsql_token" "db" {\n  endpoint = "abc.dsql.us-east-1.on.aws"\n}\n'
MIB = 1 << 20


def local(expression: str) -> str:
    return f"{GOOD}locals {{\n  x = {expression}\n}}\n"


CATASTROPHE = local(f'regex("(a+)+$", "{"a" * 50}b")')
DOUBLING = "".join(f'  a{i + 1} = "${{local.a{i}}}${{local.a{i}}}"\n' for i in range(60))
HOSTILE = {
    "regex": (CATASTROPHE, "atlas.hcl:5:7: evaluation too large: it takes too long"),
    "loops": (local("[for a in range(1024) : [for b in range(1024) : a]]"), ": evaluation too large"),
    "doubling": (f'{GOOD}locals {{\n  a0 = "0123456789"\n{DOUBLING}}}\n', "atlas.hcl:26:9: value too large"),
    "brackets": (local("[" * 10_000 + "]" * 10_000), ": nesting too deep"),
    "no text": (GOOD + "\0" * 1000, "atlas.hcl:4:1: invalid character"),
    "too long": (GOOD + "#" * (2 * MIB), "it is larger than 1 MiB"),
}


@pytest.mark.parametrize(("text", "words"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_a_mistake_and_keeps_what_was_good(text: str, words: str, desk: Desk) -> None:
    desk.project(text)
    # A machine that is held up for longer than an evaluation may take says that, for once.
    eventually(lambda: desk.dsqltok("get", "--data", "db").returncode == 4, "it is a mistake")
    first = desk.dsqltok("get", "--data", "db")
    assert (first.returncode, first.stdout) == (4, ""), first.stderr
    assert f"{desk.work}/atlas.hcl" in first.stderr
    assert words in first.stderr
    assert first.stderr.splitlines()[-1].startswith("hint: ")
    desk.project(GOOD)
    eventually(lambda: desk.dsqltok("get", "--data", "db").returncode == 0, "the file is good again")
    token = desk.ok("get", "--data", "db")
    desk.project(text)
    eventually(lambda: any(project["error"] for project in desk.status()["projects"]), "the status tells")
    again = desk.dsqltok("get", "--data", "db")
    assert (again.returncode, again.stdout) == (0, token)
    assert "warning: " in again.stderr
    assert words in again.stderr


def test_a_fifo_in_place_of_the_file_hangs_nobody(desk: Desk) -> None:
    os.mkfifo(desk.work / "atlas.hcl")
    done = desk.dsqltok("get", "--data", "db")
    assert (done.returncode, done.stdout) == (4, "")
    assert "it is no regular file" in done.stderr


def _ask(connection: Connection, number: int, path: Path, env: str | None = None) -> None:
    connection.request(number, "token.get", config=str(path), data="db", env=env)


def test_others_are_answered_while_a_hostile_file_is_evaluated(desk: Desk) -> None:
    warm, hostile = desk.project(GOOD, "warm.hcl"), desk.project(CATASTROPHE)
    with desk.daemon(), desk.connection() as connection:
        _ask(connection, 0, warm)
        assert "token" in connection.receive()["result"]
        fresh = itertools.count()

        def are_answered() -> bool:
            for number in (1, 2, 3, 4):
                _ask(connection, number, hostile, env=f"e{next(fresh)}")
            for number, path in ((5, warm), (6, desk.project(GOOD, f"cold{next(fresh)}.hcl"))):
                _ask(connection, number, path)
            order: list[int] = [connection.receive()["id"] for _ in range(6)]
            assert order[0] == 5
            return order[1] == 6

        # What is hostile may take but a second or two, in which a very busy machine does nothing else for once.
        eventually(are_answered, "what is cold is answered before what is hostile is")


def test_a_hostile_file_is_evaluated_once_until_it_changes(desk: Desk) -> None:
    hostile, cold = desk.project(HOSTILE["loops"][0]), desk.project(GOOD, "cold.hcl")
    with desk.daemon(), desk.connection() as connection:
        _ask(connection, 0, hostile)
        # A machine that is very busy may be to blame; then it is evaluated again.
        while connection.receive()["error"]["data"]["retryable"]:
            _ask(connection, 0, hostile)
        _ask(connection, 1, hostile)
        _ask(connection, 2, cold)
        assert [connection.receive()["id"] for _ in range(2)] == [1, 2]
        desk.project(GOOD)
        eventually(lambda: "result" in connection.ask("token.get", config=str(hostile), data="db"), "it is good again")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc here")
def test_the_core_does_not_grow_with_what_hostile_files_say(desk: Desk) -> None:
    long, many = "x" * (MIB - 1000), "".join(f"  x{i} = local.x{i + 1}\n" for i in range(2000))
    texts = [
        local(long),
        local(f'"{long}'),
        f"locals {{\n{many}  x2000 = local.x0\n}}\n",
        local('[for i in range(1000) : getenv("N${i}")]'),
        local('[for i in range(1000) : try(file("f${i}"), 1)]'),
        f'env "{long}" {{}}\n',
    ]
    with desk.daemon() as daemon, desk.connection() as connection:
        pid = desk.status()["pid"]
        assert daemon.poll() is None
        before = _resident(pid)
        for number in range(3):
            for place, text in enumerate(texts):
                path = desk.project(text, f"{place}.hcl")
                answer = connection.ask("token.get", config=str(path), env=f"e{number}")
                assert len(str(answer["error"])) < 20_000
        assert _resident(pid) - before < 16


def _resident(pid: int) -> float:
    """Return a process's resident memory in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB
