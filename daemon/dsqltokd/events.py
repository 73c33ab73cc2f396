"""Which directories the system tells of changes in.

The rules:
- A call here may stop in a dead mount, and then holds what the teller locks. So each file system that may die has a
  teller of its own, and none is called from where nothing may stop.
- A directory is watched closely, for what is in its files too, or for what comes and goes in it.
- Nothing is kept that is not known to be alive: whoever hears that a directory is gone drops it.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

if sys.platform == "linux":
    from dsqltokd.inotify import Teller
else:
    from dsqltokd.observer import Teller

if TYPE_CHECKING:
    from collections.abc import Callable


class _Watched(NamedTuple):
    place: tuple[int, int]
    closely: bool
    teller: Teller
    watch: Any  # the teller's own


class Events:
    """The directories that are watched. Any thread may call; `heard` is called in a thread of the teller's."""

    def __init__(self, heard: Callable[[tuple[str, ...]], None]) -> None:
        self._heard = heard
        self._lock = threading.Lock()  # never held in a call that may stop
        self._watched: dict[str, _Watched] = {}
        self._tellers: dict[str, Teller] = {}

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
        old = None
        try:
            found = os.stat(directory)
            place = found.st_dev, found.st_ino
            with self._lock:
                old = self._watched.get(directory)
                if old is not None and old.place == place and old.closely >= closely and not old.teller.over:
                    return True
            self.drop(directory)
            closely |= old is not None and old.closely
            teller = self._teller(mount)
            watch = teller.add(directory, closely=closely)
        except OSError:
            if old is not None:
                self._heard((directory,))  # what leads through it has lost what told of changes
            return False
        self.drop(directory)  # another thread may have been as quick
        with self._lock:
            self._watched[directory] = _Watched(place, closely, teller, watch)
        return True

    def drop(self, directory: str) -> None:
        """Have `directory` watched no more."""
        with self._lock:
            old = self._watched.pop(directory, None)
        if old is not None:
            old.teller.remove(old.watch)

    def stop(self) -> None:
        """End the tellers' threads, without waiting for them."""
        with self._lock:
            tellers = list(self._tellers.values())
        for teller in tellers:
            teller.stop()

    def _teller(self, mount: str) -> Teller:
        with self._lock:
            teller = self._tellers.get(mount)
            if teller is None or teller.over:
                teller = self._tellers[mount] = Teller(self._heard)
            teller.start()
            return teller
