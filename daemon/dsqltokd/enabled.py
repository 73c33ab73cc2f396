"""For which envs a passfile is kept: `pgpass.json` in the state directory. It holds no secret of an environment."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dsqltok.errors import ConfigurationError, UnavailableError
from dsqltok.files import write_atomically
from dsqltok.protocol import is_aws
from dsqltok.secrecy import looks_secret
from dsqltokd import passtext
from dsqltokd.query import Query

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Enabled:
    """A token that a passfile is to have, by its env's name or its own; `environment` is that of whoever enabled it.

    `service` is the service file that has an entry of this name, if any.
    """

    name: str
    config: str
    env: str | None
    data: str | None
    variables: tuple[str, ...] = field(repr=False)
    environment: tuple[tuple[str, str | None], ...] = field(repr=False)
    passfile: str
    service: str | None = None

    @property
    def query(self) -> Query:
        """Return the request that gives the token."""
        return Query(self.config, self.env, self.data, self.variables, dict(self.environment))

    def replaces(self, other: Enabled) -> bool:
        """Tell whether this and another mean the same token, so that the later one counts."""
        mine, others = ((each.name, each.config, each.variables) for each in (self, other))
        return mine == others


class Store:
    """What is enabled, in the order of enabling; a change is on disk before it counts."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._enabled: tuple[Enabled, ...] = ()
        self.error: ConfigurationError | None = None
        try:
            self._enabled = _load(path)
        except ConfigurationError as error:
            self.error = error

    @property
    def enabled(self) -> tuple[Enabled, ...]:
        """Return what is enabled. Raises `ConfigurationError` where the file could not be read at the start."""
        if self.error is not None:
            raise self.error.fresh()
        return self._enabled

    def put(self, enabled: Iterable[Enabled]) -> None:
        """Have these enabled, and no others. Raises `UnavailableError`."""
        wanted = tuple(enabled)
        document = {"version": _VERSION, "enabled": [asdict(each) for each in wanted]}
        try:
            if wanted:
                os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
                write_atomically(self._path, json.dumps(document, indent=2) + "\n", 0o600)
            else:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path)
        except OSError as error:
            raise UnavailableError(
                f"cannot write {self._path}: {error.strerror}", hint="check the disk and the directory's permissions"
            ) from error
        self._enabled = wanted


def _load(path: str) -> tuple[Enabled, ...]:
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        if document["version"] != _VERSION:
            raise ConfigurationError(f"{path} is of a newer dsqltok", hint="upgrade dsqltok, or move the file away")
        return tuple(_read(each) for each in document["enabled"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigurationError(
            f"{path} cannot be read ({type(error).__name__})",
            hint="move it away, run dsqltok stop, and enable the passfile again",
        ) from error


def _read(each: Mapping[str, Any]) -> Enabled:
    return Enabled(
        name=str(each["name"]),
        config=str(each["config"]),
        env=_text(each["env"]),
        data=_text(each["data"]),
        variables=tuple(map(str, each["variables"])),
        environment=tuple((str(name), _text(value)) for name, value in each["environment"]),
        passfile=str(each["passfile"]),
        service=_text(each["service"]),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def refuse_secrets(query: Query) -> None:
    """Raise `ConfigurationError` where what is asked for may rest on a secret of the caller's environment."""
    keys = sorted(query.secrets())
    if keys:
        raise ConfigurationError(
            f"{', '.join(keys)} of this shell is secret, and would have to be stored for the daemon to go on by itself",
            hint=f"use a profile: env {' '.join(f'-u {name}' for name in keys)} AWS_PROFILE=… dsqltok pgpass enable …",
        )
    read = [
        name for name, value in query.environment.items() if value and not is_aws(name) and looks_secret(name, value)
    ]
    if read:
        raise ConfigurationError(
            f"the project reads {', '.join(sorted(read))}, which looks like a secret, and it would have to be stored",
            hint="keep it in a file that atlas.hcl reads with file()",
        )


def check_service(enabled: Enabled, others: Iterable[Enabled]) -> None:
    """Raise `ConfigurationError` where a service of that name cannot be."""
    if enabled.service is None:
        return
    if not passtext.is_service_name(enabled.name):
        raise ConfigurationError(f'"{enabled.name}" is no name for a service', hint="leave --service out")
    for other in others:
        same = (other.name, other.service) == (enabled.name, enabled.service)
        if same and not enabled.replaces(other):
            raise ConfigurationError(
                f'the service "{other.name}" is kept for {other.config} already',
                hint=f"dsqltok pgpass disable {other.name}, or leave --service out",
            )
