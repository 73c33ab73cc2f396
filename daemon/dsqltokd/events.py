"""What the system tells of changes in directories. The only user of watchdog.

The rules:
- A call here may stop in a dead mount, and then holds what watchdog locks. So each file system that may die has an
  observer of its own, and none is called from where nothing may stop.
- A directory is watched closely, for what is in its files too, or for what comes and goes in it. inotify knows a
  directory by its inode and heeds only the last one who asked, so that the same one is never watched in both ways.
- Nothing is kept that watchdog itself would not notice to be dead: whoever hears that a directory is gone drops it.
"""

from __future__ import annotations

import logging
import os
import threading
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

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchdog.observers.api import BaseObserver, ObservedWatch

_COMING_AND_GOING: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
]
_EVERYTHING: list[type[FileSystemEvent]] = [*_COMING_AND_GOING, FileAttribEvent, FileClosedEvent, FileModifiedEvent]


class _Watched(NamedTuple):
    place: tuple[int, int]
    closely: bool
    mount: str
    watch: ObservedWatch


class Events(FileSystemEventHandler):
    """The directories that are watched. Any thread may call; `heard` is called in a thread of watchdog's."""

    def __init__(self, heard: Callable[[tuple[str, ...]], None]) -> None:
        # What it complains of, lost events and watches that end meanwhile, is made good by the looks behind the events.
        logging.getLogger("watchdog").setLevel(logging.CRITICAL)
        self._heard = heard
        self._lock = threading.Lock()  # never held in a call that may stop
        self._watched: dict[str, _Watched] = {}
        self._observers: dict[str, BaseObserver] = {}

    @property
    def directories(self) -> frozenset[str]:
        """Return what is watched, rightly or not."""
        with self._lock:
            return frozenset(self._watched)

    def has(self, directory: str) -> bool:
        """Tell whether `directory` is watched, rightly or not."""
        with self._lock:
            return directory in self._watched

    def watch(self, directory: str, mount: str, *, closely: bool) -> bool:
        """Have `directory` watched, whichever now has that name; False where the system does not grant it.

        Calls with another `mount` go on where one stops.
        """
        try:
            place = _place(directory)
            with self._lock:
                old = self._watched.get(directory)
                if old is not None and old.place == place and old.closely >= closely:
                    return True
            self.drop(directory)
            closely |= old is not None and old.closely
            heed = _EVERYTHING if closely else _COMING_AND_GOING
            watch = self._observer(mount).schedule(self, directory, event_filter=heed)
        except OSError:
            return False
        with self._lock:
            self._watched[directory] = _Watched(place, closely, mount, watch)
        return True

    def drop(self, directory: str) -> None:
        """Have `directory` watched no more."""
        with self._lock:
            old = self._watched.pop(directory, None)
            observer = self._observers[old.mount] if old else None
        if old is not None and observer is not None:
            observer.unschedule(old.watch)

    def stop(self) -> None:
        """End watchdog's threads, without waiting for them."""
        with self._lock:
            observers = list(self._observers.values())
        for observer in observers:
            observer.stop()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take an event from watchdog."""
        self._heard((os.fsdecode(event.src_path), os.fsdecode(event.dest_path)))

    def _observer(self, mount: str) -> BaseObserver:
        with self._lock:
            observer = self._observers.get(mount)
            if observer is None:
                observer = Observer(timeout=60)
                observer.start()
                self._observers[mount] = observer
            return observer


def _place(directory: str) -> tuple[int, int]:
    # It is opened because a watch needs the same permission: watchdog says nothing where inotify denies one.
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        found = os.fstat(fd)
    finally:
        os.close(fd)
    return found.st_dev, found.st_ino
