"""A passfile is whole at every moment, though whoever writes it is killed, and whoever else writes loses nothing."""

from __future__ import annotations

import subprocess
import time
from random import Random
from typing import TYPE_CHECKING

import pytest

from desk import BIN
from standin import people

if TYPE_CHECKING:
    from pathlib import Path

    from desk import Desk
    from promise import Faults

AFTER = "after a kill -9 the next start works, and nothing is torn, stuck or left behind"
OTHERS = b"db.example:5432:*:me:word\n" * 50 + b"last:1:*:me:no newline"
TOKEN = "x" * 1500
# The job, over and over: other tokens each time, and none every third time.
WRITES = f"""
import sys
from dsqltokd import passtext
from dsqltokd.worker import passfile
def put(count):
    token = "h/?Action=DbConnectAdmin&" + str(count % 10) + {TOKEN!r}
    line = passtext.line("h", "5432", "admin", token)
    passfile.run({{"path": sys.argv[1], "lines": [("dsql", line)] if count % 3 else []}})
for count in range(int(sys.argv[2])):
    put(count)
    if count == 1:
        print("goes on", flush=True)
"""


def writer(desk: Desk, file: Path, times: int) -> subprocess.Popen[str]:
    command = people.ordinary().argv(str(BIN / "python"), "-c", WRITES, str(file), str(times))
    return subprocess.Popen(command, cwd="/", env=desk.environment, stdout=subprocess.PIPE, text=True)


def is_whole(text: bytes) -> bool:
    if text == OTHERS:
        return True
    comment, line, rest = text.split(b"\n", 2)
    return comment.startswith(b"# dsqltok keeps") and line.endswith(b"x" * len(TOKEN)) and rest == OTHERS


@pytest.mark.promise(AFTER, fault="killed while it writes a passfile", short=10, long=400)
def test_killed_while_it_writes_a_passfile(faults: Faults, desk: Desk) -> None:
    chance = Random("passfile")  # noqa: S311 - a seed is there to have the same again
    file = desk.home / ".pgpass"
    file.write_bytes(OTHERS)
    file.chmod(0o600)
    people.ordinary().own(file)
    for _ in faults:
        with writer(desk, file, 1_000_000) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "goes on\n"
            time.sleep(chance.uniform(0, 0.02))
            process.kill()
        faults.hold(is_whole(file.read_bytes()), "it is torn")
        faults.hold(file.stat().st_mode & 0o777 == 0o600, "its mode is another")
        drafts = list(file.parent.glob("..pgpass.dsqltok-*"))
        faults.hold(len(drafts) <= 1, f"{len(drafts)} drafts are left")
        faults.hold(all(each.stat().st_mode & 0o077 == 0 for each in drafts), "others may read a draft")
    with writer(desk, file, 4) as process:
        process.communicate()
    assert file.read_bytes() == OTHERS
    assert not list(file.parent.glob("..pgpass.dsqltok-*"))
