"""A gate: who may come in, how many, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from typing import TYPE_CHECKING, Any, cast

import pytest

from dsqltokd.pgproxy import wire
from dsqltokd.pgproxy.gate import Gate
from dsqltokd.pgproxy.selecting import Selector
from dsqltokd.pgproxy.traffic import Traffic
from unit.ahead import play_ahead, put_ahead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dsqltokd.pgproxy.upstream import Upstream

REFUSAL = wire.Response({"S": "FATAL", "C": "57P03", "M": "the server says no"})
STARTUP = wire.startup(0x30000, {"user": "me"})
MOST = 2000
MOST_STRANGERS = 32


class Refusing:
    """An upstream that lets nobody in."""

    async def begin(self, *_: Any) -> None:
        raise wire.RefusedError(REFUSAL)


class Silent:
    """An upstream that never comes to an end."""

    async def begin(self, *_: Any) -> None:
        await asyncio.Event().wait()


@contextlib.contextmanager
def opened(
    upstream: object,
    *,
    ours: bool | Callable[[socket.socket], bool | None] | None = True,
    password: str | None = None,
    traffic: Traffic | None = None,
) -> Iterator[tuple[Gate, int]]:
    """Give an open gate, and its port. `ours` is whose all clients are, or tells it of each."""
    with socket.create_server(("127.0.0.1", 0), backlog=MOST) as listener:
        gate = Gate(
            "dsql",
            [listener],
            cast("Upstream", upstream),
            traffic or Traffic(),
            selector=Selector(),
            elsewhere=lambda _: None,
            password=password,
            is_ours=ours if callable(ours) else lambda _: ours,
        )
        gate.open()
        yield gate, listener.getsockname()[1]


async def conversation(ours: bool | None, password: str | None, *words: bytes) -> bytes:
    with opened(Refusing(), ours=ours, password=password) as (gate, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.writelines([STARTUP, *words])
        said = await reader.read()
        writer.close()
        gate.leave(0.0)
        await gate.empty()
    return said


@pytest.mark.parametrize(
    ("ours", "words", "said"),
    [
        (True, [], b"the server says no"),
        (False, [], b"this proxy serves another user"),
        (None, [wire.password("secret")], b"the server says no"),
        (None, [wire.password("wrong")], b"the password is wrong"),
        (None, [b"Q\0\0\0\5\0"], b"the password is wrong"),
    ],
)
def test_who_may_come_in_where_the_system_may_not_tell(ours: bool | None, words: list[bytes], said: bytes) -> None:
    answer = asyncio.run(conversation(ours, "secret", *words))
    assert said in answer
    assert answer.startswith(wire.PASSWORD_WANTED) is (ours is None)


def test_where_the_system_tells_and_did_not_nobody_is_asked_for_a_password_that_does_not_exist() -> None:
    answer = asyncio.run(conversation(None, None))
    assert b"the system did not tell whose this connection is" in answer
    assert b"08001" in answer  # which a client may try again
    assert wire.PASSWORD_WANTED not in answer


@pytest.fixture
def _many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(3 * MOST, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def crowd(port: int, count: int, words: bytes) -> list[asyncio.StreamWriter]:
    found = []
    for _ in range(count):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(words)
        found.append(writer)
    return found


async def one_too_many(*, ours: bool, count: int, traffic: Traffic) -> bytes:
    with opened(Silent(), ours=ours, traffic=traffic) as (gate, port):
        others = await crowd(port, count, b"")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = await reader.read()
        for each in (*others, writer):
            each.close()
        gate.leave(0.0)
        await gate.empty()
    return answer


@pytest.mark.usefixtures("_many_descriptors")
def test_of_a_crowd_those_beyond_the_limit_are_told_and_counted() -> None:
    traffic = Traffic()
    answer = asyncio.run(one_too_many(ours=True, count=MOST, traffic=traffic))
    assert b"53300" in answer
    assert b"the proxy has 2000 connections" in answer
    assert traffic.shown()["refused"]["too many"] == 1


def test_strangers_beyond_a_few_are_hung_up_on_and_counted() -> None:
    traffic = Traffic()
    assert asyncio.run(one_too_many(ours=False, count=MOST_STRANGERS, traffic=traffic)) == b""
    assert traffic.shown()["refused"]["denied"] == 1


async def strangers_who_stay() -> None:
    with opened(Refusing(), ours=False) as (gate, port):
        told = []
        for _ in range(MOST_STRANGERS + 1):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(STARTUP)
            told.append((await reader.read(), writer))
        assert all(b"this proxy serves another user" in answer for answer, _ in told[:-1])
        assert told[-1][0] == b""
        for _, writer in told:
            writer.close()
        gate.leave(0.0)
        await gate.empty()


def test_strangers_who_stay_when_they_were_told_no_count_as_such() -> None:
    play_ahead(strangers_who_stay(), still=True)


class Going:
    """An upstream that tells when a client's wish is dropped."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.dropped = asyncio.Event()

    async def begin(self, *_: Any) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.dropped.set()


async def ended_over_a_beginning() -> bytes:
    upstream = Going()
    with opened(upstream) as (gate, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(STARTUP)
        await upstream.begun.wait()
        gate.leave(0.01)
        answer = await reader.read()
        writer.close()
        await gate.empty()
    return answer


def test_who_is_not_let_in_before_the_end_is_told_that_it_is_the_end() -> None:
    answer = asyncio.run(ended_over_a_beginning())
    assert b"57P01" in answer
    assert b"the proxy is ending" in answer


async def gone_after(words: bytes) -> None:
    upstream = Going()
    with opened(upstream) as (gate, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(STARTUP)
        await upstream.begun.wait()
        writer.write(words)
        await writer.drain()
        writer.close()
        async with asyncio.timeout(30):
            await upstream.dropped.wait()
        gate.leave(0.0)
        await gate.empty()


@pytest.mark.parametrize("early", [b"", b"Q\0\0\0\5\0", b"x" * 1000])
def test_a_client_that_goes_is_missed_whatever_it_has_sent_before(early: bytes) -> None:
    asyncio.run(gone_after(early))


def test_why_clients_are_sent_away_is_logged_once_a_minute_for_each_reason(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        with opened(Refusing()) as (_, port):
            for words in (STARTUP, b"GET / HTTP/1.1\r\n", STARTUP):
                await answered(port, words)
            put_ahead(61)
            await answered(port, STARTUP)

    caplog.set_level("INFO")
    play_ahead(scene())
    no = "dsql: the server refuses a session (SQLSTATE 57P03), and the client is told why"
    assert caplog.messages == [no, "dsql: a client is sent away: the client speaks HTTP", no]


async def answered(port: int, words: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(words)
    said = await reader.read()
    writer.close()
    return said


class Broken:
    """An upstream with a fault."""

    async def begin(self, *_: Any) -> None:
        raise LookupError("a secret in a text of ours")


def test_a_fault_of_the_proxys_own_is_told_as_such_and_quotes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> bytes:
        with opened(Broken(), traffic=traffic) as (gate, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(STARTUP)
            said = await reader.read()
            writer.close()
            gate.leave(0.0)
            await gate.empty()
        return said

    traffic = Traffic()
    answer = asyncio.run(scene())
    assert b"XX000" in answer
    assert b"LookupError" in answer
    assert b"secret" not in answer
    assert traffic.shown()["refused"] == {"a fault of the proxy's": 1}
    assert "a client is sent away by a fault of the proxy's own" in caplog.text


async def left_with_a_queue(count: int) -> list[bytes]:
    with opened(Refusing()) as (gate, port):
        others = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        gate.leave(30.0)
        for each in others:
            each.sendall(STARTUP)
            each.setblocking(False)
        loop = asyncio.get_running_loop()
        said = [await loop.sock_recv(each, 1000) for each in others]
        for each in others:
            each.close()
        await gate.empty()
    return said


def test_who_is_in_the_queue_of_a_gate_that_is_left_is_still_served() -> None:
    assert all(b"the server says no" in each for each in asyncio.run(left_with_a_queue(100)))


class Arrivals:
    """Clients that come one after the other: the first is ours, and the others are what is said here."""

    def __init__(self, others: bool | None) -> None:
        self._others = others
        self._taken = asyncio.Queue[None]()
        self._count = 0

    def is_ours(self, _: socket.socket) -> bool | None:
        self._count += 1
        # When that is heard, the gate waits for what the client says next.
        asyncio.get_running_loop().call_soon(self._taken.put_nowait, None)
        return self._others if self._count > 1 else True

    async def one(self, port: int, words: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(words)  # before the gate has the client
        await self._taken.get()
        return await asyncio.open_connection(sock=client)


SAID_AT_MOST = 20.0  # seconds until something is so that should be so at once


@pytest.mark.parametrize(
    ("others", "words", "said"),
    [
        (False, b"", b""),
        (False, STARTUP[:5], b""),
        (False, wire.SSL_REQUEST, b"N"),
        (None, STARTUP, wire.PASSWORD_WANTED),
    ],
)
def test_who_says_nothing_is_hung_up_on_in_time_and_a_stranger_before_one_of_ours(
    others: bool | None, words: bytes, said: bytes
) -> None:
    async def scene() -> None:
        arrivals = Arrivals(others)
        with opened(Refusing(), ours=arrivals.is_ours, password="secret", traffic=traffic) as (gate, port):
            first, first_writer = await arrivals.one(port, STARTUP[:5])
            second, second_writer = await arrivals.one(port, words)
            if said:
                assert await second.readexactly(len(said)) == said
            put_ahead(8.0)  # a stranger has two seconds, one of ours has fifteen
            async with asyncio.timeout(SAID_AT_MOST):
                assert await second.read() == b""
            assert not first.at_eof()
            assert traffic.shown()["refused"] == {"silent": 1}
            put_ahead(8.0)
            async with asyncio.timeout(SAID_AT_MOST):
                assert await first.read() == b""
            assert traffic.shown()["refused"] == {"silent": 2}
            for each in (first_writer, second_writer):
                each.close()
            gate.leave(0.0)
            await gate.empty()

    traffic = Traffic()
    play_ahead(scene())
