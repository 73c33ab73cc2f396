"""A server on a real socket, and its clients, in one loop."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import tempfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from dsqltok.errors import NotFoundError
from dsqltokd.channel import Channel, UnknownMethodError
from dsqltokd.connection import Connection
from dsqltokd.limits import Limits
from dsqltokd.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Coroutine

PATIENCE = 20.0
CANARY = "c4n4ry"


class Peer:
    """A client: lines out, objects in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *lines: bytes) -> None:
        self.writer.write(b"".join(lines))
        await self.writer.drain()

    async def receive(self) -> dict[str, Any]:
        line = await self.reader.readline()
        assert line.endswith(b"\n"), f"the connection ended: {line!r}"
        answer: dict[str, Any] = json.loads(line)
        assert answer["jsonrpc"] == "2.0"
        return answer

    async def ask(self, method: str, request_id: object = 1, **params: object) -> dict[str, Any]:
        await self.send(request(method, request_id, **params))
        return await self.receive()

    async def ended(self) -> bool:
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True


class Scene:
    """A server and what its handler was asked. `release` lets the requests go on that wait."""

    def __init__(self, path: str, limits: Limits, uid: int) -> None:
        self.path = path
        self.server = Server(self.listener(), self, uid=uid, patience=lambda: 42.7, limits=limits)
        self.release = asyncio.Event()
        self.began = asyncio.Event()
        self.closed = asyncio.Event()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.peers: list[Peer] = []
        self.channels: list[Channel] = []
        self.remembered: dict[bytes, bytes] = {}
        self.remembers = False

    def listener(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.bind(self.path)
        made.listen()
        return made

    async def peer(self) -> Peer:
        made = Peer(*await asyncio.open_unix_connection(self.path))
        self.peers.append(made)
        return made

    def recall(self, line: bytes, channel: Channel) -> bytes | None:
        assert isinstance(channel, Connection)
        return self.remembered.get(line) if self.remembers else None

    def learn(self, line: bytes, method: str, answered: bytes, answer: dict[str, Any]) -> None:
        assert json.loads(answered)["result"] == answer
        assert json.loads(line)["method"] == method
        self.remembered[line] = answered

    def handle(
        self, method: str, params: dict[str, Any], channel: Channel
    ) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        self.asked.append((method, params))
        if method == "echo":
            return {"params": params}
        if method == "big":
            return {"text": "x" * 100_000}
        if method == "refuse":
            raise NotFoundError("no such env", hint="it has dev", data={"candidates": ["dev"]})
        if method == "break":
            raise RuntimeError(CANARY)
        if method == "run short":
            raise OSError(errno.EMFILE, "too many open files")
        if method == "watch":
            self.channels.append(channel)
            channel.on_close(self.closed.set)
            channel.notify("token", {"n": 1})
            return {"watching": True}
        if method.startswith("slow"):
            return self.slowly(method)
        raise UnknownMethodError

    async def slowly(self, method: str) -> dict[str, Any]:
        self.began.set()
        await self.release.wait()
        if method == "slow break":
            raise RuntimeError(CANARY)
        return {"method": method}


@asynccontextmanager
async def serving(*, uid: int | None = None, **limits: Any) -> AsyncIterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="dt") as directory:
        scene = Scene(f"{directory}/s", Limits(**limits), os.getuid() if uid is None else uid)
        scene.server.start()
        try:
            async with asyncio.timeout(PATIENCE):
                yield scene
        finally:
            scene.release.set()
            for peer in scene.peers:
                peer.writer.close()
            await scene.server.drain(PATIENCE)


def request(method: str, request_id: object = 1, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).encode() + b"\n"


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)
