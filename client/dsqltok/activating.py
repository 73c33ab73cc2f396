"""`dsqltok hook`, and what the hook asks for at the prompt: code for the shell that sets an env's variables.

The code's first line says after how many seconds to ask again. It leaves in shell variables with which words, and what
makes everything as it was before. The code holds the token; it goes through a pipe, to `eval`. What makes everything as
it was also drops what `dsqltok env` set for another env meanwhile, by what `DSQLTOK_SET` names then.
"""

import os
import shlex
import signal
import time
from typing import TYPE_CHECKING, Any

from dsqltok import arguments, asking, errors, libpq, report, shelltext
from dsqltok.choices import CHOICES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_PATIENCE = 2.0  # seconds that a prompt may be late
_LEAST_LIFE = 270  # seconds of a token's life that are left when it is replaced, half a minute after the daemon does
_SHORTEST_PAUSE = 30
_INSTALLING = {
    "bash": 'put eval "$(dsqltok hook bash)" at the end of ~/.bashrc, and start a new shell',
    "zsh": 'put eval "$(dsqltok hook zsh)" at the end of ~/.zshrc, and start a new shell',
    "fish": "put dsqltok hook fish | source into ~/.config/fish/config.fish, and start a new shell",
}


def _hook(options: "arguments.Options") -> int:
    if "shell" not in options:
        raise errors.UsageError("which shell is the hook for?", hint="bash, zsh or fish")
    shell = arguments.choice(options, "shell", CHOICES["hook"]["shell"])
    arguments.write(script(f"hook.{shell}"))
    return 0


def script(name: str) -> str:
    """Return the text of one of our scripts for shells."""
    with open(f"{os.path.dirname(__file__)}/shells/{name}", encoding="utf-8") as file:
        return file.read()


def _activate(options: "arguments.Options") -> int:
    if "shell" not in options:
        raise _no_hook("the hook is not in this shell")
    shell = arguments.choice(options, "shell", CHOICES["activate"]["shell"])
    params = arguments.selection(options)
    if "again" not in options:
        answer = asking.complete("connection.get", params)
    else:
        try:
            answer = _soon(lambda: asking.request("connection.get", params))
        except errors.DsqltokError as error:
            name = options.get("env", options.get("data"))
            report.warn([f'the variables of env "{name}" in this shell were not renewed: {error.message}'])
            return error.exit_code
    arguments.write(_code(shell, options, answer))
    return 0


def _soon(ask: "Callable[[], dict[str, Any]]") -> dict[str, Any]:
    """Return the answer. Raises `TimedOutError` where a person at the prompt would have to wait for it."""
    signal.signal(signal.SIGALRM, _too_late)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
    try:
        return ask()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_late(_number: int, _frame: object) -> None:
    raise errors.TimedOutError(f"no token within {_PATIENCE:.0f} s")


def _deactivate(_options: "arguments.Options") -> int:
    raise _no_hook("no env is active in this shell")


def _no_hook(message: str) -> errors.UsageError:
    shell = os.path.basename(os.environ.get("SHELL", ""))
    return errors.UsageError(message, hint=_INSTALLING.get(shell, "dsqltok hook bash | zsh | fish prints it"))


def _code(shell: str, options: "arguments.Options", answer: dict[str, Any]) -> str:
    new = libpq.variables(answer)
    gone = [name for name in (*libpq.DIVERTING, *libpq.earlier(os.environ)) if name in os.environ and name not in new]
    words = _words(shell, options, answer)
    pause = max(_SHORTEST_PAUSE, int(answer["expires"] - time.time()) - _LEAST_LIFE)
    before = {name: os.environ.get(name) for name in [*new, *gone]}
    return _WRITERS[shell](pause, {**new, **dict.fromkeys(gone)}, before, words)


def _words(shell: str, options: "arguments.Options", answer: dict[str, Any]) -> list[str]:
    """Return the arguments that mean the same from any directory."""
    words = ["--shell", shell, "--config", answer["config"]]
    if answer["env"] is not None:
        words += ["--env", answer["env"]]
    if "data" in options or answer["env"] is None:
        words += ["--data", answer["data"]]
    return words + [word for value in answer["vars"] for word in ("--var", value)]


def _sh(pause: int, new: dict[str, str | None], before: dict[str, str | None], words: "Iterable[str]") -> str:
    return "\n".join(
        [
            f"_dsqltok_in={pause}",
            f"_dsqltok_args=({shlex.join(words)})",
            f"_dsqltok_restore={shlex.quote(_sh_dropping(before) + _sh_setting(before))}",
            _sh_setting(new),
        ]
    )


def _sh_setting(values: dict[str, str | None]) -> str:
    return "".join(
        f"unset {name}\n" if value is None else f"export {name}={shlex.quote(value)}\n"
        for name, value in values.items()
    )


def _sh_dropping(before: "Iterable[str]") -> str:
    return "".join(
        f'case " ${{DSQLTOK_SET-}} " in *" {name} "*) unset {name} ;; esac\n'
        for name in libpq.NAMES
        if name not in before
    )


def _fish(pause: int, new: dict[str, str | None], before: dict[str, str | None], words: "Iterable[str]") -> str:
    return "\n".join(
        [
            f"set -g _dsqltok_in {pause}",
            f"set -g _dsqltok_args {' '.join(map(shelltext.fish_word, words))}",
            f"set -g _dsqltok_restore {shelltext.fish_word(_fish_dropping(before) + _fish_setting(before))}",
            "set -l put -gx",
            "set -l drop -e",
            _fish_setting(new),
        ]
    )


def _fish_setting(values: dict[str, str | None]) -> str:
    """Return code for where `$put` and `$drop` say whether that is done for the shell, or for a function only."""
    return "".join(
        f"set $drop {name}\n" if value is None else f"set $put {name} {shelltext.fish_word(value)}\n"
        for name, value in values.items()
    )


def _fish_dropping(before: "Iterable[str]") -> str:
    return "".join(
        f"contains {name} (string split ' ' -- \"$DSQLTOK_SET\"); and set $drop {name}\n"
        for name in libpq.NAMES
        if name not in before
    )


_WRITERS = {"bash": _sh, "zsh": _sh, "fish": _fish}
COMMANDS = {"hook": _hook, "activate": _activate, "deactivate": _deactivate}
