"""The configuration, `config.toml`: what it may say, and what it means where it says nothing."""

from __future__ import annotations

import re
import tomllib
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from dsqltok.errors import ConfigurationError
from dsqltokd.model import Policy

_LONGEST_TOKEN = 604_800  # AWS's own limit
_LONGEST_WAIT = 300


@dataclass(frozen=True, slots=True)
class Config:
    """What `config.toml` says.

    `token_ttl` and `keep_warm` are seconds; so are `aws_timeout` and `program_timeout`, which one attempt to get
    credentials and one program of a project may take.
    `keyring` is the class path of a keyring backend to use in place of the encrypted one that is there, or "none".
    `log_level` is the least of what is logged.
    `allow_hosts` may stand in a url in place of the token's endpoint. `pass_environment` names variables that the
    client gives to a daemon that it starts.
    """

    token_ttl: int = 900
    keep_warm: int = 12 * 3600
    aws_timeout: int = 10
    program_timeout: int = 10
    keyring: str = ""
    log_level: str = "info"
    allow_hosts: tuple[str, ...] = ()
    pass_environment: tuple[str, ...] = field(default=())

    @property
    def policy(self) -> Policy:
        """Return the part that the schedule goes by."""
        return Policy(self.token_ttl, self.keep_warm)


_RANGES = {
    "token_ttl": (1, _LONGEST_TOKEN),
    "keep_warm": (0, 366 * 86_400),
    "aws_timeout": (1, _LONGEST_WAIT),
    "program_timeout": (1, _LONGEST_WAIT),
}

_LEVELS = ("debug", "info", "warning", "error")


def load(path: str) -> Config:
    """Return what the file says; the defaults where there is none. Raises `ConfigurationError`."""
    try:
        with open(path, encoding="utf-8") as file:
            return parse(file.read(), path)
    except FileNotFoundError:
        return Config()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}", hint="mend the file, or move it away") from error


def parse(text: str, path: str) -> Config:
    """Return what a TOML document says. `path` is for the errors: `ConfigurationError`, with the line."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{path}:{_syntax_error(str(error), text)}", hint="a setting is a line such as token_ttl = 900"
        ) from error
    for name, value in document.items():
        _check(name, value, f"{path}:{_line_of(name, text)}")
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in document.items()
    }
    return Config(**settings)


def shown(config: Config) -> dict[str, Any]:
    """Return every setting as TOML and JSON have it."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(config).items()}


def _syntax_error(said: str, text: str) -> str:
    """Return what tomllib says, which ends with the place, in the order and style of every error of ours."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", said, re.DOTALL)
    if found is None:
        return f" {said}"
    end = (text.count("\n") + 1, len(text) - text.rfind("\n"))
    line, column = (found[2], found[3]) if found[2] else end
    return f"{line}:{column}: {found[1][:1].lower()}{found[1][1:]}"


def _line_of(name: str, text: str) -> int:
    """Return the line on which a key stands."""
    pattern = re.compile(rf"""\s*\[*\s*["']?{re.escape(name)}\b""")
    lines = (number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line))
    return next(lines, 1)


def _check(name: str, value: object, where: str) -> None:
    known = [each.name for each in fields(Config)]
    if name not in known:
        import difflib  # noqa: PLC0415 - for a slip only: the core would keep it for ever

        near = difflib.get_close_matches(name, known, n=1)
        raise ConfigurationError(
            f'{where}: there is no setting "{name}"',
            hint=f"did you mean {near[0]}?" if near else f"the settings are {', '.join(known)}",
        )
    if name in _RANGES:
        low, high = _RANGES[name]
        if type(value) is not int or not low <= value <= high:
            raise ConfigurationError(f"{where}: {name} must be a whole number of seconds", hint=f"from {low} to {high}")
    elif name == "log_level":
        if value not in _LEVELS:
            raise ConfigurationError(f"{where}: log_level must be one of the levels", hint=", ".join(_LEVELS))
    elif name == "keyring":
        if not isinstance(value, str):
            raise ConfigurationError(f"{where}: keyring must be text", hint='such as keyring = "none"')
    elif not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigurationError(f"{where}: {name} must be a list of texts", hint=f'such as {name} = ["…"]')
