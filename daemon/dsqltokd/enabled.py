"""For which envs a passfile is kept: `pgpass.json` in the state directory. It holds no secret of an environment."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dsqltok.errors import ConfigurationError, UnavailableError
from dsqltok.files import write_atomically
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
