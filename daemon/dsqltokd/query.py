"""What a request for a token or a url asks for, checked, and whose AWS identity it means."""

from __future__ import annotations

import json
import os
from _blake2 import blake2b  # as in schedule
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dsqltok.errors import ConfigurationError, UsageError
from dsqltok.protocol import is_aws
from dsqltok.secrecy import is_secret
from dsqltokd.model import Identity

if TYPE_CHECKING:
    from collections.abc import Mapping

WITHIN = "DSQLTOK_WITHIN"
"""The variable that tells a project's program which projects wait for it: a JSON list of their files."""

_LONGEST_PATH = 4095
_HASH_KEY = os.urandom(32)


def _is_another_home(name: str, value: str) -> bool:
    # A request without HOME, such as a script's, means the home that the daemon has.
    return name == "HOME" and value != os.environ.get("HOME")


def digest(value: object) -> str:
    """Return a hash of JSON data, keyed for this process: good for telling values apart without keeping them."""
    return blake2b(json.dumps(value, sort_keys=True).encode(), key=_HASH_KEY, digest_size=32).hexdigest()


@dataclass(frozen=True, slots=True)
class Key:
    """One question to one project: the project is the path with the variables, the rest is what is asked of it."""

    config: str
    env: str | None
    data: str | None
    variables: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Query:
    """A checked request. Without `config` one of the added projects is meant. A variable that is None is not set.

    `within` are the projects whose evaluation waits for a program, innermost last, and this for the program's sake.
    """

    config: str | None
    env: str | None
    data: str | None
    variables: tuple[str, ...] = field(repr=False)
    environment: Mapping[str, str | None] = field(repr=False)
    within: tuple[str, ...] = ()

    def key(self, config: str, variables: tuple[str, ...] | None = None) -> Key:
        """Return the question that this is to one project, with other variables where they are given.

        Raises `ConfigurationError` where the project waits for whoever asks.
        """
        if config in self.within:
            raise _circle(config, self.within[-1])
        return Key(config, self.env, self.data, self.variables if variables is None else variables)

    def aws(self) -> dict[str, str | None]:
        """Return the variables that are set of those that AWS tools heed, and HOME."""
        return {name: value for name, value in self.environment.items() if is_aws(name) or name == "HOME"}

    def secrets(self) -> dict[str, str]:
        """Return the AWS variables that are credentials."""
        return {
            name: value
            for name, value in self.environment.items()
            if value is not None and is_aws(name) and is_secret(name, value)
        }

    def identity(self, profile: str | None, role_arn: str | None) -> Identity:
        """Return whose credentials sign for this caller, where a data source says `profile` and `role_arn`."""
        sealed = self.secrets()
        plain = tuple(
            sorted(
                (name, value)
                for name, value in self.environment.items()
                if value is not None and name not in sealed and (is_aws(name) or _is_another_home(name, value))
            )
        )
        # AWS tools take an empty variable for one that is not set.
        by_keys = bool(sealed.get("AWS_ACCESS_KEY_ID"))
        return Identity(profile, role_arn, plain, digest(sealed) if sealed else None, by_keys)


def read(params: dict[str, Any]) -> Query:
    """Return what the parameters of a request say. Raises `UsageError`."""
    unknown = params.keys() - {"config", "env", "data", "vars", "environment", "progress", "within"}
    if unknown:
        raise UsageError(f"there is no parameter {min(unknown)!r}", hint="PROTOCOL in the README lists them")
    environment = params.get("environment", {})
    if not isinstance(environment, dict) or not all(
        _is_name(name) and (value is None or _is_plain(value)) for name, value in environment.items()
    ):
        raise UsageError("environment must be an object of texts", hint="null says that a variable is not set")
    return Query(
        config=read_path(params),
        env=_text(params, "env"),
        data=_text(params, "data"),
        variables=read_variables(params),
        environment=environment,
        within=_read_within(params),
    )


def take_fresh(params: dict[str, Any]) -> bool:
    """Take `fresh` out of the parameters: whether the token in hand was refused. Raises `UsageError`."""
    fresh = params.pop("fresh", False)
    if not isinstance(fresh, bool):
        raise UsageError("fresh must be true or false", hint="true asks for a token other than one that was refused")
    return fresh


def _circle(config: str, asking: str) -> ConfigurationError:
    return ConfigurationError(
        f"a program that {asking} runs asks for {config}, which cannot be evaluated until that program has ended",
        hint="have the program ask for another project file by --config, or the project use the data source itself",
    )


def _read_within(params: dict[str, Any]) -> tuple[str, ...]:
    text = params.get("within")
    if text is None:
        return ()
    try:
        paths = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        paths = None
    if not isinstance(paths, list) or not all(_is_plain(path) and path.startswith("/") for path in paths):
        raise UsageError(f"within must be what {WITHIN} says", hint="pass that variable on as it is")
    return tuple(paths)


def read_path(params: dict[str, Any]) -> str | None:
    """Return the project file that the parameters name. Raises `UsageError`."""
    path = _text(params, "config")
    if path is not None and not path.startswith("/"):
        raise UsageError("config must be an absolute path", hint="the daemon does not share your working directory")
    if path is not None and len(os.fsencode(path)) > _LONGEST_PATH:
        raise UsageError("config is longer than a path can be", hint=f"it has at most {_LONGEST_PATH} bytes")
    return path


def read_variables(params: dict[str, Any]) -> tuple[str, ...]:
    """Return the `--var` texts that the parameters hold. Raises `UsageError`."""
    variables = params.get("vars") or []
    if not isinstance(variables, list) or not all(_is_plain(value) for value in variables):
        raise UsageError("vars must be a list of texts", hint='such as ["name=value"]')
    return tuple(variables)


def _text(params: dict[str, Any], name: str) -> str | None:
    value = params.get(name)
    if value is not None and not _is_plain(value):
        raise UsageError(f"{name} must be text", hint="without NUL characters")
    assert value is None or isinstance(value, str)  # noqa: S101 - for the type checker
    return value


def _is_name(name: str) -> bool:
    return _is_plain(name) and name != "" and "=" not in name


def _is_plain(value: object) -> bool:
    """Tell whether a value is a text that the operating system can take."""
    try:
        return isinstance(value, str) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
