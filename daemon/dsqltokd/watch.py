"""Noticing that a file has changed.

The rules:
- This thread decides, and asks no file system: looks are made by others (`lanes`), which may stop in a dead mount.
- An event only says where to look. Whether a file has changed is decided by its identity (`files.identity`), against
  the one that whoever read it saw *before* reading: an edit between that read and the watch is not lost.
- Every directory on the way to a file is watched where it stands, since it may be replaced. Where that is not granted,
  it matters only for those that hold the file or a symlink on the way. A directory that is followed is watched itself.
- Behind the events a slow reconcile looks at every file. What no event tells of is looked at more often.
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

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsqltokd.files import Identity
    from dsqltokd.looks import Look, Round

_log = logging.getLogger(__name__)
RECONCILE = 5.0  # seconds between two looks at every file
RECONCILE_BLIND = 0.8  # the same, at those of which no event tells
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


_Item: TypeAlias = _Follow | _Forget | _Event | _Looked | None


@dataclass(slots=True)
class _File:
    """A followed file: what it was last and since when, and what is known of the way to it."""

    seen: Identity | None
    since: float
    mounts: frozenset[str]
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
        self._events = Events(lambda entries: self._inbox.put(_Event(entries)))
        self._lanes = Lanes(
            self._events,
            through=lambda path: self._files[path].mounts if path in self._files else None,
            leading=lambda directory: self._entries.get(directory, ()),
            tell=lambda by, look: self._inbox.put(_Looked(by, look)),
        )
        self._files: dict[str, _File] = {}
        self._entries: dict[str, set[str]] = {}  # directory entry -> the followed paths that lead through it
        self._untold: set[str] = set()
        self._failed = False
        self._reconcile_at = self._look_again_at = 0.0
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    @property
    def blind(self) -> bool:
        """Tell whether no event tells of some files, so that these are only looked at regularly."""
        return self._failed or bool(self._untold)

    @property
    def unanswered(self) -> tuple[str, ...]:
        """Return where the file systems are mounted that do not answer: what changes there is seen once they do."""
        return self._lanes.unanswered

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, patience: float) -> None:
        """End the thread, waiting for it at most `patience` seconds."""
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

    def _run(self) -> None:
        self._reconcile_at = time.monotonic() + RECONCILE
        goes_on = True
        while goes_on:
            try:
                goes_on = self._turn()
            except Exception as error:  # noqa: BLE001 - without this thread no edit would ever be seen, and nobody would know
                _log.error("watching failed: %s", type(error).__name__)
                self._failed = True
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
        regular = min(self._reconcile_at, self._look_again_at) if self.blind else self._reconcile_at
        return min(regular, self._lanes.next_time)

    def _received(self, patience: float) -> list[_Item]:
        items: list[_Item] = []
        try:
            items.append(self._inbox.get(timeout=max(0.0, patience)))
            while True:
                items.append(self._inbox.get_nowait())
        except queue.Empty:
            return items

    def _handle(self, item: _Follow | _Forget | _Event | _Looked) -> None:
        if isinstance(item, _Event):
            # What is gone and made again may have the same inode: only a new watch is certain to be alive.
            self._lanes.renew(filter(self._events.has, item.entries))
            self._lanes.want(self._touched(item), asked=True)
        elif isinstance(item, _Follow):
            self._take(item)
        elif isinstance(item, _Forget):
            self._leave_out(item.path)
        elif item.look is None:
            self._lanes.end(item.by)
        elif item.look.path in self._files:
            self._judge(item.look)

    def _touched(self, event: _Event) -> set[str]:
        """Return the followed paths that a change of these entries may concern."""
        places = {*event.entries, *(os.path.join(os.path.dirname(entry), "") for entry in event.entries)}
        return {path for place in places for path in self._entries.get(place, ())}

    def _take(self, item: _Follow) -> None:
        file = self._files.get(item.path)
        if file is None:
            self._lanes.read_mounts()
            file = self._files[item.path] = _File(item.seen, 0.0, self._lanes.guess(item.path))
        file.disputed |= file.seen != item.seen
        file.seen, file.since = item.seen, time.monotonic()
        if item.settled is not None:
            file.waiting.append(item.settled)
        self._lanes.want([item.path], asked=True)

    def _leave_out(self, path: str) -> None:
        file = self._files.pop(path, None)
        if file is not None:
            self._index(path, file.way, frozenset())
            self._untold.discard(path)

    def _judge(self, look: Look) -> None:
        path, file = look.path, self._files[look.path]
        self._index(path, file.way, look.way)
        file.way, file.mounts = look.way, look.mounts
        (self._untold.discard if look.told else self._untold.add)(path)
        if look.since < file.since:
            return  # somebody has read it since, and another look is to follow
        same = look.found == file.seen
        if file.disputed or not same:
            file.seen, file.disputed = look.found, False
            self._changed(path, look.found)
            if not same and look.told and not look.asked:  # nothing told of it after all: the watches may be dead
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

    def _look_regularly(self, now: float) -> None:
        if self.blind and now >= self._look_again_at:
            self._look_again_at = now + RECONCILE_BLIND
            self._lanes.want(self._untold, asked=False)
        if now >= self._reconcile_at:
            self._reconcile_at = now + RECONCILE
            self._failed = False
            self._lanes.read_mounts()
            self._lanes.want(self._files, asked=False)
            if self._lanes.idle:
                self._lanes.renew(self._events.directories - {os.path.dirname(entry) for entry in self._entries})
