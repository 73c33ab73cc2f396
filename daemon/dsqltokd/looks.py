"""Looking at files: the calls to file systems that watching needs, any of which may stop in a dead mount.

So looks are made by a thread of their own, which says before each step where it is (`Round.at`). Whoever has waited
long enough leaves that thread to it, and has another one make the looks that were still to be made.

Each directory on the way to a file is watched before it is asked what is in it, and the file is looked at last: what
changes in between is told by an event, or seen.
"""

from __future__ import annotations

import enum
import errno
import logging
import os
import stat
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from dsqltokd.files import identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dsqltokd.events import Events
    from dsqltokd.files import Identity
    from dsqltokd.mounts import Mounts

_log = logging.getLogger(__name__)
_MOST_LINKS = 40
# Elsewhere a watch of / is one of everything: there only the reconcile sees that a directory on the way was replaced.
_ALL_THE_WAY = sys.platform == "linux"


class Told(enum.IntEnum):
    """Which changes make an event: of the file not all, all of the file but not all on the way to it, all there are.

    What a program writes into a file that it has mapped makes one when it is unmapped; no editor does that.
    """

    NO = 0
    MOSTLY = 1
    ALWAYS = 2


class Look(NamedTuple):
    """What a look at `path` found, which began at `since` by the monotonic clock.

    `way` are the directory entries whose change may change what it leads to, with `DIRECTORY/` for a directory that it
    leads to, and `mounts` the file systems that it leads through. `told` is which changes make an event, and `asked`
    whether somebody had told of one.
    """

    path: str
    since: float
    found: Identity | None
    way: frozenset[str]
    mounts: frozenset[str]
    told: Told
    asked: bool


class Round:
    """Looks at `paths` one after another, in a thread of its own, and has `tell` called with each look, then with None.

    With each path stands whether somebody told of it. What is in `drop` is to be watched no more, or anew.
    """

    def __init__(
        self,
        paths: Mapping[str, bool],
        drop: Iterable[str],
        events: Events,
        mounts: Mounts,
        tell: Callable[[Round, Look | None], None],
    ) -> None:
        self.path = self.at = ""
        self.since = time.monotonic()
        self._left = deque(paths.items())
        self._drop = list(drop)
        self._events = events
        self._mounts = mounts
        self._tell = tell
        self._granted: dict[tuple[str, bool], bool] = {}

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="look", daemon=True).start()

    def give_up(self) -> dict[str, bool]:
        """Leave out the looks that have not begun, and return their paths."""
        left = []
        while (each := self._next()) is not None:
            left.append(each)
        return dict(left)

    def _run(self) -> None:
        try:
            for directory in self._drop:
                self.at = directory
                self._events.drop(directory)
            while (each := self._next()) is not None:
                self.path, self.since = each[0], time.monotonic()
                self._tell(self, self._look(*each))
        except Exception as error:  # noqa: BLE001 - whoever looks after the rounds is to hear of the end of this one
            _log.error("a look at a file failed: %s", type(error).__name__)
        self._tell(self, None)

    def _next(self) -> tuple[str, bool] | None:
        try:
            return self._left.popleft()
        except IndexError:
            return None

    def _look(self, path: str, asked: bool) -> Look:
        since, way = self.since, set[str]()
        told, place, entry, mode = Told.ALWAYS, path, path, 0
        for _ in range(_MOST_LINKS):
            entry, mode, told_here = self._follow(place, way)
            told = min(told, told_here)
            if not stat.S_ISLNK(mode):
                break
            place = _target(entry, place)
        mounts = frozenset(map(self._mounts.of, way))
        if stat.S_ISDIR(mode):
            told = told if self._watch(entry, closely=False) else Told.NO
            way.add(os.path.join(entry, ""))
        if any(map(self._mounts.is_shared, mounts)):
            told = Told.NO
        elif not all(map(self._mounts.tells, mounts)):
            told = min(told, Told.MOSTLY)
        return Look(path, since, identity(path), frozenset(way), mounts, told, asked)

    def _follow(self, place: str, way: set[str]) -> tuple[str, int, Told]:
        """Go towards `place`, up to a symlink or nothing; return the last entry, its mode, and what is told of it."""
        entry, mode, granted, always = place, 0, False, True
        for entry in _prefixes(place):
            self.at = entry
            way.add(entry)
            directory, last = os.path.dirname(entry), entry == place
            granted = (_ALL_THE_WAY or last) and self._watch(directory, closely=last)
            always &= granted
            mode, knowable = _mode(entry)
            if not stat.S_ISDIR(mode):
                always &= knowable and not self._mounts.is_mount(entry)  # it is told of where it was mounted from
                granted = granted or self._watch(directory, closely=False)
                break
        return entry, mode, (Told.ALWAYS if always else Told.MOSTLY) if granted else Told.NO

    def _watch(self, directory: str, *, closely: bool) -> bool:
        granted = self._granted.get((directory, closely))
        if granted is None:
            mount = self._mounts.of(directory)
            apart = mount if self._mounts.is_shared(mount) else ""
            granted = self._granted[directory, closely] = self._events.watch(directory, apart, closely=closely)
        return granted


def _mode(entry: str) -> tuple[int, bool]:
    """Return its mode, 0 for nothing, and whether it is known to be changed by this name alone."""
    try:
        found = os.lstat(entry)
    except OSError as error:
        return 0, error.errno == errno.ENOENT
    return found.st_mode, found.st_nlink == 1 or not stat.S_ISREG(found.st_mode)


def _prefixes(path: str) -> Iterator[str]:
    end = path.find("/", 1)
    while end != -1:
        yield path[:end]
        end = path.find("/", end + 1)
    yield path


def _target(link: str, path: str) -> str:
    """Return where `path` leads to by the symlink on its way."""
    try:
        target = os.readlink(link)
    except OSError:
        return path  # it is no longer one
    return os.path.normpath(os.path.join(os.path.dirname(link), target) + path[len(link) :])
