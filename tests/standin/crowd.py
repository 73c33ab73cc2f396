"""Programs of the user's own that misbehave at the daemon's socket by the hundreds, and one that behaves and is timed.

Each is a process of its own, `python -m standin.crowd`.
"""

from __future__ import annotations

import itertools
import json
import resource
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from standin import people

if TYPE_CHECKING:
    from collections.abc import Callable

_PACE = 0.001  # seconds between two lookups: without it the client alone keeps a processor busy
_PATIENCE = 60.0
_MOST = 64 * 1024  # bytes of a request


class Program:
    """A module of the beds that runs as the desk's user, and ends with the block."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            people.ordinary().argv(sys.executable, "-m", module, *arguments),
            cwd="/",
            env={"PYTHONPATH": str(Path(__file__).parents[1]), "PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, line: str) -> None:
        """Send a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """Wait for a line."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._process.communicate(timeout=_PATIENCE)
        finally:
            self._process.kill()


class Crowd(Program):
    """`number` connections of a kind that has a function below. All are there when the block begins."""

    def __init__(self, path: Path, kind: str, number: int) -> None:
        super().__init__(__name__, str(path), kind, str(number))

    def __enter__(self) -> Self:
        if self.hear() != "there\n":
            self.__exit__()
            raise RuntimeError("the crowd did not come together")
        return self


class Regular(Program):
    """A client that asks for a token, waits for it, and goes: how long that takes."""

    def __init__(self, path: Path, config: Path, data: str) -> None:
        super().__init__(__name__, str(path), "regular", json.dumps({"config": str(config), "data": data}))

    def lookups(self, number: int) -> list[float]:
        """Return the seconds that each of so many lookups takes."""
        self.say(str(number))
        samples: list[float] = json.loads(self.hear())
        return samples


class Member:
    """One connection of a crowd. It is there again when it was dropped."""

    def __init__(self, path: str, number: int) -> None:
        self._path = path
        self.number = number
        self.sock = socket.socket(socket.AF_UNIX)
        self.connect()

    def connect(self) -> None:
        """Connect, anew where it was connected."""
        self.sock.close()
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)
        self.sock.setblocking(False)

    def send(self, words: bytes) -> None:
        """Send as much of it as goes at once."""
        try:
            self.sock.send(words)
        except BlockingIOError:
            pass  # the daemon takes no more for now
        except OSError:
            self.connect()

    def ask(self, method: str, **params: object) -> None:
        """Send a request, and wait for the answer."""
        self.send(_request(method, **params))
        self.wait()
        while self.dropped():  # it was silent for too long before
            self.connect()
            self.send(_request(method, **params))
            self.wait()

    def wait(self) -> None:
        """Wait for what the daemon says."""
        there = select.poll()
        there.register(self.sock, select.POLLIN)
        there.poll(_PATIENCE * 1000)

    def dropped(self) -> bool:
        """Tell whether the daemon has hung up; what it says is read."""
        try:
            return not self.sock.recv(_MOST)
        except BlockingIOError:
            return False
        except OSError:
            return True


def _request(method: str, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n"


_LONG = _request("x" * (_MOST - 100))


def _nothing(_member: Member) -> None:
    """Be silent."""


def _come_back(member: Member) -> None:
    if member.dropped():
        member.connect()


def _spell(member: Member) -> None:
    """Send a byte of a request that never ends."""
    member.send(b" ")
    _come_back(member)


def _close_half(member: Member) -> None:
    """Connect, send half a request, or a whole one, or none, and close the sending side, but never the other."""
    member.connect()
    request = _request("daemon.health")
    member.send(request[: (0, len(request) // 2, len(request))[member.number % 3]])
    try:
        member.sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # it was dropped


def _ask_long(member: Member) -> None:
    """Send requests whose answers are longer than they, and more than a socket holds, and do not read them."""
    member.send(_LONG)
    member.send(_LONG)


def _fill(member: Member) -> None:
    """Send almost as much as a request may have."""
    member.send(b"x" * (_MOST - 1))


def _overflow(member: Member) -> None:
    """Send more than that."""
    member.send(b"x" * _MOST)
    member.wait()
    member.connect()
    _fill(member)


def _rest(member: Member) -> None:
    """Ask for something, and for nothing more."""
    member.ask("daemon.health")


# How each begins, what one does at its turn, and how many have their turn in a second.
_KINDS: dict[str, tuple[Callable[[Member], None], Callable[[Member], None], int]] = {
    "silent": (_nothing, _nothing, 10),
    "slow": (_nothing, _spell, 1000),
    "half-closed": (_close_half, _close_half, 300),
    "deaf": (_ask_long, _ask_long, 100),
    "oversized": (_fill, _overflow, 100),
    "insistent": (_nothing, _come_back, 5000),  # silent, and back as soon as it was dropped
    "resting": (_rest, _nothing, 10),
}


def _misbehave(path: str, kind: str, number: int) -> None:
    begin, act, a_second = _KINDS[kind]
    resource.setrlimit(resource.RLIMIT_NOFILE, (number + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    members = []
    for each in range(number):
        members.append(Member(path, each))
        begin(members[-1])
    print("there", flush=True)  # noqa: T201 - to the test
    turn = time.monotonic()
    for member in itertools.cycle(members):
        turn = max(turn + 1 / a_second, time.monotonic() - 1)
        if select.select([sys.stdin], [], [], max(0.0, turn - time.monotonic()))[0]:
            return
        act(member)


def _behave(path: str, params: dict[str, str], orders: IO[str]) -> None:
    line = _request("token.get", **params)
    for order in orders:
        samples = []
        for _ in range(int(order)):
            begin = time.perf_counter()
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(path)
                sock.sendall(line)
                answer = sock.recv(_MOST)
            samples.append(time.perf_counter() - begin)
            assert b'"result":{"token":"' in answer, answer
            time.sleep(_PACE)
        print(json.dumps(samples), flush=True)  # noqa: T201 - to the test


if __name__ == "__main__":
    _path, _kind, _what = sys.argv[1:]
    if _kind == "regular":
        _behave(_path, json.loads(_what), sys.stdin)
    else:
        _misbehave(_path, _kind, int(_what))
