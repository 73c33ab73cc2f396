"""A selector that carries what passes between clients and servers by itself, and tells the event loop of the rest.

The event loop makes a handle of each event, queues it, and runs it in a context of its own: as much work as carrying
the few bytes of a query. What is registered here with a function is run at once instead, whenever the loop waits.

The rules:
1. Such a function takes its turn and returns; it does not raise.
2. What it does may give the loop work (a callback, a timer), so the loop is returned to whenever it says so (`wake`).
"""

from __future__ import annotations

import selectors
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket


class Selector(selectors.DefaultSelector):
    """The selector of an event loop, in which sockets can be watched past the loop."""

    def __init__(self) -> None:
        super().__init__()
        self._woken = False

    def watch(self, sock: socket, act: Callable[[int], None], events: int) -> None:
        """Have `act` called with what has happened, whenever any of `events` (selectors.EVENT_READ, _WRITE) does."""
        self.register(sock, events, act)

    def wake(self) -> None:
        """Have the loop go on, which was given something to do."""
        self._woken = True

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the loop's own events, carrying meanwhile."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            found = []
            for key, events in super().select(timeout):
                if type(key.data) is tuple:
                    found.append((key, events))
                else:
                    key.data(events)
            if found or self._woken:
                self._woken = False
                return found
            if end is not None:
                timeout = end - time.monotonic()
                if timeout <= 0:
                    return found
