"""Which looks are made in which thread, so that a file system that does not answer holds up no look at another one.

The rules:
- A lane is a set of file systems. What leads through these, and through none else that may be slow, is looked at in
  that lane, one round at a time; what is wanted meanwhile waits. Most files are in the lane of no file system.
- A file system may be slow where others share it, or where a look there once took longer than `_PATIENCE`.
- A round that takes that long is left behind in the lane of the file system that it waits for, where nothing else
  begins until it ends. Its looks that have not begun are made by others.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeAlias

from dsqltokd import mounts
from dsqltokd.looks import Round

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dsqltokd.events import Events
    from dsqltokd.looks import Look

_log = logging.getLogger(__name__)
_PATIENCE = 1.0  # seconds
_Lane: TypeAlias = frozenset[str]


class Lanes:
    """What is to be looked at, and the rounds that do so. `tell` is called in their threads, as `Round` says.

    `through` says through which file systems a path leads, as far as that is known, or None where nobody wants to know
    of it any more; `leading` says which paths lead through a directory.
    """

    def __init__(
        self,
        events: Events,
        *,
        through: Callable[[str], frozenset[str] | None],
        leading: Callable[[str], Iterable[str]],
        tell: Callable[[Round, Look | None], None],
    ) -> None:
        self._events = events
        self._through = through
        self._leading = leading
        self._tell = tell
        self._mounts = mounts.read()
        self._slow: set[str] = set()
        self._wanted: dict[str, bool] = {}
        self._renewed: set[str] = set()
        self._rounds: dict[Round, _Lane] = {}
        self._late: set[Round] = set()
        self.unanswered: tuple[str, ...] = ()

    @property
    def idle(self) -> bool:
        """Tell whether there is no round."""
        return not self._rounds

    @property
    def next_time(self) -> float:
        """Return when, by the monotonic clock, some round will have taken too long."""
        return min((each.since + _PATIENCE for each in self._rounds.keys() - self._late), default=float("inf"))

    def read_mounts(self) -> None:
        """Take note of what is mounted."""
        self._mounts = mounts.read()

    def guess(self, path: str) -> frozenset[str]:
        """Return the file system that a path leads through by its text alone."""
        return frozenset({self._mounts.of(path)})

    def want(self, paths: Iterable[str], *, asked: bool) -> None:
        """Have `paths` looked at; `asked` tells that somebody told of them."""
        for path in paths:
            self._wanted[path] = asked or self._wanted.get(path, False)

    def renew(self, directories: Iterable[str]) -> None:
        """Have the watches of `directories` made anew, and all that leads through these looked at."""
        self._renewed.update(directories)

    def begin(self) -> set[str]:
        """Begin all that need not wait. Return the paths that lead where nothing answers."""
        busy, dead = set(self._rounds.values()), {self._rounds[each] for each in self._late}
        paths: dict[_Lane, dict[str, bool]] = {}
        renewed: dict[_Lane, list[str]] = {}
        for directory in self._renewed:
            lane = self._lane(self.guess(directory))
            renewed.setdefault(lane, []).append(directory)
            if lane not in busy:  # else a look that is being made may find more that leads there
                self.want(self._leading(directory), asked=True)
        for path, asked in self._wanted.items():
            passed = self._through(path)
            if passed is not None:
                paths.setdefault(self._lane(passed), {})[path] = asked
        for lane in (paths.keys() | renewed.keys()) - busy:
            begun = Round(paths.pop(lane, {}), renewed.pop(lane, []), self._events, self._mounts, self._tell)
            begun.start()  # where there is no thread to be had, all is wanted as before
            self._rounds[begun] = lane
        self._wanted = {path: asked for waiting in paths.values() for path, asked in waiting.items()}
        self._renewed = {directory for waiting in renewed.values() for directory in waiting}
        return {path for lane in paths.keys() & dead for path in paths[lane]}

    def leave_behind(self, now: float) -> dict[str, str]:
        """Go on without the rounds that take too long; return what they look at, with the file system they wait for."""
        stuck = {}
        for each in self._rounds.keys() - self._late:
            if now < each.since + _PATIENCE:
                continue
            if now > each.since + 2 * _PATIENCE:
                each.since = now  # whoever calls this was held up too: the machine is busy, or we were stopped
                continue
            for path, asked in each.give_up().items():
                self.want([path], asked=asked)
            self.read_mounts()
            mount = self._mounts.of(each.at)
            if mount not in self._slow:
                _log.warning("%s does not answer: what changes there is seen once it does", mount)
            self._slow.add(mount)
            self._late.add(each)
            self._rounds[each] |= {mount}
            stuck[each.path] = mount
        self._note_late()
        return stuck

    def end(self, ended: Round) -> None:
        """Take note that a round is over."""
        del self._rounds[ended]
        self._late.discard(ended)
        self._note_late()

    def _note_late(self) -> None:
        self.unanswered = tuple(sorted({self._mounts.of(each.at) for each in self._late}))

    def _lane(self, through: Iterable[str]) -> _Lane:
        return frozenset(mount for mount in through if mount in self._slow or self._mounts.is_shared(mount))
