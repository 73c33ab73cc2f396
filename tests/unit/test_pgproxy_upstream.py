"""Beginning a session at a server that is written down here, over real TLS: what it is asked for, and asked again."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, cast

from dsqltokd.pgproxy import wire
from dsqltokd.pgproxy.core import Core, Place
from dsqltokd.pgproxy.etiquette import Env
from dsqltokd.pgproxy.upstream import Session, Upstream, trusting
from standin.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HOST = "x.dsql.us-east-1.on.aws"
READY = struct.pack("!cic", b"Z", 5, b"I")
REFUSED = wire.fatal("42704", 'unrecognized configuration parameter "surprise"', "")
WISHES = {"user": "me", "surprise": "1", "_pq_.more": "on"}
NEWER = 3 << 16 | 2


class Server:
    """Gives each connection the next of the `answers` to its startup, which it keeps."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = iter(answers)
        self.startups: list[wire.Startup] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (said,) = wire.Greeting().receive(await reader.read(10_000))
        assert isinstance(said, wire.Startup)
        self.startups.append(said)
        writer.write(next(self._answers))
        await reader.read()
        writer.close()


class Leading:
    """A core that leads to a port."""

    def __init__(self, port: int) -> None:
        env = Env(user="admin", database="postgres", parameters={})
        self._place = Place(HOST, "127.0.0.1", port, direct=True, seconds=30, env=env, token="token")

    async def place(self, *, fresh: bool) -> Place:
        assert not fresh
        return self._place


def begun(tmp_path: Path, startup: wire.Startup, *answers: bytes) -> tuple[Session, list[str], list[wire.Startup]]:
    """Return the session that a client gets, what it was told, and what the server was asked for."""
    told: list[str] = []
    server = Server(answers)
    roots = tmp_path / "ca.pem"
    context = Authority(roots).context()

    async def play() -> Session:
        async with await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context) as listening:
            core = cast("Core", Leading(listening.sockets[0].getsockname()[1]))
            session = await Upstream(core, trusting(str(roots)), lambda *_: None).begin(startup, "me", told.append)
            session.server.close()
            return session

    return asyncio.run(play()), told, server.startups


def test_the_client_s_protocol_is_the_server_s_to_negotiate(tmp_path: Path) -> None:
    negotiation = struct.pack("!ciii", b"v", 12, 3 << 16, 0)
    session, told, startups = begun(tmp_path, wire.Startup(NEWER, WISHES), negotiation + wire.LET_IN + READY)
    assert session.opening == negotiation + wire.LET_IN + READY
    assert told == []
    asked = {"user": "admin", "database": "postgres", "surprise": "1", "_pq_.more": "on"}
    assert startups == [wire.Startup(NEWER, asked)]


def test_a_client_that_was_let_in_by_a_notice_has_a_session_in_the_protocol_that_it_was_let_in_to(
    tmp_path: Path,
) -> None:
    _, told, startups = begun(tmp_path, wire.Startup(NEWER, WISHES), REFUSED, wire.LET_IN + READY)
    assert told == ["the server does not take the startup parameter surprise: it was left out"]
    assert startups[1] == wire.Startup(3 << 16, {"user": "admin", "database": "postgres"})
