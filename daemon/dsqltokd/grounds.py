"""The AWS files that each identity's credentials rest on, as they were when they were read. Pure.

A file's identity is as `files.identity` has it, or as JSON has that. A sign-in is a file that a refresh may write:
what changes there during a refresh is no news if the refresh says afterwards that it is what it wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dsqltokd.model import Identity

    Files = Mapping[str, Any]
    """The identity of each file, by its path."""


class Grounds:
    """What each identity rests on."""

    def __init__(self) -> None:
        self._files: dict[Identity, dict[str, Any]] = {}
        self._sign_ins: set[str] = set()
        self._unsure: dict[Identity, set[str]] = {}  # sign-ins that have changed during a refresh

    def of(self, identity: Identity) -> Files:
        """Return the files of an identity."""
        return self._files.get(identity, {})

    def concerns(self, path: str) -> bool:
        """Tell whether anybody rests on a file."""
        return any(path in files for files in self._files.values())

    def read(self, identity: Identity, files: Files, sign_ins: Iterable[str]) -> None:
        """A refresh has read these files; `sign_ins` are those of them that it may write."""
        self._files[identity] = dict(files)
        self._sign_ins.update(sign_ins)

    def take_over(self, identity: Identity, files: Files) -> bool:
        """Have an identity rest on these files, too; False where one of them was read anew since, and is another."""
        newer = {path: seen for known in self._files.values() for path, seen in known.items()}
        if any(newer.get(path, seen) != seen for path, seen in files.items()):
            return False
        self._files[identity] = {**files, **self.of(identity)}
        return True

    def changed(self, path: str, found: Any, is_refreshing: Callable[[Identity], bool]) -> list[Identity]:
        """A file is `found` to be another; return the identities for which that is news."""
        touched = [each for each, files in self._files.items() if files.get(path, found) != found]
        news = []
        for identity in touched:
            if path in self._sign_ins and is_refreshing(identity):
                self._unsure.setdefault(identity, set()).add(path)
            else:
                news.append(identity)
        return news

    def settle(self, identity: Identity) -> Files:
        """A refresh is over; return the sign-ins that changed meanwhile, as it says that they are now."""
        return {path: self.of(identity).get(path) for path in self._unsure.pop(identity, ())}

    def forget(self, identity: Identity) -> list[str]:
        """Forget an identity; return the files that nobody rests on any more."""
        self._unsure.pop(identity, None)
        return [path for path in self._files.pop(identity, {}) if not self.concerns(path)]
