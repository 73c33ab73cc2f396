"""A program for credential_process that notes when it begins and ends, and may be held up in between."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from standin import dated

if TYPE_CHECKING:
    from desk import Desk


class HeldHelper:
    """The program is at `path`; its argument is for whom it is run. What it gives dates from when it begins."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._notes, self._barrier = desk.root / "runs", desk.root / "barrier"
        desk.write(self._notes, "")
        gives = desk.write(desk.root / "gives", dated.program(900), mode=0o755)
        text = (
            f'#!/bin/sh\ngiven=$({gives})\necho "begin $1" >> {self._notes}\n'
            f"while test -e {self._barrier}; do sleep 0.1; done\n"
            f'echo "end $1" >> {self._notes}\necho "$given"\n'
        )
        self.path = desk.write(desk.root / "helper", text, mode=0o755)

    @property
    def begun(self) -> list[str]:
        """Return for whom it was run, in order."""
        return re.findall("^begin (.*)$", self._notes.read_text(), re.MULTILINE)

    @property
    def busiest(self) -> int:
        """Return how many ran at a time, at most."""
        running = most = 0
        for line in self._notes.read_text().splitlines():
            running += 1 if line.startswith("begin") else -1
            most = max(most, running)
        return most

    def forget(self) -> None:
        """Forget what it noted."""
        self._desk.write(self._notes, "")

    def hang(self) -> None:
        """Have whoever runs it wait."""
        self._desk.write(self._barrier, "")

    def go_on(self) -> None:
        """Have nobody wait any more."""
        self._barrier.unlink()
