"""Beginning a session at a server that is written down here, over real TLS: what it is asked for, and asked again."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from dsqltok.errors import TimedOutError, UnavailableError
from dsqltokd.pgproxy import wire
from dsqltokd.pgproxy.core import Core, Place
from dsqltokd.pgproxy.etiquette import Env
from dsqltokd.pgproxy.upstream import Session, Upstream, trusting
from standin.tls import Authority
from unit.ahead import play_ahead, put_ahead

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from dsqltokd.pgproxy.upstream import Observe

    Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HOST = "x.dsql.us-east-1.on.aws"
READY = struct.pack("!cic", b"Z", 5, b"I")
REFUSED = wire.fatal("42704", 'unrecognized configuration parameter "surprise"', "")
WISHES = {"user": "me", "surprise": "1", "_pq_.more": "on"}
NEWER = 3 << 16 | 2


class Server:
    """Gives each connection the next of the `answers` to its startup and its password, both of which it keeps."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self._answers = iter(answers)
        self.startups: list[wire.Startup] = []
        self.passwords: list[bytes] = []
        self.observed: list[tuple[str, float]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (said,) = wire.Greeting().receive(await reader.read(10_000))
        assert isinstance(said, wire.Startup)
        self.startups.append(said)
        writer.write(wire.PASSWORD_WANTED)
        ((_, password),) = wire.Messages().receive(await reader.read(10_000))
        self.passwords.append(password)
        writer.write(next(self._answers))
        await reader.read()
        writer.close()

    def observe(self, step: str, seconds: float) -> None:
        self.observed.append((step, seconds))


class Leading:
    """A core that leads to a port; of its tokens only a fresh one is any good."""

    def __init__(self, port: int) -> None:
        env = Env(user="admin", database="postgres", parameters={})
        self.place_there = Place(HOST, "127.0.0.1", port, direct=True, seconds=30, env=env, token="dull")

    async def place(self, *, fresh: bool) -> Place:
        return replace(self.place_there, token="bright") if fresh else self.place_there


@contextlib.asynccontextmanager
async def leading(
    serve: Serve, roots: Path, alpn: Sequence[str] = ("postgresql",), observe: Observe = lambda *_: None
) -> AsyncIterator[tuple[Upstream, Place]]:
    """Give an upstream that leads to a server, and the place of that."""
    context = Authority(roots).context()
    context.set_alpn_protocols(alpn)
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as listening:
        core = Leading(listening.sockets[0].getsockname()[1])
        yield Upstream(cast("Core", core), trusting(str(roots)), observe), core.place_there


def begun(tmp_path: Path, startup: wire.Startup, *answers: bytes) -> tuple[Session, list[str], Server]:
    """Return the session that a client gets, what it was told, and the server."""
    told: list[str] = []
    server = Server(answers)

    async def play() -> Session:
        async with leading(server.serve, tmp_path / "ca.pem", observe=server.observe) as (upstream, _):
            session = await upstream.begin(startup, "me", told.append)
            session.server.close()
            return session

    return asyncio.run(play()), told, server


def test_the_client_s_protocol_is_the_server_s_to_negotiate(tmp_path: Path) -> None:
    negotiation = struct.pack("!ciii", b"v", 12, 3 << 16, 0)
    session, told, server = begun(tmp_path, wire.Startup(NEWER, WISHES), negotiation + wire.LET_IN + READY)
    assert session.opening == negotiation + wire.LET_IN + READY
    assert told == []
    asked = {"user": "admin", "database": "postgres", "surprise": "1", "_pq_.more": "on"}
    assert server.startups == [wire.Startup(NEWER, asked)]


def test_a_client_that_was_let_in_by_a_notice_has_a_session_in_the_protocol_that_it_was_let_in_to(
    tmp_path: Path,
) -> None:
    _, told, server = begun(tmp_path, wire.Startup(NEWER, WISHES), REFUSED, wire.LET_IN + READY)
    assert told == ["the server does not take the startup parameter surprise: it was left out"]
    assert server.startups[1] == wire.Startup(3 << 16, {"user": "admin", "database": "postgres"})


def test_a_token_that_is_refused_is_not_tried_again_but_a_fresh_one_is(tmp_path: Path) -> None:
    denied = wire.fatal("08006", "unable to accept connection, access denied", "")
    session, told, server = begun(tmp_path, wire.Startup(3 << 16, {}), denied, wire.LET_IN + READY)
    assert server.passwords == [wire.password("dull"), wire.password("bright")]
    assert told == []
    succeeded = [seconds for step, seconds in server.observed if step == "auth"]
    assert len(succeeded) == 1
    assert session.steps["auth"] > sum(succeeded)  # with the time that the first one took


def test_a_cancellation_that_the_server_does_not_answer_ends_in_time(tmp_path: Path) -> None:
    async def scene() -> None:
        heard = asyncio.Queue[bytes]()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.put_nowait(await reader.readexactly(24))
            await reader.read()
            writer.close()

        async with leading(silent, tmp_path / "ca.pem") as (upstream, place):
            cancelling = asyncio.create_task(upstream.cancel(place, b"the key in hand."))
            assert await heard.get() == wire.cancel(b"the key in hand.")
            put_ahead(31)
            with pytest.raises(TimedOutError, match="cancelling takes more than 30 s"):
                await cancelling

    play_ahead(scene())


@pytest.mark.parametrize("alpn", [["h2"], []])
def test_a_server_that_does_not_say_that_it_speaks_postgresql_is_not_taken_for_one(
    tmp_path: Path, alpn: list[str]
) -> None:
    async def scene() -> None:
        server = Server([])
        async with leading(server.serve, tmp_path / "ca.pem", alpn) as (upstream, _):
            with pytest.raises(UnavailableError, match=rf"TLS with {HOST}"):
                await upstream.begin(wire.Startup(3 << 16, {}), "me", lambda _: None)
        assert server.startups == []

    asyncio.run(scene())
