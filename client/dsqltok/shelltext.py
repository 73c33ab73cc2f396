"""Environment variables, a token among them, as text that a shell or a program reads. Pure.

Whatever the values hold, the text says these values and nothing else: it is meant for `eval`. Variables that would
lead a connection elsewhere are unset where that can be said.
"""

import json

from dsqltok import errors, libpq

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def sh(variables: "Mapping[str, str]", gone: "Sequence[str]" = ()) -> str:
    """Return commands for any shell of the Bourne family. What is `gone` is unset first."""
    lines = [f"unset {' '.join([*libpq.DIVERTING, *gone])}"]
    lines += [f"export {name}={_quoted(value)}" for name, value in variables.items()]
    return _lines(lines)


def fish(variables: "Mapping[str, str]", gone: "Sequence[str]" = ()) -> str:
    """Return commands for fish. What is `gone` is unset first."""
    # `set -e` fails where there is no such variable, and no `set` that follows it would change the status.
    lines = [*(f"set -e {name}" for name in [*libpq.DIVERTING, *gone]), "true"]
    for name, value in variables.items():
        lines.append(f"set -gx {name} {fish_word(value)}")
    return _lines(lines)


def fish_word(value: str) -> str:
    """Return a word of fish that stands for `value`."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def as_json(variables: "Mapping[str, str]", _gone: "Sequence[str]" = ()) -> str:
    """Return a JSON object, which cannot say what is gone."""
    return json.dumps(variables, indent=2) + "\n"


def dotenv(variables: "Mapping[str, str]", _gone: "Sequence[str]" = ()) -> str:
    """Return the lines of a .env file, which cannot say what is gone.

    Raises `ConfigurationError` for a value that cannot be written so that python-dotenv, and node's dotenv, read it
    alike: in single quotes the one takes escapes and the other does not, and the one expands `${…}` in any quotes.
    """
    return _lines([f"{name}={_dotenv_value(name, value)}" for name, value in variables.items()])


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def _dotenv_value(name: str, value: str) -> str:
    if value.isprintable() and "\\" not in value and "${" not in value:
        for quote in "'\"":
            if quote not in value:
                return f"{quote}{value}{quote}"
    raise errors.ConfigurationError(
        f"{name} has characters that readers of .env files do not agree on",
        hint="use --shell json, or start the program by dsqltok exec",
    )


def _lines(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


WRITERS: "dict[str, Callable[[Mapping[str, str], Sequence[str]], str]]" = {
    "sh": sh,
    "fish": fish,
    "json": as_json,
    "dotenv": dotenv,
}
