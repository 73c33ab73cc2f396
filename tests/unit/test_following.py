"""Following a token without a daemon of ours: one that is played says something, or nothing, when it is waited for."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from dsqltok import errors, following, paths, protocol

if TYPE_CHECKING:
    import _socket
    from collections.abc import Iterator

MINUTE = 60.0
LONGEST = 5 * MINUTE
WEEK = 7 * 24 * 60 * MINUTE
SILENCE = b""


def answer(value: str, life: float = WEEK) -> dict[str, object]:
    ends = datetime.now(UTC) + timedelta(seconds=life)
    return {"token": value, "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}


def token(value: str, life: float = WEEK) -> bytes:
    return protocol.result(1, answer(value, life))


class Daemon:
    """Says the next of `says` each time that it is waited for. `waits` has for how long that would have been."""

    def __init__(self, path: str) -> None:
        self.says: list[bytes] = []
        self.waits: list[float] = []
        self.connections: list[socket.socket] = []
        self._client: _socket.socket | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()

    def wait(self, sock: _socket.socket | None, seconds: float) -> bool:
        if sock is None:
            return False
        self.waits.append(seconds)
        if sock is not self._client:
            self._client = sock
            self.connections.append(self._listener.accept()[0])
        said = self.says.pop(0)
        self.connections[-1].sendall(said)
        return said != SILENCE

    def close(self) -> None:
        for each in (*self.connections, self._listener):
            each.close()


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("d")))
    os.makedirs(paths.runtime_dir(), mode=0o700)
    played = Daemon(paths.socket_path())
    yield played
    played.close()


def told(daemon: Daemon, count: int) -> list[Any]:
    """Return the first of what a follower is told: tokens, and errors."""
    found = following.news({}, wait=daemon.wait)
    first = [each if isinstance(each, errors.DsqltokError) else each["token"] for each in islice(found, count)]
    found.close()  # type: ignore[attr-defined]  # it is a generator
    return first


def test_a_daemon_that_is_silent_beyond_the_end_of_its_token_is_asked_anew_on_another_connection(
    daemon: Daemon,
) -> None:
    daemon.says = [token("one", MINUTE), SILENCE, token("two")]
    assert told(daemon, 2) == ["one", "two"]
    assert len(daemon.connections) == 2
    assert 0 < daemon.waits[1] <= MINUTE + 1


def test_one_that_has_nothing_new_is_asked_again_after_some_minutes_and_nothing_is_told(daemon: Daemon) -> None:
    daemon.says = [token("one"), SILENCE, token("one"), SILENCE, token("two")]
    assert told(daemon, 2) == ["one", "two"]
    assert daemon.waits[1] == daemon.waits[3] == LONGEST


def test_one_that_has_no_token_just_now_is_asked_again_too(daemon: Daemon) -> None:
    trouble = protocol.notification("token", {"error": errors.UnavailableError("aws is away", hint="h").as_data()})
    daemon.says = [token("one"), trouble, SILENCE, token("two")]
    assert [str(each) for each in told(daemon, 3)] == ["one", "aws is away", "two"]
    assert daemon.waits[2] == LONGEST


def test_a_daemon_that_hangs_is_told_once_and_followed_again_when_it_goes_on(daemon: Daemon) -> None:
    again = [token("one"), protocol.notification("token", answer("two"))]
    daemon.says = [token("one"), SILENCE, SILENCE, SILENCE, *again]
    first, trouble, second = told(daemon, 3)
    assert (first, second) == ("one", "two")
    assert isinstance(trouble, errors.TimedOutError)
    assert "does not answer" in trouble.message
    assert trouble.hint
    assert len(daemon.connections) == 4


def test_an_answer_that_takes_its_time_is_waited_for(daemon: Daemon) -> None:
    daemon.says = [protocol.wait(20), token("one")]
    assert told(daemon, 1) == ["one"]
    assert daemon.waits[1] > 20
