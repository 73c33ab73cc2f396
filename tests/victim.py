"""A daemon to be killed, and the processes below one: its workers, and what these run."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
from typing import TYPE_CHECKING, Self

from desk import ACCESS_KEY_ID, BIN, SECRET_ACCESS_KEY, eventually
from standin import people

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Desk

_PATIENCE = 60.0
_LINGERS = 60.0  # seconds that a worker of a busy machine may take to notice that the daemon is no more


class Victim:
    """`dsqltokd`, started by a desk's user; a context manager, in whose block the test kills it.

    Its log goes to a pipe that its workers hold too, and so tells when the last of them has gone.
    """

    def __init__(self, desk: Desk) -> None:
        self._process = subprocess.Popen(
            people.ordinary().argv(str(BIN / "dsqltokd")),
            cwd="/",
            env=desk.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def is_ready(self) -> bool:
        """Wait until it serves; tell whether it came to that."""
        pipe = self._process.stdout
        assert pipe is not None
        readable, _, _ = select.select([pipe], [], [], _PATIENCE)
        return bool(readable) and pipe.readline() == "ok\n"

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()

    def log(self) -> str | None:
        """Wait for its end, and return its log; None where a process of its is left."""
        try:
            _, log = self._process.communicate(timeout=_LINGERS)
        except subprocess.TimeoutExpired:
            return None
        return log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()


def serving(desk: Desk) -> int:
    """Return the process that listens at the desk's socket, once there is one."""
    found: list[int] = []

    def look() -> bool:
        with socket.socket(socket.AF_UNIX) as there, contextlib.suppress(OSError):
            there.connect(str(desk.socket))
            found.append(struct.unpack("3i", there.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])
        return bool(found)

    eventually(look, "there is a daemon")
    return found[0]


def workers(daemon: int) -> dict[int, str]:
    """Return the kinds of a daemon's workers by their process ids."""
    command = ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=2) for line in listing.splitlines() if "dsqltokd.worker" in line]
    return {int(pid): arguments.split()[-1] for pid, parent, arguments in rows if int(parent) == daemon}


def strike(pid: int, how: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process, which may have ended by itself."""
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        pass


def answer_pipes(worker: int) -> Iterator[str]:
    """Yield the paths at which root may write into what a worker says to the daemon."""
    try:
        for name in os.listdir(f"/proc/{worker}/fd"):
            path = f"/proc/{worker}/fd/{name}"
            if int(name) > 2 and os.readlink(path).startswith("pipe:") and _is_for_writing(worker, name):
                yield path
    except FileNotFoundError:
        pass  # it has ended


def _is_for_writing(process: int, fd: str) -> bool:
    with open(f"/proc/{process}/fdinfo/{fd}", encoding="ascii") as file:
        flags = dict(line.split(":\t", 1) for line in file)["flags"]
    return int(flags, 8) & os.O_ACCMODE == os.O_WRONLY


class Helper:
    """A credential_process that gives keys at once, except that, once `holding`, its next run takes ten minutes."""

    def __init__(self, desk: Desk) -> None:
        self._held, self._armed = desk.root / "held", desk.root / "armed"
        os.mkfifo(self._held)
        people.ordinary().own(self._held)
        keys = json.dumps({"Version": 1, "AccessKeyId": ACCESS_KEY_ID, "SecretAccessKey": SECRET_ACCESS_KEY})
        wait = f"exec 9>{self._held}; echo up >&9; sleep 600 & sleep 600"
        script = f"#!/bin/sh\nif rmdir {self._armed} 2>/dev/null; then {wait}; fi\necho '{keys}'\n"
        helper = desk.write(desk.root / "helper", script, mode=0o755)
        desk.aws(config=f"[default]\ncredential_process = {helper}\n", credentials="[other]\n")

    @contextlib.contextmanager
    def holding(self) -> Iterator[Callable[[], bool]]:
        """Have the next run hold a pipe; what is given tells whether that run, and all that it started, has ended."""
        self._armed.mkdir()
        people.ordinary().own(self._armed)
        self._pipe = os.open(self._held, os.O_RDONLY | os.O_NONBLOCK)
        try:
            yield lambda: self._read() == b""
        finally:
            os.close(self._pipe)

    def wait(self) -> None:
        """Wait until that run has begun."""
        eventually(lambda: self._read() == b"up\n", "the helper runs")

    def _read(self) -> bytes | None:
        try:
            return os.read(self._pipe, 3)
        except BlockingIOError:
            return None  # it is there, and says nothing
