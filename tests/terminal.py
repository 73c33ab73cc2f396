"""A person at a terminal: a program on a pseudo-terminal of its own, what it says, and answers to that."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import subprocess
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Desk

_PATIENCE = 30.0


class Terminal:
    """What is on the screen is in `screen`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._keys: IO[bytes] = process.stdin
        self._screen: IO[bytes] = process.stdout
        self.screen = ""
        self._seen = 0

    def answer(self, question: str, words: str) -> None:
        """Wait for a question, after those that were answered, and type an answer."""
        self._type(question, f"{words}\n")

    def give_up(self, question: str) -> None:
        """Wait for a question, and type Ctrl-D, which ends the input."""
        self._type(question, "\x04")

    def say(self, words: str) -> None:
        """Type a line."""
        self._seen = len(self.screen)
        self._keys.write(f"{words}\n".encode())
        self._keys.flush()

    def interrupt(self) -> None:
        """Type Ctrl-C."""
        self._keys.write(b"\x03")
        self._keys.flush()

    def hear(self, words: str) -> str:
        """Wait for words that were not there when the last line was typed, and return all that came since."""
        self._read_until(lambda: words in self.screen[self._seen :], f"no {words!r}")
        return self.screen[self._seen :]

    def _type(self, question: str, keys: str) -> None:
        self._read_until(lambda: question in self.screen[self._seen :], f"no {question!r}")
        self._seen = len(self.screen)
        self._keys.write(keys.encode())
        self._keys.flush()

    def end(self) -> int:
        """Wait for the end, and return the exit code."""
        self._read_until(lambda: self._process.poll() is not None, "no end")
        self.screen += self._screen.read().decode(errors="replace")
        return self._process.returncode

    def _read_until(self, done: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + _PATIENCE
        while not done():
            assert time.monotonic() < end, f"{what} in: {self.screen}"
            if select.select([self._screen], [], [], 0.1)[0]:
                self.screen += os.read(self._screen.fileno(), 4096).decode(errors="replace")


@contextlib.contextmanager
def at_terminal(desk: Desk, *command: str) -> Iterator[Terminal]:
    """Run a program of the desk's user on a terminal; its exit code is the program's."""
    process = subprocess.Popen(
        desk.argv("script", "--quiet", "--return", "--command", shlex.join(command), "/dev/null"),
        cwd=desk.work,
        env=desk.environment | {"SHELL": "/bin/sh"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    with process:
        try:
            yield Terminal(process)
        finally:
            process.kill()
