"""The projects that the user added, and the programs that projects may run: `projects.json` in the state directory."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from dsqltok.errors import ConfigurationError, UnavailableError
from dsqltok.files import clear_drafts, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable

_VERSION = 1
_MOST_ALLOWED = 64  # of one project


@dataclass(frozen=True, slots=True)
class Added:
    """An added project: an absolute path, and the variables given to it."""

    config: str
    variables: tuple[str, ...] = field(default=(), repr=False)


class Registry:
    """The added projects, in the order of their adding, and what was allowed; a change is on disk before it counts."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._broken: ConfigurationError | None = None
        self._projects: tuple[Added, ...] = ()
        self._allowed: dict[str, tuple[str, ...]] = {}
        clear_drafts(path)
        try:
            self._projects, self._allowed = _load(path)
        except ConfigurationError as error:
            self._broken = error

    @property
    def projects(self) -> tuple[Added, ...]:
        """Return the added projects. Raises `ConfigurationError` where the file could not be read at the start."""
        if self._broken is not None:
            raise self._broken.fresh()
        return self._projects

    def add(self, project: Added) -> None:
        """Add a project, in place of the same path with other variables. Raises `UnavailableError`."""
        others = tuple(known for known in self.projects if known.config != project.config)
        self._store((*others, project), self._allowed)

    def remove(self, config: str) -> bool:
        """Forget a project and what it was allowed; tell whether it was known. Raises `UnavailableError`."""
        others = tuple(known for known in self.projects if known.config != config)
        allowed = {known: digests for known, digests in self._allowed.items() if known != config}
        if len(others) + len(allowed) == len(self._projects) + len(self._allowed):
            return False
        self._store(others, allowed)
        return True

    def allowed(self, config: str) -> tuple[str, ...]:
        """Return the digests of the programs that a project may run; none where the file could not be read."""
        return self._allowed.get(config, ())

    def allow(self, config: str, digests: Iterable[str]) -> None:
        """Allow a project to run the programs of these digests too; the oldest of very many are forgotten.

        Raises `ConfigurationError` and `UnavailableError`.
        """
        new = tuple(dict.fromkeys(digests))
        if len(new) > _MOST_ALLOWED:
            raise ConfigurationError(
                f"{config} names {len(new)} programs, more than {_MOST_ALLOWED}",
                hint="allow those of one env: --env ENV",
            )
        old = tuple(digest for digest in self.allowed(config) if digest not in new)
        self._store(self.projects, {**self._allowed, config: (*old, *new)[-_MOST_ALLOWED:]})

    def _store(self, projects: tuple[Added, ...], allowed: dict[str, tuple[str, ...]]) -> None:
        document = {"version": _VERSION, "projects": [asdict(project) for project in projects], "allowed": allowed}
        text = json.dumps(document, indent=2)
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            write_atomically(self._path, text + "\n", 0o600)
        except OSError as error:
            raise UnavailableError(
                f"cannot write {self._path}: {error.strerror}", hint="check the disk and the directory's permissions"
            ) from error
        self._projects, self._allowed = projects, allowed


def _load(path: str) -> tuple[tuple[Added, ...], dict[str, tuple[str, ...]]]:
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        if document["version"] != _VERSION:
            raise ConfigurationError(f"{path} is of a newer dsqltok", hint="upgrade dsqltok, or move the file away")
        projects = tuple(
            Added(str(each["config"]), tuple(map(str, each["variables"]))) for each in document["projects"]
        )
        allowed = {config: tuple(map(str, digests)) for config, digests in document.get("allowed", {}).items()}
    except FileNotFoundError:
        return (), {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigurationError(
            f"{path} cannot be read ({type(error).__name__})",
            hint="move it away, run dsqltok stop, and add the projects again",
        ) from error
    return projects, allowed
