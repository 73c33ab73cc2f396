"""`dsqltok completion`: the script that asks at each TAB, and the answer, made from the tables that commands go by.

The answer is `words` with the words that fit, a line each, or `files` where a file is to be named. Whatever is wrong
with the project or the daemon, it comes soon, and is only shorter: nobody wants to read of it while typing.
"""

import os
import shlex
import signal
from typing import NamedTuple

from dsqltok import arguments, asking, errors, paths
from dsqltok.activating import script
from dsqltok.choices import CHOICES

_PATIENCE = 1.0  # seconds
_FILES = ("config", "file", "write", "exec", "words", "command", "unix", "ca")


class _Line(NamedTuple):
    """A command line as far as it was typed: what stands in the place of the last word, and what was said before."""

    command: str
    place: str | None
    said: dict[str, str]


def _completion(options: "arguments.Options") -> int:
    if options.get("shell") == "words":  # what the scripts ask for
        words = options.get("words") or [""]
        assert isinstance(words, list)  # noqa: S101 - made by arguments.parse
        arguments.write("\n".join(candidates(words)) + "\n")
        return 0
    if "shell" not in options:
        raise errors.UsageError("which shell is the completion for?", hint="bash, zsh or fish")
    arguments.write(script(f"completion.{arguments.choice(options, 'shell', CHOICES['completion']['shell'])}"))
    return 0


def candidates(words: list[str]) -> list[str]:
    """Return the answer for the words after the program's name, the last of which is being typed."""
    before = [word for word in words[:-1] if word != "="]  # bash makes a word of its own of it
    current = _unquoted("" if words[-1] == "=" else words[-1])
    if not before:
        return _fitting([*arguments.COMMANDS, "help", "version"], current)
    if before[0] not in arguments.COMMANDS:
        return ["words"]
    line = _read(before)
    option, equals, value = current.partition("=")
    valued, switches, _ = arguments.COMMANDS[line.command]
    if equals and line.place != "value" and option in valued:
        found = _values(line, valued[option])
        return ["words", *(f"{option}={each}" for each in _fitting(found, value)[1:])]
    if current.startswith("-"):
        return _fitting([*valued, *switches, "--help"], current)
    return ["files"] if line.place in _FILES else _fitting(_standing_alone(line), current)


def _unquoted(word: str) -> str:
    """Return what a word that is being typed means, as far as its quotes tell."""
    if not any(sign in word for sign in "\\'\""):
        return word
    try:
        return "".join(shlex.split(word))
    except ValueError:  # the closing quote is not typed yet
        return word.lstrip("'\"")


def _fitting(words: list[str], current: str) -> list[str]:
    return ["words", *(word for word in words if word.startswith(current) and word.isprintable())]


def _read(before: list[str]) -> _Line:
    command, *rest = before
    valued, _, positional = arguments.COMMANDS[command]
    places = [name for name in positional if name[0] != "*"]
    said: dict[str, str] = {}
    last = positional[-1].strip("*") if positional and positional[-1][0] == "*" else None
    waiting: str | None = None
    for word in rest:
        option, equals, value = word.partition("=")
        if waiting is not None:
            said[waiting], waiting = word, None
        elif word == "--" and last is not None:
            return _Line(command, last, said)
        elif option in valued and equals:
            said[valued[option]] = value
        elif word in valued:
            waiting = valued[word]
        elif not word.startswith("-") and places:
            if places[0][0] != "+":  # which takes any number
                said[places.pop(0)] = word
        elif not word.startswith("-") and last is not None:
            return _Line(command, last, said)
    return _Line(command, waiting or next(iter(places), last), said)


def _standing_alone(line: _Line) -> list[str]:
    """Return the words that may stand in the line's place by themselves."""
    if line.place is None:
        return []
    words = _values(line, line.place)
    if line.place in arguments.COMMANDS[line.command][2]:  # where one that begins so would be taken for an option
        return [word for word in words if not word.startswith("-")]
    return words


def _values(line: _Line, place: str) -> list[str]:
    known = CHOICES.get(line.command, {}).get(place)
    if known is not None:
        return [*known]
    names = {"name": "envs", "+names": "envs", "names": "envs", "env": "envs", "data": "tokens"}
    return _names(line.said.get("config"), names[place]) if place in names else []


def _names(given: str | None, kind: str) -> list[str]:
    signal.signal(signal.SIGALRM, _too_late)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
    try:
        path = paths.find_project() if given is None else paths.project_file(os.path.expanduser(given))
        found = asking.ask("project.names", {"config": path})[kind] if path is not None else []
        return [str(name) for name in found] if isinstance(found, list) else []
    except (errors.DsqltokError, OSError):
        return []
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_late(_number: int, _frame: object) -> None:
    raise errors.TimedOutError("too late for a completion")


COMMANDS = {"completion": _completion}
