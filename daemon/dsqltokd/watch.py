"""Noticing that a file has changed.

The rules:
- This thread decides, and asks no file system: looks are made by others (`lanes`), which may stop in a dead mount.
- An event only says where to look. Whether a file has changed is decided by its identity (`files.identity`), against
  the one that whoever read it saw *before* reading: an edit between that read and the watch is not lost.
- Every directory on the way to a file is watched where it stands, since it may be replaced. Where that is not granted,
  it matters only for those that hold the file or a symlink on the way. A directory that is followed is watched itself.
- Behind the events every file is looked at regularly: seldom where each change on the way to it makes an event, and
  often where none does.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from dsqltokd.events import Events
from dsqltokd.lanes import Lanes
from dsqltokd.looks import Told
from dsqltokd.mounts import Changes

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsqltokd.files import Identity
    from dsqltokd.looks import Look, Round

_log = logging.getLogger(__name__)
RECONCILE = 5.0  # seconds between two looks at a file where an event may be missed
# Seconds between two looks at a file, by what events tell of.
_EVERY = {Told.NO: 0.8, Told.MOSTLY: RECONCILE, Told.ALWAYS: 300.0}
_SETTLE = 0.02  # seconds to let a burst of events end, or a round of looks that nobody asked for


class _Follow(NamedTuple):
    path: str
    seen: Identity | None
    settled: Callable[[bool], None] | None


class _Forget(NamedTuple):
    path: str


class _Event(NamedTuple):
    entries: tuple[str, ...]


class _Looked(NamedTuple):
    by: Round
    look: Look | None


class _Mounted(NamedTuple):
    """Something was mounted or unmounted: the same names may lead elsewhere."""


_Item: TypeAlias = _Follow | _Forget | _Event | _Looked | _Mounted | None


@dataclass(slots=True)
class _File:
    """A followed file: what it was last and since when, and what is known of the way to it."""

    seen: Identity | None
    since: float
    mounts: frozenset[str]
    told: Told = Told.MOSTLY
    disputed: bool = False  # its readers saw different versions, of which one at least is out of date
    way: frozenset[str] = frozenset()
    waiting: list[Callable[[bool], None]] = field(default_factory=list)

    def settle(self, same: bool) -> None:
        waiting, self.waiting = self.waiting, []
        for settled in waiting:
            settled(same)


class Watcher:
    """Follows files and reports each change once, by calling `changed(path, found)` in its own thread.

    `found` is what the file is now: whoever read that is up to date.
    """

    def __init__(self, changed: Callable[[str, Identity | None], None]) -> None:
        self._changed = changed
        self._inbox: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._events = Events(self._hear)
        self._lanes = Lanes(
            self._events,
            through=lambda path: self._files[path].mounts if path in self._files else None,
            leading=lambda directory: self._entries.get(directory, ()),
            tell=lambda by, look: self._inbox.put(_Looked(by, look)),
        )
        self._files: dict[str, _File] = {}
        self._entries: dict[str, set[str]] = {}  # directory entry -> the followed paths that lead through it
        self._regular: dict[Told, set[str]] = {told: set() for told in Told}
        self._due: dict[Told, float] = {}
        self._all_looked_at = 0.0
        self._failed = False
        self._mounting = Changes(lambda: self._inbox.put(_Mounted()))
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    @property
    def blind(self) -> bool:
        """Tell whether no event tells of some files, so that these are only looked at regularly."""
        return self._failed or bool(self._regular[Told.NO])

    @property
    def unanswered(self) -> tuple[str, ...]:
        """Return where the file systems are mounted that do not answer: what changes there is seen once they do."""
        return self._lanes.unanswered

    def start(self) -> None:
        """Start the threads."""
        self._mounting.start()
        self._thread.start()

    def stop(self, patience: float) -> None:
        """End the threads, waiting for this one at most `patience` seconds."""
        self._inbox.put(None)
        self._thread.join(patience)

    def follow(self, path: str, seen: Identity | None, settled: Callable[[bool], None] | None = None) -> None:
        """Follow `path`, which its reader found to be `seen`.

        Once the watch stands, `settled` is called, in the watcher's thread, with whether the file is still that one;
        where it is not, `changed` is called too. What cannot be looked at soon counts as not the same.
        """
        self._inbox.put(_Follow(path, seen, settled))

    def forget(self, path: str) -> None:
        """Follow `path` no more."""
        self._inbox.put(_Forget(path))

    def _hear(self, entries: tuple[str, ...]) -> None:
        """Take what a teller's thread tells: most of it is nobody's business, and not worth waking this one's."""
        if any(place in self._entries for place in _places(entries)) or any(map(self._events.has, entries)):
            self._inbox.put(_Event(entries))

    def _run(self) -> None:
        self._all_looked_at = now = time.monotonic()
        self._due = {told: now + seconds for told, seconds in _EVERY.items()}
        self._lanes.read_mounts()
        goes_on = True
        while goes_on:
            try:
                goes_on = self._turn()
            except Exception as error:  # noqa: BLE001 - without this thread no edit would ever be seen, and nobody would know
                _log.error("watching failed: %s", type(error).__name__)
                self._failed = True
                self._look_at_all_soon()
        self._mounting.stop()
        self._events.stop()

    def _turn(self) -> bool:
        """Wait for something to do, and do it; tell whether there may be more."""
        items = self._received(self._next_time() - time.monotonic())
        if any(self._is_one_of_many(item) for item in items):
            time.sleep(_SETTLE)
            items += self._received(0.0)
        for item in items:
            if item is None:
                return False
            self._handle(item)
        now = time.monotonic()
        for path, mount in self._lanes.leave_behind(now).items():
            if path in self._files:
                self._files[path].mounts |= {mount}
                self._files[path].settle(False)
        self._look_regularly(now)
        for path in self._lanes.begin():
            self._files[path].settle(False)
        return True

    def _is_one_of_many(self, item: _Item) -> bool:
        """Tell whether more of the kind will follow at once: it costs less to be woken for all of them together."""
        if isinstance(item, _Event):
            return bool(self._touched(item))
        return isinstance(item, _Looked) and item.look is not None and not item.look.asked

    def _next_time(self) -> float:
        regular = [at for told, at in self._due.items() if self._regular[told]]
        return min(self._lanes.next_time, self._due[Told.ALWAYS], *regular)

    def _received(self, patience: float) -> list[_Item]:
        items: list[_Item] = []
        try:
            items.append(self._inbox.get(timeout=max(0.0, patience)))
            while True:
                items.append(self._inbox.get_nowait())
        except queue.Empty:
            return items

    def _handle(self, item: _Follow | _Forget | _Event | _Looked | _Mounted) -> None:
        if isinstance(item, _Event):
            # What is gone and made again may have the same inode: only a new watch is certain to be alive.
            self._lanes.renew(filter(self._events.has, item.entries))
            self._lanes.want(self._touched(item), asked=True)
        elif isinstance(item, _Follow):
            self._take(item)
        elif isinstance(item, _Forget):
            self._leave_out(item.path)
        elif isinstance(item, _Mounted):
            self._look_at_all_soon()
        elif item.look is None:
            self._lanes.end(item.by)
        elif item.look.path in self._files:
            self._judge(item.look)

    def _touched(self, event: _Event) -> set[str]:
        """Return the followed paths that a change of these entries may concern."""
        return {path for place in _places(event.entries) for path in self._entries.get(place, ())}

    def _take(self, item: _Follow) -> None:
        file = self._files.get(item.path)
        if file is None:
            self._lanes.read_mounts()
            file = self._files[item.path] = _File(item.seen, 0.0, self._lanes.guess(item.path))
            self._regular[file.told].add(item.path)
        file.disputed |= file.seen != item.seen
        file.seen, file.since = item.seen, time.monotonic()
        if item.settled is not None:
            file.waiting.append(item.settled)
        self._lanes.want([item.path], asked=True)

    def _leave_out(self, path: str) -> None:
        file = self._files.pop(path, None)
        if file is not None:
            self._index(path, file.way, frozenset())
            self._regular[file.told].discard(path)

    def _judge(self, look: Look) -> None:
        path, file = look.path, self._files[look.path]
        if not look.way <= file.way:
            self._lanes.want([path], asked=True)  # nobody has heeded yet what was told of these entries meanwhile
        self._index(path, file.way, look.way)
        file.way, file.mounts = look.way, look.mounts
        self._regular[file.told].discard(path)
        self._regular[look.told].add(path)
        file.told = look.told
        if look.since < file.since:
            return  # somebody has read it since, and another look is to follow
        same = look.found == file.seen
        if file.disputed or not same:
            file.seen, file.disputed = look.found, False
            self._changed(path, look.found)
            if (
                not same and look.told is not Told.NO and not look.asked
            ):  # nothing told of it after all: the watches may be dead
                self._lanes.renew(map(os.path.dirname, look.way))
                self._lanes.want([path], asked=True)
        file.settle(same)

    def _index(self, path: str, before: frozenset[str], after: frozenset[str]) -> None:
        for entry in after - before:
            self._entries.setdefault(entry, set()).add(path)
        for entry in before - after:
            self._entries[entry].discard(path)
            if not self._entries[entry]:
                del self._entries[entry]

    def _look_at_all_soon(self) -> None:
        at = max(time.monotonic(), self._all_looked_at + RECONCILE)
        self._due[Told.ALWAYS] = min(self._due[Told.ALWAYS], at)

    def _look_regularly(self, now: float) -> None:
        due = {told for told, at in self._due.items() if now >= at}
        for told in due:
            self._due[told] = now + _EVERY[told]
        if any(self._regular[told] for told in due - {Told.NO}):
            self._lanes.read_mounts()
        for told in due:
            self._lanes.want(self._regular[told], asked=False)
        if Told.ALWAYS in due:
            self._all_looked_at = now
            self._failed = False
            if self._lanes.idle:
                self._lanes.renew(self._events.directories - {os.path.dirname(entry) for entry in self._entries})


def _places(entries: tuple[str, ...]) -> set[str]:
    """Return these directory entries, and `DIRECTORY/` for each directory that has one of them."""
    return {*entries, *(os.path.join(os.path.dirname(entry), "") for entry in entries)}
