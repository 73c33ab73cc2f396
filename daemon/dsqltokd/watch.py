"""Noticing that a file has changed. The only user of watchdog.

The rules:
- Every file-system call is made in the watcher's own thread. A dead mount can stop this thread, never the loop.
- An event only says where to look. Whether a file has changed is decided by its identity (`files.identity`), against
  the one that whoever read it saw *before* reading: an edit between that read and the watch is not lost.
- A directory that is followed is watched for what it holds. For a file its directory is watched: an editor's atomic
  save replaces the file. Every symlink on the way is watched where it stands, and in place of a directory that does not
  exist its nearest existing ancestor.
- Behind the events a slow reconcile looks at every file: some file systems send no events, and a replaced parent
  directory takes its watch along. Where the system grants no watch, the reconcile is quick instead.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from dsqltokd.files import identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watchdog.observers.api import BaseObserver, ObservedWatch

    from dsqltokd.files import Identity

_log = logging.getLogger(__name__)
RECONCILE = 5.0  # seconds between two looks at every file
RECONCILE_BLIND = 0.8  # the same, where some directory cannot be watched
_SETTLE = 0.02  # seconds to let a burst of events end
_MOST_LINKS = 40
_HEARD = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]


class _Follow(NamedTuple):
    path: str
    seen: Identity | None
    settled: Callable[[bool], None] | None


class _Forget(NamedTuple):
    path: str


class _Event(NamedTuple):
    paths: tuple[str, ...]


class _Directory(NamedTuple):
    place: tuple[int, int]
    watch: ObservedWatch


class Watcher(FileSystemEventHandler):
    """Follows files and reports each change once, by calling `changed(path)` in its own thread."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._inbox: queue.SimpleQueue[_Follow | _Forget | _Event | None] = queue.SimpleQueue()
        self._observer: BaseObserver = Observer(timeout=60)
        self._seen: dict[str, Identity | None] = {}
        self._entries: dict[str, set[str]] = {}  # directory entry -> the followed paths that lead through it
        self._directories: dict[str, _Directory] = {}
        self._blind = False
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    @property
    def blind(self) -> bool:
        """Tell whether some directory cannot be watched, so that its files are only looked at regularly."""
        return self._blind

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
        where it is not, `changed` is called too.
        """
        self._inbox.put(_Follow(path, seen, settled))

    def forget(self, path: str) -> None:
        """Follow `path` no more."""
        self._inbox.put(_Forget(path))

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take an event from watchdog, in a thread of watchdog's."""
        self._inbox.put(_Event((os.fsdecode(event.src_path), os.fsdecode(event.dest_path))))

    def _run(self) -> None:
        self._observer.start()
        reconcile_at = time.monotonic() + RECONCILE
        while True:
            try:
                item = self._inbox.get(timeout=max(0.0, reconcile_at - time.monotonic()))
            except queue.Empty:
                self._guarded(self._reconcile)
                reconcile_at = time.monotonic() + RECONCILE
            else:
                if item is None:
                    self._observer.stop()
                    return
                self._guarded(self._handle, item)
            if self._blind:
                reconcile_at = min(reconcile_at, time.monotonic() + RECONCILE_BLIND)

    def _guarded(self, act: Callable[..., None], *arguments: object) -> None:
        try:
            act(*arguments)
        except Exception as error:  # noqa: BLE001 - without this thread no edit would ever be seen, and nobody would know
            _log.error("watching failed: %s", type(error).__name__)
            self._blind = True

    def _handle(self, item: _Follow | _Forget | _Event) -> None:
        if isinstance(item, _Event):
            self._look_at(item)
        elif isinstance(item, _Forget):
            self._seen.pop(item.path, None)
        else:
            self._take(item)

    def _take(self, item: _Follow) -> None:
        if self._seen.get(item.path, item.seen) != item.seen:
            self._changed(item.path)  # another reader saw another version, and one of the two is out of date
        self._seen[item.path] = item.seen
        self._watch(item.path)
        same = not self._check(item.path)
        if item.settled is not None:
            item.settled(same)

    def _look_at(self, event: _Event) -> None:
        touched = {path for entry in event.paths for path in self._entries.get(entry, ())}
        touched |= {os.path.dirname(entry) for entry in event.paths} & self._seen.keys()  # a directory that is followed
        for directory in self._directories.keys() & set(event.paths):
            # It may be gone and made again, with the same inode: only a new watch is certain to be alive.
            self._unwatch(directory)
            touched |= {path for entry in self._entries_in(directory) for path in self._entries[entry]}
        if not touched:
            return
        time.sleep(_SETTLE)
        for path in touched & self._seen.keys():
            self._watch(path)
            self._check(path)

    def _reconcile(self) -> None:
        self._blind = False
        self._entries.clear()
        for path in list(self._seen):
            self._watch(path)
            self._check(path)
        wanted = {os.path.dirname(entry) for entry in self._entries} | self._seen.keys()
        for directory in self._directories.keys() - wanted:
            self._unwatch(directory)

    def _check(self, path: str) -> bool:
        found = identity(path)
        if found == self._seen[path]:
            return False
        self._seen[path] = found
        self._changed(path)
        return True

    def _watch(self, path: str) -> None:
        for entry in _entries_to(path):
            self._entries.setdefault(entry, set()).add(path)
            self._watch_directory(os.path.dirname(entry))
        if os.path.isdir(path):
            self._watch_directory(path)

    def _watch_directory(self, directory: str) -> None:
        try:
            place = _place(directory)
            old = self._directories.get(directory)
            if old is not None and old.place == place:
                return
            if old is not None:
                self._unwatch(directory)
            watch = self._observer.schedule(self, directory, event_filter=_HEARD)
            self._directories[directory] = _Directory(place, watch)
        except OSError:
            self._blind = True

    def _unwatch(self, directory: str) -> None:
        self._observer.unschedule(self._directories.pop(directory).watch)

    def _entries_in(self, directory: str) -> list[str]:
        return [entry for entry in self._entries if os.path.dirname(entry) == directory]


def _place(directory: str) -> tuple[int, int]:
    # It is opened because a watch needs the same permission: watchdog says nothing where inotify denies one.
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = os.fstat(fd)
    finally:
        os.close(fd)
    return found.st_dev, found.st_ino


def _entries_to(path: str) -> Iterator[str]:
    """Yield the directory entries whose change may change what `path` leads to."""
    for _ in range(_MOST_LINKS):
        link = next((prefix for prefix in _prefixes(path) if os.path.islink(prefix)), None)
        if link is None:
            yield _nearest(path)
            return
        yield link
        try:
            target = os.path.join(os.path.dirname(link), os.readlink(link))
        except OSError:
            return
        path = os.path.normpath(target + path[len(link) :])


def _prefixes(path: str) -> Iterator[str]:
    end = path.find("/", 1)
    while end != -1:
        yield path[:end]
        end = path.find("/", end + 1)
    yield path


def _nearest(path: str) -> str:
    """Return `path`, or the first directory on the way to it that is missing."""
    while not os.path.isdir(os.path.dirname(path)):
        path = os.path.dirname(path)
    return path
