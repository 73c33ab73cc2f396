"""What a step of `dsqltok doctor` came to, and how that is shown to a person and to a program. Pure.

✓ daemon    running, version 0.1.0, process 123
✗ clock     it is 300 s behind AWS's, which refuses what is signed by such a clock
            hint: have the system set it, such as by timedatectl set-ntp true
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from dsqltok.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDTH = len("identity")


class Outcome(Enum):
    """What became of a step. A warning is worth knowing and stops no token."""

    GOOD = "good"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Step:
    """One step: what was found, and what to do about it. `exit_code` is that of a failure's kind."""

    name: str
    outcome: Outcome
    text: str
    hint: str = ""
    exit_code: int = 0


@dataclass(frozen=True)
class Signs:
    """What a terminal can show: a sign for each outcome, and in place of what else a text holds beyond ASCII."""

    outcomes: Mapping[Outcome, str]
    instead: Mapping[str, str]


_SIGNS = Signs({Outcome.GOOD: "✓", Outcome.WARNING: "!", Outcome.FAILED: "✗", Outcome.SKIPPED: "-"}, {})
_ASCII = Signs(
    {Outcome.GOOD: "ok", Outcome.WARNING: "warn", Outcome.FAILED: "FAIL", Outcome.SKIPPED: "skip"},
    {"→": "->", "…": "..."},
)
_OK = {Outcome.GOOD: True, Outcome.WARNING: True, Outcome.FAILED: False, Outcome.SKIPPED: None}


def signs(environment: Mapping[str, str]) -> Signs:
    """Return what a terminal of this locale can show."""
    locale = next(filter(None, map(environment.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    return _SIGNS if locale.lower().replace("-", "").endswith("utf8") else _ASCII


def line(step: Step, signs: Signs) -> str:
    """Return the lines that show a step to a person."""
    wide = max(map(len, signs.outcomes.values()))
    indent = " " * (wide + _WIDTH + 3)
    text = step.text.rstrip("\n").replace("\n", f"\n{indent}")
    shown = f"{signs.outcomes[step.outcome].ljust(wide)} {step.name.ljust(_WIDTH)}  {text}\n"
    if step.hint:
        shown += f"{indent}hint: {plain(step.hint, keep='')}\n"
    for character, ascii_words in signs.instead.items():
        shown = shown.replace(character, ascii_words)
    return plain(shown)


def as_data(steps: Sequence[Step]) -> dict[str, object]:
    """Return what `dsqltok doctor --json` prints. A step that was not taken is neither ok nor not: null."""
    return {
        "ok": not any(step.outcome is Outcome.FAILED for step in steps),
        "steps": [
            {"step": step.name, "ok": _OK[step.outcome], "text": step.text, "hint": step.hint or None} for step in steps
        ],
    }
