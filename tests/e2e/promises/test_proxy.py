"""The proxy: whatever bytes arrive while a session begins, and whoever comes and goes."""

from __future__ import annotations

import itertools
import random
import struct
from typing import TYPE_CHECKING

import pytest

import footprint
from desk import BIN, eventually
from dsqltokd.pgproxy import wire
from viaproxy import proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from desk import Desk
    from promise import Faults
    from standin.endpoint import DsqlStandin

MADE_SENSE_OF = "whatever bytes arrive at the proxy, however they were cut, are made sense of or refused"
LEAVES_NOTHING = "who comes and goes leaves nothing behind in the proxy"
SEED = 1
SETTLED = 50  # sessions, after which the memory is what it is
ROOM_KB = 8192  # less than a KB a session in the long form
READY = struct.pack("!ci", b"Z", 5) + b"I"
KEY = struct.pack("!ci", b"K", 12) + b"\0\0\0\7secr"
STATUS = struct.pack("!ci", b"S", 12) + b"a\0bcdef\0"
NEGOTIATED = struct.pack("!ciii", b"v", 12, 3 << 16, 0)
GREETINGS = (
    wire.startup(3 << 16, {"user": "me", "database": "d", "options": "-c a=b"}),
    wire.SSL_REQUEST + wire.startup(3 << 16 | 2, {"user": "me"}) + b"more",
    struct.pack("!ii", 8, 80877104) + wire.SSL_REQUEST + wire.cancel(b"\0\0\0\7secr"),
    wire.startup(3 << 16, {"user": "x" * 9000}),
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)
ANSWERS = (
    wire.PASSWORD_WANTED + wire.LET_IN + STATUS + KEY + READY + b"more",
    wire.PASSWORD_WANTED + NEGOTIATED + wire.LET_IN + wire.notice("hear") + STATUS * 9 + KEY + READY,
    wire.PASSWORD_WANTED + wire.fatal("28000", "no", "because"),
    struct.pack("!cii", b"R", 23, 10) + b"SCRAM-SHA-256\0\0",
    wire.LET_IN + struct.pack("!ci", b"S", 60_004) + bytes(60_000) + READY,
)


def greeted(data: Sequence[bytes]) -> tuple[object, int]:
    """Return what a client has said by these pieces, and how many bytes are kept."""
    greeting = wire.Greeting()
    said: list[object] = []
    try:
        for piece in data:
            said += greeting.receive(piece)
    except wire.GarbageError as garbage:
        return (garbage.message, garbage.answer), len(greeting.rest)
    return (said, greeting.rest), len(greeting.rest)


def logged_in(data: Sequence[bytes]) -> tuple[object, int]:
    """Return how a login goes on by these pieces of what a server says, and how many bytes are kept."""
    login = wire.Login(3 << 16, {"user": "admin"}, "token")
    answer = b""
    try:
        for piece in data:
            answer += login.receive(piece)
    except wire.GarbageError as garbage:
        return garbage.message, len(login.opening)
    except wire.RefusedError as refused:
        return dict(refused.said.fields), len(login.opening)
    return (answer, login.ready, login.opening, login.key), len(login.opening)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Return the words with some bytes changed, left out, put in, or said twice."""
    found = bytearray(data)
    for _ in range(chance.randrange(4)):
        at, size = chance.randrange(len(found) + 1), chance.choice((1, 1, 4, 50))
        found[at : at + chance.choice((0, size))] = chance.choice(
            (b"", chance.randbytes(size), b"\0" * size, b"\xff" * size, bytes(found[at : at + size]))
        )
    return bytes(found)


def pieces(data: bytes, chance: random.Random) -> list[bytes]:
    """Cut the words in a few places, or between all bytes where they are few."""
    count = len(data) if len(data) < 200 and chance.random() < 0.2 else chance.randrange(6)
    cuts = sorted({0, len(data), *(chance.randrange(len(data) + 1) for _ in range(count))})
    return [data[start:end] for start, end in itertools.pairwise(cuts)]


@pytest.mark.parametrize(
    ("corpus", "listen"),
    [
        pytest.param(
            corpus,
            listen,
            id=who,
            marks=pytest.mark.promise(MADE_SENSE_OF, fault=f"damaged words of a {who}'s", short=2000, long=100_000),
        )
        for who, corpus, listen in (
            ("client", GREETINGS, greeted),
            ("server", ANSWERS, logged_in),
        )
    ],
)
def test_damaged_words(
    faults: Faults, corpus: Sequence[bytes], listen: Callable[[Sequence[bytes]], tuple[object, int]]
) -> None:
    for number in faults:
        chance = random.Random(f"{SEED} {number}")  # noqa: S311 - what fails once is to fail again
        data = damaged(chance.choice(corpus), chance)
        try:
            whole, _ = listen([data])
            cut, kept = listen(pieces(data, chance))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is one of the violations that are counted
            faults.hold(False, f"{data.hex()}: {error!r}")
            continue
        faults.hold(whole == cut, f"{data.hex()}: {whole} at once, {cut} in pieces")
        faults.hold(kept <= len(data), f"{data.hex()}: {kept} bytes kept")


@pytest.mark.promise(LEAVES_NOTHING, fault="clients that go at once", short=500, long=10_000)
def test_clients_that_go_at_once(faults: Faults, reachable: Desk, standin: DsqlStandin) -> None:
    program = (
        "import socket, sys\n"
        "for _ in range(int(sys.argv[2])): socket.create_connection(('127.0.0.1', int(sys.argv[1]))).close()\n"
        "print('done')\n"
    )
    with proxy(reachable, standin.ca_file, "dsql") as running, running.client() as client:
        assert client("connect('a')") == "admin"
        before = running.descriptors()
        faults.more(faults.times)
        done = reachable.run(str(BIN / "python"), "-c", program, str(running.port), str(faults.times))
        faults.hold(done.stdout == "done\n", done.stderr)
        faults.hold(client("connect('b') and c['b'].close() or 'served'") == "served", "it serves no more")
        eventually(lambda: running.descriptors() <= before + 2, "the descriptors are closed")
        faults.hold(client("one('a', 'select 1')") == 1, "a session was disturbed")


@pytest.mark.promise(LEAVES_NOTHING, fault="sessions, one after the other", short=100, long=10_000)
def test_sessions_one_after_the_other(faults: Faults, reachable: Desk, standin: DsqlStandin) -> None:
    several = f"[(connect('a'), c['a'].close())[0] for _ in range({SETTLED})]"
    with proxy(reachable, standin.ca_file, "dsql") as running, running.client() as client:
        assert client(several) == ["admin"] * SETTLED
        process = footprint.Process(running.process.pid)
        before = process.usage()
        for _ in range(faults.times // SETTLED):
            faults.more(SETTLED)
            faults.hold(client(several) == ["admin"] * SETTLED, "some got no session")
        eventually(lambda: process.usage()["fds"] <= before["fds"] + 2, "the descriptors are closed")
        after = process.usage()
        faults.hold(after["rss"] < before["rss"] + ROOM_KB, f"{before} became {after}")
        faults.hold(after["threads"] <= before["threads"], f"{before} became {after}")
