"""A session that has begun: bytes pass between client and server, and nobody reads them.

The rules:
1. What cannot be sent at once waits, and nothing more is taken from the other side until it is gone: a slow end slows
   its peer and takes no memory.
2. Whatever one end has sent before it went is still given to the other, if that one takes it.
3. A relay that has much to carry lets the others have their turn.
4. One buffer serves all relays, since each uses it only while it carries: a session at rest has none.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable

_BUFFER = memoryview(bytearray(256 * 1024))
_TURN = 8  # buffers carried before the others have their turn


class Relay:
    """Carries between `client` and `server` until one of them ends; then closes both and calls `ended`.

    `carried` counts the bytes: from the client, from the server.
    """

    __slots__ = ("_client", "_ended", "_loop", "_server", "_to_client", "_to_server", "carried", "closed")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        client: socket.socket,
        server: ssl.SSLSocket,
        ended: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._client = client
        self._server = server
        self._ended = ended
        self._to_client = _Waiting()
        self._to_server = _Waiting()
        self.carried = [0, 0]
        self.closed = False

    def start(self, to_client: bytes, to_server: bytes) -> None:
        """Begin with what is to be sent first."""
        self._loop.add_reader(self._client, self._from_client)
        self._loop.add_reader(self._server, self._from_server)
        if to_client:
            self._send(to_client, self._client, self._to_client, self._server)
        if to_server and not self.closed:
            self._send(to_server, self._server, self._to_server, self._client)
        if not self.closed:
            self._from_server()  # TLS may have in hand what the system does not tell of any more

    def close(self) -> None:
        """End it now."""
        if self.closed:
            return
        self.closed = True
        for sock in (self._client, self._server):
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
            sock.close()
        self._ended()

    def _from_client(self) -> None:
        for _ in range(_TURN):
            if self.closed or self._to_server.data or self._to_client.last:
                return
            try:
                count = self._client.recv_into(_BUFFER)
            except BlockingIOError:
                return
            except OSError:
                count = 0
            if not count:
                self._finish(self._to_server)
                return
            self.carried[0] += count
            self._send(_BUFFER[:count], self._server, self._to_server, self._client)
            if count < len(_BUFFER):
                return

    def _from_server(self) -> None:
        for _ in range(_TURN):
            if self.closed or self._to_client.data or self._to_server.last:
                return
            count, more = self._fill()
            if count:
                self.carried[1] += count
                self._send(_BUFFER[:count], self._client, self._to_client, self._server)
            if more is None:
                self._finish(self._to_client)
            if not more:
                return
        self._loop.call_soon(self._from_server)

    def _fill(self) -> tuple[int, bool | None]:
        """Return how much of the buffer the server has filled, and whether there is more, None where it has ended."""
        count = 0
        while count < len(_BUFFER):
            try:
                got = self._server.recv_into(_BUFFER[count:])
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return count, False
            except OSError:
                got = 0
            if not got:
                return count, None
            count += got
        return count, True

    def _finish(self, waiting: _Waiting) -> None:
        """One end has gone: end when the other has what was sent before."""
        waiting.last = True
        if not waiting.data:
            self.close()

    def _send(self, data: bytes | memoryview, to: socket.socket, waiting: _Waiting, source: socket.socket) -> None:
        try:
            sent = to.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(data):
            waiting.data = bytes(data[sent:])
            self._loop.remove_reader(source)
            self._loop.add_writer(to, self._send_rest, to, waiting, source)

    def _send_rest(self, to: socket.socket, waiting: _Waiting, source: socket.socket) -> None:
        try:
            # TLS wants the same bytes again, after it had no room for them.
            waiting.data = waiting.data[to.send(waiting.data) :]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return
        except OSError:
            self.close()
            return
        if waiting.data:
            return
        self._loop.remove_writer(to)
        if waiting.last:
            self.close()
        elif source is self._client:
            self._loop.add_reader(source, self._from_client)
        else:
            self._loop.add_reader(source, self._from_server)
            self._from_server()


class _Waiting:
    """What waits to be sent to one end, and whether nothing will follow it."""

    __slots__ = ("data", "last")

    def __init__(self) -> None:
        self.data = b""
        self.last = False
