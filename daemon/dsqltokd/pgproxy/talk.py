"""What is said with a client before its session begins, and after it could not.

The rules:
1. Nothing here ends by itself where a client is silent: what bounds the time is the caller's.
2. What a client sends ahead is kept, up to a limit, for the server to hear; meanwhile it is noticed when it goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

from dsqltokd.pgproxy import sockets, wire

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import TypeVar

    T = TypeVar("T")

_EARLY = 65_536  # bytes that are taken of a client which does not wait for its session
_FAREWELL_SECONDS = 1.0
_FAREWELL_READS = 64


async def greeted(client: socket.socket, greeting: wire.Greeting) -> wire.Cancel | wire.Startup:
    """Return what a client wants. Raises `wire.GarbageError`, `OSError`, `EOFError`."""
    while True:
        for said in greeting.receive(await _some(client)):
            if isinstance(said, wire.EncryptionWanted):
                await sockets.send(client, b"N")
            else:
                return said


async def password(client: socket.socket, greeting: wire.Greeting) -> bytes:
    """Return what a client says when it is asked for a password, or something else. Raises as `greeted` does."""
    await sockets.send(client, wire.PASSWORD_WANTED)
    messages = wire.Messages()
    data, greeting.rest = greeting.rest, b""
    try:
        while (said := next(messages.receive(data), None)) is None:
            data = await _some(client)
    except wire.GarbageError:  # whose words are of a server
        raise wire.GarbageError("no password, but something else") from None
    greeting.rest = messages.rest
    kind, whole = said
    return whole[5:].rstrip(b"\0") if kind == b"p" else b""


async def _some(client: socket.socket) -> bytes:
    data = await sockets.receive(client)
    if not data:
        raise EOFError
    return data


async def unless_gone(client: socket.socket, work: Coroutine[Any, Any, T]) -> tuple[T, bytes]:
    """Return what `work` returns, and what the client has sent meanwhile.

    Where the client goes, the work is ended, and `EOFError` is raised.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    early = b""

    def look() -> None:
        nonlocal early
        try:
            data = client.recv(_EARLY)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        early += data
        if not data:
            task.cancel()
        if not data or len(early) >= _EARLY:
            loop.remove_reader(client)

    loop.add_reader(client, look)
    try:
        return await task, early
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
        raise EOFError from None
    finally:
        loop.remove_reader(client)
        task.cancel()


async def farewell(client: socket.socket, words: bytes) -> None:
    """Send the last words, and leave the client a moment to read them: closing at once could take them back."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_FAREWELL_SECONDS):
            await sockets.send(client, words)
            client.shutdown(socket.SHUT_WR)
            for _ in range(_FAREWELL_READS):
                if not await sockets.receive(client):
                    break
