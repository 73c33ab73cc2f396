"""A session that has begun: bytes pass between client and server, and nobody reads them.

The rules:
1. What cannot be sent at once waits, and nothing more is taken from the other side until it is gone: a slow end slows
   its peer and takes no memory.
2. Whatever one end has sent before it went is still given to the other, if that one takes it. An end that says it will
   send no more has gone: PostgreSQL's hang up both ways.
3. A relay that has much to carry lets the others have their turn.
4. One buffer serves all relays, since each uses it only while it carries: a session at rest has none.
5. No TLS record is left half read: the system, which is what tells of more to read, knows nothing of its rest.
6. Where a session is ended from here, the client is told if it waits for nothing: if the last that the server said was
   that it is ready, which is all of its words that are looked at.
7. A query's few bytes are carried by one reading and one sending: reading again, to hear that there is no more, would
   cost as much as both.
"""

from __future__ import annotations

import logging
import socket
import ssl
from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsqltokd.pgproxy.selecting import Selector

_log = logging.getLogger(__name__)
_RECORD = 16 * 1024  # bytes that a TLS record holds at most
_BUFFER = memoryview(bytearray(16 * _RECORD))
_FULL = len(_BUFFER) - _RECORD
_SHORT = 4096  # a record of less is the end of what the server has to say for now, or nearly always
_READY = b"Z\0\0\0\5"  # and a byte with the state of the transaction
_READY_BYTES = 6
_LAST_RECORDS = 1024  # which are kept for a client when the server takes no more: the system has no more in hand
_TURN = 8  # buffers carried before the others have their turn
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Relay:
    """Carries between `client` and `server` until one of them ends; then closes both and calls `ended`.

    `carried` counts the bytes: from the client, from the server.
    """

    __slots__ = ("_client", "_ended", "_last_words", "_selector", "_server", "_tls", "carried", "closed")

    def __init__(
        self, selector: Selector, client: socket.socket, server: ssl.SSLSocket, ended: Callable[[], None]
    ) -> None:
        self._selector = selector
        self._client = _End(client, client.send, self._client_is_ready)
        self._server = _End(server, server.write, self._server_is_ready)
        self._tls = server
        self._ended = ended
        self._last_words = b""  # of the server's, for which the client has not asked for more
        self.carried = [0, 0]
        self.closed = False

    def start(self, to_client: bytes, to_server: bytes) -> None:
        """Begin with what is to be sent first."""
        self._watch()
        self.carried = [len(to_server), len(to_client)]
        if to_client:
            self._last_words = to_client[-_READY_BYTES:]
            self._send(memoryview(to_client), self._client)
        if to_server and not self.closed:
            self._last_words = b""
            self._send(memoryview(to_server), self._server)

    def close(self) -> None:
        """End it now."""
        if self.closed:
            return
        self.closed = True
        for end in (self._client, self._server):
            if end.events:
                self._selector.unregister(end.sock)
            end.sock.close()
        self._ended()
        self._selector.wake()

    def end(self, words: bytes) -> None:
        """End it now, with a last message for the client if it can be given."""
        if not self.closed and not self._client.waiting and self._last_words.startswith(_READY):
            self._sent(memoryview(words), self._client)
        self.close()

    def _client_is_ready(self, events: int) -> None:
        self._act(self._client, events, self._from_client)

    def _server_is_ready(self, events: int) -> None:
        self._act(self._server, events, self._from_server)

    def _act(self, end: _End, events: int, take: Callable[[], None]) -> None:
        try:
            if events & EVENT_READ and not self.closed:
                take()
            if events & EVENT_WRITE and not self.closed:
                self._send_rest(end)
        except Exception:  # noqa: BLE001 - a fault of ours ends one session, and the others go on
            _log.exception("a session is ended by a fault of the proxy's own")
            self.close()

    def _from_client(self) -> None:
        for _ in range(_TURN):
            if self.closed or self._server.waiting or self._client.last:
                return
            try:
                count = self._client.sock.recv_into(_BUFFER)
            except BlockingIOError:
                return
            except OSError:
                count = 0
            if not count:
                self._finish(self._server)
                return
            self.carried[0] += count
            self._last_words = b""
            self._send(_BUFFER[:count], self._server)
            if count < len(_BUFFER):
                return

    def _from_server(self) -> None:
        for _ in range(_TURN):
            if self.closed or self._client.waiting or self._server.last:
                return
            count, more = self._fill()
            if count:
                self.carried[1] += count
                self._last_words = bytes(_BUFFER[max(0, count - _READY_BYTES) : count])
                self._send(_BUFFER[:count], self._client)
            if more is None:
                self._finish(self._client)
            if not more:
                return

    def _fill(self) -> tuple[int, bool | None]:
        """Return how much of the buffer the server has filled, and whether there is more, None where it has ended."""
        count = 0
        while count <= _FULL:
            try:
                got = self._tls.recv_into(_BUFFER[count:])
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return count, False
            except OSError:
                got = 0
            if not got:
                return count, None
            count += got
            if got < _SHORT:
                return count, False
        return count, True

    def _finish(self, other: _End) -> None:
        """One end has gone: end when the other has what was sent before."""
        other.last = True
        if other.waiting:
            self._watch()
        else:
            self._let_go()

    def _send(self, data: memoryview, to: _End) -> None:
        rest = self._sent(data, to)
        if rest and not self.closed:
            to.waiting = bytes(rest)
            self._watch()

    def _send_rest(self, to: _End) -> None:
        # TLS wants the same bytes again, after it had no room for them.
        to.waiting = bytes(self._sent(memoryview(to.waiting), to))
        if to.waiting or self.closed:
            return
        if to.last:
            self._let_go()
        else:
            self._watch()

    def _sent(self, data: memoryview, to: _End) -> memoryview:
        """Send what can be sent, and return the rest. TLS takes a record at a time."""
        try:
            while data:
                data = data[to.send(data) :]
        except _NOT_NOW:
            pass
        except OSError:
            if to is self._server:
                self._hear_out()
            else:
                self.close()
            return data[:0]
        return data

    def _hear_out(self) -> None:
        """The server takes no more: end when the client has what the server said before that, why most likely."""
        said = [self._client.waiting]
        try:
            while len(said) < _LAST_RECORDS and (more := self._tls.recv(_RECORD)):
                self.carried[1] += len(more)
                said.append(more)
        except OSError:
            pass  # that was all
        self._server.waiting = self._client.waiting = b""
        self._server.last = False  # nothing is owed to it any more
        self._send(memoryview(b"".join(said)), self._client)
        if not self.closed:
            self._finish(self._client)

    def _let_go(self) -> None:
        """End, now that all is sent: closing with something of the client's unread could take back what it was sent."""
        try:
            self._client.sock.shutdown(socket.SHUT_WR)
            for _ in range(_TURN):
                if not self._client.sock.recv_into(_BUFFER):
                    break
        except OSError:
            pass  # there is nothing more, or the client is gone
        self.close()

    def _watch(self) -> None:
        """Wait for what either end can do now: be read from where the other takes more, be sent what waits for it."""
        for end, other in ((self._client, self._server), (self._server, self._client)):
            reading = 0 if other.waiting or end.last else EVENT_READ
            events = reading | (EVENT_WRITE if end.waiting else 0)
            if events == end.events:
                continue
            if not events:
                self._selector.unregister(end.sock)
            elif not end.events:
                self._selector.watch(end.sock, end.act, events)
            else:
                self._selector.modify(end.sock, events, end.act)
            end.events = events


class _End:
    """One end: what waits to be sent to it, whether nothing will follow that, and which events are waited for."""

    __slots__ = ("act", "events", "last", "send", "sock", "waiting")

    def __init__(self, sock: socket.socket, send: Callable[[memoryview], int], act: Callable[[int], None]) -> None:
        self.sock = sock
        self.send = send
        self.act = act
        self.waiting = b""
        self.last = False
        self.events = 0
