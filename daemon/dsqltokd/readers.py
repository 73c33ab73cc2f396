"""Which connections have something to read. To the loop they are one descriptor, whose turn is theirs all together.

asyncio has a handle for each of its descriptors and another for each event; to make them costs more than an answer.
"""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Readers:
    """Calls back for sockets, by their descriptors, while they have something to read."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # What Linux and macOS have can itself be waited for.
        self._selector = selectors.DefaultSelector()
        self._loop.add_reader(self._selector, self._ready)

    def add(self, fd: int, callback: Callable[[], None]) -> None:
        """Call `callback` whenever `fd` has something to read, until `remove`, and perhaps once after that."""
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def remove(self, fd: int) -> None:
        """Call no more for `fd`, which is still open."""
        self._selector.unregister(fd)

    def close(self) -> None:
        """Wait for nobody any more."""
        if self._selector.get_map() is not None:  # it is open
            self._loop.remove_reader(self._selector)
            self._selector.close()

    def _ready(self) -> None:
        for key, _ in self._selector.select(0):
            key.data()
