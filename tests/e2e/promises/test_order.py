"""What was invalidated stays so, whatever a refresh that began before brings; a failed refresh takes nothing away."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from desk import eventually
from standin import dated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from desk import Desk
    from promise import Faults
    from standin.sigv4 import Credentials
    from standin.steps import Steps

LATER = "an invalidation is not overwritten by a refresh that began before it"


class Waiting:
    """A credential_process that waits for the test to say what it prints."""

    def __init__(self, desk: Desk) -> None:
        self._made = int(time.time()) + 3600
        runs = desk.root / "runs"
        done = desk.run("mkfifo", str(runs), cwd=desk.home)
        assert done.returncode == 0, done.stderr
        self._runs = os.fdopen(os.open(runs, os.O_RDWR))  # a pipe that somebody may always write to never ends
        helper = f"#!/bin/sh\npipe={desk.root}/pipe.$$\nmkfifo $pipe\necho $pipe >{runs}\nexec cat $pipe\n"
        desk.write(desk.root / "helper", helper, mode=0o755)
        desk.aws(config=f"[default]\ncredential_process = {desk.root / 'helper'}\n", credentials="[other]\n")

    def close(self) -> None:
        """Let nobody wait any more."""
        self._runs.close()

    def run(self) -> Path:
        """Wait until it runs, and return that run, to be told what to print."""
        return Path(self._runs.readline().strip())

    def another(self) -> Credentials:
        """Return credentials other than all before."""
        self._made += 1
        return dated.make(self._made)


def prints(run: Path, made: Credentials) -> None:
    """Have a run of the helper print these credentials, and end."""
    assert made.expires_at is not None
    given = {
        "Version": 1,
        "AccessKeyId": made.access_key_id,
        "SecretAccessKey": made.secret_access_key,
        "SessionToken": made.session_token,
        "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made.expires_at)),
    }
    run.write_text(json.dumps(given))


def signed_with(token: str, made: Credentials) -> bool:
    return dated.access_key_id(token) == made.access_key_id


@pytest.fixture
def waiting(desk: Desk, example: Callable[[str], str]) -> Iterator[Waiting]:
    example("admin")
    with closing(Waiting(desk)) as helper:
        yield helper


@pytest.fixture
def asking(desk: Desk) -> Iterator[Callable[[], Future[str]]]:
    """Begin a `get`, whose token is there later."""
    with ThreadPoolExecutor(1) as person:
        yield lambda: person.submit(desk.ok, "get", "-n")


@pytest.mark.promise(LATER, fault="`dsqltok flush` during a refresh", short=2, long=100)
def test_a_flush(faults: Faults, desk: Desk, waiting: Waiting, asking: Callable[[], Future[str]]) -> None:
    with desk.daemon():
        for _ in faults:
            old, new = waiting.another(), waiting.another()
            token = asking()
            run = waiting.run()
            desk.ok("flush")
            prints(run, old)
            prints(waiting.run(), new)
            faults.hold(signed_with(token.result(), new), "signed with what was flushed")
            faults.hold(signed_with(desk.ok("get", "-n"), new), "what was flushed is back")
            desk.ok("flush", "dsql")


@pytest.mark.promise(LATER, fault="an AWS file is edited during a refresh", short=2, long=100)
def test_an_edit(faults: Faults, desk: Desk, waiting: Waiting, asking: Callable[[], Future[str]]) -> None:
    def edit() -> None:
        noticed = _noticed(desk)
        desk.aws(credentials=f"[other]\n# {noticed}\n")
        eventually(lambda: _noticed(desk) > noticed, "the edit is noticed")

    with desk.daemon():
        first = asking()
        prints(waiting.run(), waiting.another())
        first.result()
        for _ in faults:
            old, new = waiting.another(), waiting.another()
            edit()
            token = asking()
            run = waiting.run()
            edit()
            prints(run, old)
            prints(waiting.run(), new)
            faults.hold(signed_with(token.result(), new), "signed with what was in hand before the edit")


def _noticed(desk: Desk) -> int:
    return desk.log.read_text().count("is to be signed for again")


@pytest.mark.promise("a failed refresh takes no good token away", fault="a helper that fails", short=2, long=200)
def test_a_failure(
    faults: Faults, renewing: Desk, example: Callable[[str], str], stepped: Steps, login: Callable[..., str]
) -> None:
    example("admin")
    helper = (renewing.root / "helper").read_text()
    with renewing.daemon():
        for turn in faults:
            renewing.ok("get", "-n")
            renewing.write(renewing.root / "helper", f"#!/bin/sh\nexit {turn % 2}\n", mode=0o755)
            stepped.suspend(700.0)  # now it has less than the least life, and a better one is tried for
            faults.hold(login(token=renewing.ok("get", "-n")) == "admin", "nobody is let in")
            renewing.write(renewing.root / "helper", helper, mode=0o755)
            stepped.suspend(201.0)  # and now it is over
