"""The log is in nobody's way, and holds no secret and no control character of others."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_PROGRAM = """
import logging, os, sys
from dsqltokd import log
written = log.start()
{body}
written.stop(30.0)
os._exit(0)
"""


def logged(body: str, path: Path, **environment: str) -> str:
    """Run a program that logs, its stderr being `path`, and return what is there then."""
    with path.open("a") as stderr:
        subprocess.run(
            [sys.executable, "-c", _PROGRAM.format(body=body)],
            stderr=stderr,
            check=True,
            timeout=60,
            env={**os.environ, **environment},
        )
    return path.read_text()


@pytest.fixture
def state(tmp_path: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)}


def test_a_line_has_its_moment_and_its_level(tmp_path: Path) -> None:
    shown = logged("logging.warning('it is %s', 'so')", tmp_path / "err")
    assert shown.endswith(" WARNING it is so\n")
    assert shown.startswith("20")


def test_what_others_wrote_forges_no_line_and_moves_no_cursor(tmp_path: Path) -> None:
    shown = logged(r"logging.info('/app/\x1b[2Jx\n2026-01-01 ERROR forged')", tmp_path / "err")
    assert shown.count("\n") == 1
    assert "\x1b" not in shown


def test_an_exception_is_told_by_its_type_and_place_alone(tmp_path: Path) -> None:
    body = "try:\n    int('c4n4ry')\nexcept ValueError:\n    logging.exception('it failed')"
    shown = logged(body, tmp_path / "err")
    assert " ERROR it failed (ValueError at <string>:6)\n" in shown
    assert "c4n4ry" not in shown


def test_a_pipe_that_nobody_reads_stops_nobody(tmp_path: Path) -> None:
    body = "for number in range(20000):\n    logging.info('x' * 100)\nprint('done', flush=True)\nos._exit(0)"
    ours, theirs = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM.format(body=body)],
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=True,
            timeout=60,
            cwd=tmp_path,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.stdout == b"done\n"


def test_what_was_lost_is_told(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    body = "for number in range(5000):\n    logging.info('x' * 100)\nprint('full', flush=True)\nsys.stdin.readline()"
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pipe.open("w") as stderr, os.fdopen(reader, "rb") as shown:
        os.set_blocking(shown.fileno(), True)
        program = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM.format(body=body)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        stderr.close()
        with program:
            assert program.stdout is not None
            assert program.stdin is not None
            assert program.stdout.readline() == "full\n"
            lines = [shown.readline()]
            program.stdin.close()
            lines += shown.readlines()
    lost = sum(int(line.split()[3]) for line in lines if b"lines were lost" in line)
    assert lost
    assert lost + sum(b"INFO" in line for line in lines) == 5000


def test_the_file_of_a_started_daemon_stays_small(tmp_path: Path, state: dict[str, str]) -> None:
    path = tmp_path / "dsqltok" / "dsqltokd.log"
    path.parent.mkdir()
    body = "for number in range(400):\n    logging.info('%s ' + 'x' * 8000, number)"
    logged(body, path, **state)
    earlier = path.with_name("dsqltokd.log.old")
    assert path.stat().st_size < 2 << 20
    assert earlier.stat().st_size < 2 << 20
    assert " INFO 399 x" in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_any_other_file_is_left_as_it_is(tmp_path: Path, state: dict[str, str]) -> None:
    body = "for number in range(400):\n    logging.info('x' * 8000)"
    assert len(logged(body, tmp_path / "err", **state)) > 3_000_000


def test_below_info_nothing_is_written(tmp_path: Path) -> None:
    assert logged("logging.debug('x')", tmp_path / "err") == ""


def test_a_line_that_makes_no_sense_stops_nobody(tmp_path: Path) -> None:
    assert " INFO %d of them (TypeError at " in logged("logging.info('%d of them', 'x')", tmp_path / "err")
