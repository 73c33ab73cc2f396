"""Somebody at the prompt of an interactive shell, with the hook or the completion in it."""

from __future__ import annotations

import itertools
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import recipes
from desk import ACCESS_KEY_ID, eventually
from terminal import Terminal, at_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from desk import Desk

BARE = {"bash": ("--norc", "-i"), "zsh": ("-f", "-i"), "fish": ("--no-config", "-i")}
"""The shells, and with which arguments they read no file of the user's."""


@dataclass
class Shell:
    """An interactive shell on a terminal, with the hook."""

    name: str
    terminal: Terminal
    _turn: Iterator[int] = field(default_factory=itertools.count)

    def run(self, command: str) -> str:
        """Type a command, and return what it and the prompt before it printed."""
        turn = next(self._turn)
        self.terminal.say(f"{command}; printf 'end%s%s\\n' of {turn}")
        return self.terminal.hear(f"endof{turn}")

    def value(self, name: str) -> str:
        """Return a variable's value; nothing where it is not set."""
        given = f"${name}" if self.name == "fish" else f"${{{name}-}}"
        found = re.search(r"<<:(?!%s)(.*?):>>", self.run(f"""printf '<<:%s:>>\\n' "{given}" """), re.DOTALL)
        assert found
        return found[1]

    def status(self, command: str) -> str:
        """Run a command, and return the status that the next one sees behind the prompt."""
        self.terminal.say(command)
        return self.value("status" if self.name == "fish" else "?")


@contextmanager
def shell(desk: Desk, name: str, first: str = "") -> Iterator[Shell]:
    """Run a shell with the hook, after a first command."""
    recipes.program(name, f"install {name}")
    with at_terminal(desk, name, *BARE[name]) as terminal:
        found = Shell(name, terminal)
        if first:
            found.run(first)
        found.run(recipes.code("hook", name).strip())
        yield found


def completes(desk: Desk, name: str, keys: str) -> None:
    """Hold that keys bring a token in a shell with the completion, which may be late for once on a busy machine."""
    recipes.program(name, f"install {name}")
    desk.environment["TERM"] = "vt100"
    eventually(lambda: _bring_a_token(desk, name, keys), f"{keys!r} brings a token in {name}", patience=60.0)


def _bring_a_token(desk: Desk, name: str, keys: str) -> bool:
    with at_terminal(desk, name, *BARE[name]) as terminal:
        if name == "zsh":
            terminal.say("autoload -Uz compinit; compinit -u -D")
        terminal.say(f"{recipes.code('hook', name, 1).strip()}; printf '%s%s\\n' rea dy")
        terminal.hear("ready")
        terminal.say(f"{keys}; printf '%s%s\\n' ov er")
        return f"Credential={ACCESS_KEY_ID}" in terminal.hear("over")
