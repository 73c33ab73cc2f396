"""What other systems than Linux tell of changes in directories, by watchdog's observer."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

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

from dsqltokd import threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchdog.observers.api import ObservedWatch

_COMING_AND_GOING: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
]
_EVERYTHING: list[type[FileSystemEvent]] = [*_COMING_AND_GOING, FileAttribEvent, FileClosedEvent, FileModifiedEvent]


class Teller(FileSystemEventHandler):
    """Has `heard` called, in its own thread, with the entries of watched directories to which something happened."""

    def __init__(self, heard: Callable[[tuple[str, ...]], None]) -> None:
        # What it complains of, lost events and watches that end meanwhile, is made good by the looks behind the events.
        logging.getLogger("watchdog").setLevel(logging.CRITICAL)
        self._heard = heard
        self._observer = Observer(timeout=60)

    @property
    def over(self) -> bool:
        """Tell whether its thread has ended, by itself as it may be."""
        return threads.is_over(self._observer)

    def start(self) -> None:
        """Begin, unless that was done. Raises `OSError` where there is no thread to be had; it can be tried again."""
        threads.begin(self._observer)

    def add(self, directory: str, *, closely: bool) -> ObservedWatch:
        """Watch a directory, for what is in its files too or for what comes and goes. Raises `OSError`."""
        os.close(os.open(directory, os.O_RDONLY | os.O_DIRECTORY))  # a watch needs the same permission, silently
        return self._observer.schedule(self, directory, event_filter=_EVERYTHING if closely else _COMING_AND_GOING)

    def remove(self, watch: ObservedWatch) -> None:
        """Watch a directory no more."""
        self._observer.unschedule(watch)

    def stop(self) -> None:
        """End its threads, without waiting for them."""
        self._observer.stop()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Take an event from watchdog."""
        self._heard((os.fsdecode(event.src_path), os.fsdecode(event.dest_path)))
