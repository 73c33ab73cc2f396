"""The TLS front: PostgreSQL's startup as Aurora DSQL conducts it, then bytes both ways.

Rules of this file: nothing of a client's reaches PostgreSQL before its token was accepted; a client that goes away or
talks nonsense is hung up on and troubles nobody else; and the first bytes are read exactly, off the bare socket, so
that nothing sent in clear can pass for what came through TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from . import wire
from .sigv4 import Refusal
from .tls import Connection

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CHUNK = 65_536
_FAREWELL_S = 1.0  # how long a client may take to end TLS in form


class Front:
    """Stands before the PostgreSQL at `upstream`. `admit(token, host, user)` raises `Refusal` for whom to keep out."""

    def __init__(self, tls: ssl.SSLContext, upstream: Path, admit: Callable[[str, str, str], None]) -> None:
        self._tls = tls
        self._upstream = upstream
        self._admit = admit
        self._closing: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket) -> None:
        """Accept clients until cancelled; then hang up on all of them and close `listener`."""
        listener.setblocking(False)
        try:
            async with asyncio.TaskGroup() as clients:
                while True:
                    client, _ = await asyncio.get_running_loop().sock_accept(listener)
                    # asyncio sets it where it made the socket, and each login would wait 40 ms for an ACK without.
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    clients.create_task(self._client(client))
        finally:
            listener.close()
            await asyncio.gather(*self._closing, return_exceptions=True)

    async def _client(self, client: socket.socket) -> None:
        # OSError covers TLS that fails, EOFError both an end in mid-message and a ProtocolError.
        with contextlib.suppress(OSError, EOFError):
            try:
                direct = await _negotiate(client)
                streams = await self._secured(client)
            except BaseException:
                client.close()
                raise
            with self._hanging_up_on(streams):
                await self._startup(*streams, direct=direct)

    async def _secured(self, client: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, client, ssl=self._tls, ssl_shutdown_timeout=_FAREWELL_S
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    @contextlib.contextmanager
    def _hanging_up_on(
        self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    ) -> Iterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Begin to close `streams` when the block ends: what was written still goes out.

        The closing is nobody's to cancel, and only `serve` waits for it. (To abort would be quicker, but Python 3.11.2
        trips over aborting a TLS transport that is closed.)
        """
        _, writer = streams
        try:
            yield streams
        finally:
            writer.close()
            closing = asyncio.create_task(_closed(writer))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _startup(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, direct: bool) -> None:
        connection = writer.get_extra_info("ssl_object")
        # Who skips the negotiation must say which protocol it means, or a browser could be made to talk to us.
        if not isinstance(connection, Connection) or (direct and connection.selected_alpn_protocol() != "postgresql"):
            raise wire.ProtocolError("direct TLS without ALPN")
        header = await reader.readexactly(wire.HEADER.size)
        length, code = wire.HEADER.unpack(header)
        rest = wire.body_length(length, header=wire.HEADER.size, limit=wire.LONGEST_STARTUP)
        greeting = header + await reader.readexactly(rest)
        if code != wire.CANCEL_REQUEST:
            try:
                await self._login(reader, writer, connection.asked_for, greeting)
            except Refusal as refusal:
                writer.write(wire.error_response(refusal))
                await writer.drain()
                return
        with self._hanging_up_on(await asyncio.open_unix_connection(self._upstream)) as (up_reader, up_writer):
            up_writer.write(greeting)
            await _splice((reader, up_writer), (up_reader, writer))

    async def _login(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str | None, greeting: bytes
    ) -> None:
        user = wire.startup_parameters(greeting[wire.HEADER.size :]).get("user", "")
        if host is None:
            raise Refusal("sni was not received")
        writer.write(wire.PASSWORD_WANTED)
        kind = await reader.readexactly(1)
        length = int.from_bytes(await reader.readexactly(4))
        password = await reader.readexactly(wire.body_length(length, header=4, limit=wire.LONGEST_PASSWORD))
        if kind != b"p":
            raise wire.ProtocolError("not a password")
        self._admit(password.rstrip(b"\0").decode(errors="replace"), host, user)


async def _negotiate(client: socket.socket) -> bool:
    """Lead a client up to its TLS handshake; return whether it began directly with that."""
    loop = asyncio.get_running_loop()
    if await _peek(client) == wire.TLS_HANDSHAKE:
        return True
    while True:
        length, code = wire.HEADER.unpack(await _exactly(client, wire.HEADER.size))
        if code == wire.SSL_REQUEST:
            await loop.sock_sendall(client, b"S")
            return False
        if code != wire.GSSENC_REQUEST:
            break
        await loop.sock_sendall(client, b"N")
    # What was sent must have been read, or closing the socket resets it and the client never sees our answer.
    await _exactly(client, wire.body_length(length, header=wire.HEADER.size, limit=wire.LONGEST_STARTUP))
    await loop.sock_sendall(client, wire.error_response(Refusal("tls is required")))
    raise wire.ProtocolError("no TLS")


async def _peek(client: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(client, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(client)
    return client.recv(1, socket.MSG_PEEK)


async def _exactly(client: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        more = await asyncio.get_running_loop().sock_recv(client, size - len(got))
        if not more:
            raise EOFError
        got += more
    return got


async def _closed(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _splice(*directions: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    """Copy until either end closes its side, as both then have said what they had to say."""
    pumps = [asyncio.create_task(_pump(*direction)) for direction in directions]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
