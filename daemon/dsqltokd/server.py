"""The socket: accept, check who it is, keep count of the connections.

The rules:
- The accept loop is our own: a connection whose request is there and whose answer is in hand is served without a task
  or a turn of the loop, which measured 0.98 of a C epoll server where asyncio's streams gave 0.24.
- Only this user. Any other peer gets one line that says so.
- There are only so many connections; what each may take is in `connection`.
- Without file descriptors, or with all connections taken, accepting pauses: the loop must not spin on a listener that
  stays readable.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

from dsqltokd.connection import Channel, Connection, Limits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)
_BACKLOG = 1024
_PAUSE_SECONDS = 0.5


def peer_uid(sock: socket.socket) -> int:
    """Return the uid of the process at the other end."""
    if sys.platform == "darwin":
        version_and_uid = sock.getsockopt(0, 1, 76)  # LOCAL_PEERCRED of SOL_LOCAL
        return int(struct.unpack_from("II", version_and_uid)[1])
    return int(struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])


class Server:
    """Serves requests on a listening socket. `patience` gives how long, in seconds, any answer may take."""

    def __init__(
        self,
        listener: socket.socket,
        handle: Callable[[str, dict[str, Any], Channel], dict[str, Any] | Awaitable[dict[str, Any]]],
        *,
        uid: int,
        patience: Callable[[], float],
        limits: Limits | None = None,
    ) -> None:
        self._listener = listener
        self._uid = uid
        self._accepting = False
        self._leaving = False
        self._connections: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self.handle = handle
        self.limits = limits or Limits()
        self.patience = patience
        self.loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Begin to accept."""
        self._listener.setblocking(False)
        self._resume()

    def listen(self, listener: socket.socket) -> None:
        """Accept at `listener` instead."""
        self.pause()
        self._listener.close()
        self._listener = listener
        self.start()

    def pause(self) -> None:
        """Accept no more. What is connected goes on being served."""
        if self._accepting:
            self._accepting = False
            self.loop.remove_reader(self._listener)

    def leave(self) -> None:
        """Accept no more, for good: whoever is in the queue is turned away, and asks the next daemon."""
        self._leaving = True
        self.pause()
        self._listener.close()

    async def drain(self, seconds: float) -> None:
        """Accept no more, wait until what was asked is answered, at most `seconds`, and close every connection.

        What is not answered by then is answered with an error that sends the caller to the next daemon.
        """
        self.leave()
        end = self.loop.time() + seconds
        while (tasks := {task for each in self._connections for task in each.tasks}) and self.loop.time() < end:
            await asyncio.wait(tasks, timeout=end - self.loop.time())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._connections):
            connection.close()

    def adopt(self, connection: Connection) -> None:
        """Count a connection that goes on."""
        self._connections.add(connection)
        if len(self._connections) >= self.limits.connections:
            self.pause()
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(self.limits.sweep_seconds, self._sweep)

    def release(self, connection: Connection) -> None:
        """Count a connection no more."""
        was_full = len(self._connections) >= self.limits.connections
        self._connections.discard(connection)
        if was_full:
            self._resume()

    def _resume(self) -> None:
        if not self._leaving and not self._accepting and self._listener.fileno() != -1:
            self._accepting = True
            self.loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(_BACKLOG):
            if not self._accepting:
                return
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                _log.warning("cannot accept: %s", error.strerror)
                self.pause()
                self.loop.call_later(_PAUSE_SECONDS, self._resume)
                return
            self._welcome(sock)

    def _welcome(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        connection = Connection(self, sock)
        if peer_uid(sock) != self._uid:
            connection.refuse()
            return
        connection.receive()
        if not connection.closed:
            connection.stay()

    def _sweep(self) -> None:
        self._sweeper = None
        now = self.loop.time()
        for connection in list(self._connections):
            if now > connection.deadline and not connection.tasks:
                connection.close()
        if self._connections:
            self._sweeper = self.loop.call_later(self.limits.sweep_seconds, self._sweep)
