"""Somebody who changes which projects are known, and knows what projects.json may hold at each moment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from desk import Connection, Desk

_PROJECT = 'variable "name" {\n  type    = string\n  default = "abc"\n}\n'
Kept = tuple[dict[str, list[str]], set[str]]
"""The added projects with their variables, and those that something was allowed."""


class Registrar:
    """Adds, removes and allows projects, and knows what projects.json may hold."""

    def __init__(self, desk: Desk, chance: Random) -> None:
        self._chance = chance
        self._file = desk.home / ".local/state/dsqltok/projects.json"
        self._configs = [str(desk.write(desk.work / f"{number}.hcl", _PROJECT)) for number in range(6)]
        self._count = 0
        self.may_be: list[Kept] = [({}, set())]

    def change(self, connection: Connection) -> bool:
        """Make one change; tell whether it was answered."""
        config = self._chance.choice(self._configs)
        method = self._chance.choice(("add", "add", "remove", "allow"))
        self._count += 1
        given = {"vars": [f"name=n{self._count}"]} if method == "add" else {}
        before, *_ = self.may_be
        self.may_be = [before, self._after(before, method, config)]
        answer = connection.ask(f"projects.{method}", config=config, **given)
        if answer is not None:
            assert method == "remove" or "result" in answer, answer
            del self.may_be[0]
        return answer is not None

    def _after(self, kept: Kept, method: str, config: str) -> Kept:
        projects, allowed = kept
        others = {known: names for known, names in projects.items() if known != config}
        if method == "add":
            return {**others, config: [f"name=n{self._count}"]}, allowed
        return (others, allowed - {config}) if method == "remove" else (projects, allowed | {config})

    def look(self) -> Kept | None:
        """Return what projects.json holds, None where that is torn."""
        if not self._file.exists():
            return {}, set()
        try:
            found = json.loads(self._file.read_text())
        except ValueError:
            return None
        return {each["config"]: each["variables"] for each in found["projects"]}, set(found["allowed"])

    def drafts(self) -> int:
        return len(list(self._file.parent.glob(".projects.json.dsqltok-*")))
