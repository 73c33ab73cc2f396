"""What Linux tells of changes in directories, read by one thread for all of them.

watchdog's own observer has a thread for each directory, of 17 KB, which holds back for half a second that something was
moved away. So only the lowest layer of watchdog is used here: the descriptor and its thread.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
from typing import TYPE_CHECKING, NamedTuple

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyFD, Mask, WatchDescriptor

from dsqltokd import threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchdog.observers.inotify_c import InotifyEvent

_COMING_AND_GOING = InotifyConstants.IN_CREATE | InotifyConstants.IN_DELETE | InotifyConstants.IN_MOVE
_COMING_AND_GOING |= InotifyConstants.IN_ATTRIB | InotifyConstants.IN_DELETE_SELF
_EVERYTHING = _COMING_AND_GOING | InotifyConstants.IN_MODIFY | InotifyConstants.IN_CLOSE_WRITE
# The same directory may be asked for by two names: neither is to undo what the other one heeds.
_HOW = InotifyConstants.IN_ONLYDIR | InotifyConstants.IN_DONT_FOLLOW | InotifyConstants.IN_MASK_ADD


class Watch(NamedTuple):
    """A directory that is watched, under one of its names."""

    number: WatchDescriptor
    name: CallbackId


class Teller:
    """Has `heard` called, in its own thread, with the entries of watched directories to which something happened.

    Where events were lost these are all the directories; where a watch has ended by itself, its directory.
    """

    def __init__(self, heard: Callable[[tuple[str, ...]], None]) -> None:
        logging.getLogger("watchdog").setLevel(logging.CRITICAL)
        self._heard = heard
        self._names = itertools.count()
        self._lock = threading.Lock()  # never held in a call that may stop
        self._directories: dict[WatchDescriptor, dict[CallbackId, str]] = {}
        self._inotify = InotifyFD()

    @property
    def over(self) -> bool:
        """Tell whether its thread has ended, by itself as it may be."""
        return threads.is_over(self._inotify)

    def start(self) -> None:
        """Begin, unless that was done. Raises `OSError` where there is no thread to be had; it can be tried again."""
        threads.begin(self._inotify)

    def add(self, directory: str, *, closely: bool) -> Watch:
        """Watch a directory, for what is in its files too or for what comes and goes. Raises `OSError`."""
        mask = Mask((_EVERYTHING if closely else _COMING_AND_GOING) | _HOW)
        name = CallbackId(next(self._names))
        number = self._inotify.add_callback(os.fsencode(directory), mask, self, name)
        watch = Watch(number, name)
        if number == -1:  # watchdog says nothing where it is denied
            self.remove(watch)
            raise PermissionError(directory)
        with self._lock:
            self._directories.setdefault(number, {})[name] = directory
        return watch

    def remove(self, watch: Watch) -> None:
        """Watch a directory no more."""
        with self._lock:
            names = self._directories.get(watch.number, {})
            names.pop(watch.name, None)
            if not names:
                self._directories.pop(watch.number, None)
        self._inotify.remove_callbacks([watch])

    def stop(self) -> None:
        """End the thread, without waiting for it."""
        with self._lock:
            self._directories.clear()
        self._inotify.stop()

    def on_event(self, event: InotifyEvent) -> None:
        """Take an event from watchdog."""
        with self._lock:
            directories = [*self._directories.get(event.wd, {}).values()]
        for directory in directories:
            self._heard((os.path.join(directory, os.fsdecode(event.name)) if event.name else directory,))

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """Take note that a directory is gone, or its file system unmounted."""
        with self._lock:
            directories = tuple(self._directories.pop(wd, {}).values())
        self._heard(directories)

    def on_queue_overflow(self) -> None:
        """Take note that there were more events than the kernel keeps."""
        with self._lock:
            directories = tuple(name for names in self._directories.values() for name in names.values())
        self._heard(directories)
