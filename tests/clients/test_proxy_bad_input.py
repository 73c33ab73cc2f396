"""`dsqltok proxy` where an endpoint, a client or the system does what it should not: told, ended, and nothing left."""

from __future__ import annotations

import contextlib
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from desk import BIN, eventually
from desks import HOST
from standin import badends
from standin.badends import BadEnd
from standin.sigv4 import Refusal
from viaproxy import Client, Proxy, free_port, proxy, spoken

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from desk import Desk
    from standin.badends import Mood
    from standin.endpoint import DsqlStandin

PATIENCE = 60  # seconds
IMPATIENCE = 2  # which is libpq's least
STARTUP = struct.pack("!ii", 20, 3 << 16) + b"user\0admin\0\0"
WAKING = Refusal("unable to accept connection, waking up cluster, please retry later")
KEEPALIVE, LISTENING = "02", "0A"  # a timer, and a state, as /proc/net/tcp has them


@pytest.mark.parametrize(
    ("mood", "told"),
    [
        (badends.closes, f"TLS with {HOST}: "),
        (badends.refuses_tls, f"TLS with {HOST}: the server takes no tls"),
        (badends.closes_in_the_handshake, f"TLS with {HOST}: "),
        (badends.swallows, f"TLS with {HOST} takes more than {IMPATIENCE} s\nHINT:  check the network"),
        (badends.closes_in_the_login, "the login: the server hung up"),
        (badends.speaks_something_else, "the login: the server does not speak PostgreSQL's protocol"),
        (badends.talks_on_and_on, "the login: the server talks on and on"),
    ],
)
def test_an_endpoint_that_is_none_is_explained_and_leaves_nothing_behind(
    reachable: Desk, standin: DsqlStandin, mood: Mood, told: str
) -> None:
    seconds = IMPATIENCE if mood is badends.swallows else PATIENCE
    with BadEnd(mood, reachable.root / "ca.pem", HOST) as end, leading_to(end, reachable, standin, seconds) as proxied:
        with proxied.client() as visitor:
            said = str(visitor("connect('a')"))
            assert told in said
            assert "HINT:  " in said
            eventually(lambda: connections(proxied) == [], "its connections are closed")
        assert end.seen == 1


def test_no_token_goes_to_who_proves_to_be_another(reachable: Desk, standin: DsqlStandin) -> None:
    def spy(end: BadEnd, client: socket.socket) -> None:
        heard.append(badends.secured(end, client).recv(1))

    heard: list[bytes] = []
    with (
        BadEnd(spy, reachable.root / "ca.pem", "other.dsql.us-east-1.on.aws") as end,
        leading_to(end, reachable, standin) as proxied,
        proxied.client() as visitor,
    ):
        said = str(visitor("connect('a')"))
    assert "the certificate is not accepted: hostname mismatch" in said
    assert HOST in said
    assert heard == []


@pytest.mark.parametrize("claim", ["sslmode=require", "sslmode=verify-full&sslrootcert={}"])
def test_what_a_project_says_of_certificates_does_not_count(reachable: Desk, standin: DsqlStandin, claim: str) -> None:
    project, roots = reachable.work / "atlas.hcl", reachable.work / "roots.pem"
    with BadEnd(badends.closes_in_the_login, roots, HOST) as end:  # a stranger who has a root of his own for the name
        there = project.read_text().replace(f":{standin.port}/", f":{end.port}/")
        reachable.project(there.replace("sslmode=verify-full", claim.format(roots)))
        with proxy(reachable, standin.ca_file, "dsql") as proxied, proxied.client() as visitor:
            assert "the certificate is not accepted" in str(visitor("connect('a')"))


def leading_to(end: BadEnd, desk: Desk, standin: DsqlStandin, seconds: int = PATIENCE) -> AbstractContextManager[Proxy]:
    """Have the env lead there, with so long to connect, and run a proxy for it."""
    project = desk.work / "atlas.hcl"
    there = project.read_text().replace(f":{standin.port}/", f":{end.port}/")
    desk.project(there.replace("sslmode=", f"connect_timeout={seconds}&sslmode="))
    return proxy(desk, desk.root / "ca.pem", "dsql")


def test_a_project_that_reads_the_environment_has_that_of_the_proxy(reachable: Desk, standin: DsqlStandin) -> None:
    text = (reachable.work / "atlas.hcl").read_text()
    assert "admin    = true" in text
    reachable.project(text.replace("admin    = true", 'admin = getenv("WHO") == "me"'))
    reachable.environment["WHO"] = "me"
    with proxy(reachable, standin.ca_file, "dsql") as proxied, proxied.client() as visitor:
        assert visitor("[connect('a'), connect('b')]") == ["admin", "admin"]


def test_a_client_that_goes_while_the_cluster_wakes_up_ends_its_beginning(
    proxied: Proxy, visitor: Client, standin: DsqlStandin
) -> None:
    assert visitor("connect('a')") == "admin"
    standin.troubles.extend([WAKING] * 10)
    program = (
        "import socket, sys\n"
        "there = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "there.sendall(bytes.fromhex(sys.argv[2]))\n"
        "print(there.recv(65536).count(b'waking up'))\n"
    )
    told = proxied.desk.run(str(BIN / "python"), "-c", program, str(proxied.port), STARTUP.hex())
    assert told.stdout == "1\n"
    try:
        eventually(lambda: refused(proxied, "gone") == 1, "the proxy has noticed")
        assert len(standin.troubles) >= 4  # it would have gone on for a minute
    finally:
        standin.troubles.clear()
    assert visitor("one('a', 'select 1')") == 1


def refused(proxied: Proxy, reason: str) -> int:
    """Return how many the proxy has sent away for a reason, as it has told by now."""
    (shown,) = proxied.desk.status()["proxies"]
    return int(shown["traffic"]["refused"].get(reason, 0))


def test_no_descriptor_left_turns_away_only_who_comes_then(proxied: Proxy, visitor: Client) -> None:
    assert visitor("connect('a')") == "admin"
    proxied.is_known()  # which takes it a descriptor
    may_open(proxied, proxied.descriptors() + 1)  # enough to take a client in, not to reach the endpoint
    assert "too many open files" in str(visitor("connect('b')")).lower()
    assert visitor("one('a', 'select 1')") == 1
    may_open(proxied, proxied.descriptors())
    with proxied.client() as another:
        another.program.say("connect('c')")
        assert visitor("one('a', 'select 2')") == 2
        may_open(proxied, 1024)
        assert another.program.hear() == '"admin"'


def may_open(proxied: Proxy, descriptors: int) -> None:
    """Have the proxy open no descriptor of this number or above, from now on."""
    done = proxied.desk.run("prlimit", f"--pid={proxied.process.pid}", f"--nofile={descriptors}:")
    assert done.returncode == 0, done.stderr


def test_who_stops_sending_ends_the_session_at_both_ends(proxied: Proxy, visitor: Client) -> None:
    assert visitor("connect('a')") == "admin"
    program = (
        "import socket, sys\n"
        "there = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=30)\n"
        "there.sendall(bytes.fromhex(sys.argv[2]))\n"
        "said = b''\n"
        "while not said.endswith(b'Z\\0\\0\\0\\5I'): said += there.recv(65536)\n"
        "there.shutdown(socket.SHUT_WR)\n"
        "while there.recv(65536): pass\n"
        "print('ended')\n"
    )
    done = proxied.desk.run(str(BIN / "python"), "-c", program, str(proxied.port), STARTUP.hex())
    assert done.stdout == "ended\n"
    eventually(lambda: len(connections(proxied)) == 2, "only the other session is left")


# A proxy for which no time passes, so that only what it is told can end it, and whose name server hangs.
LOST = """
import asyncio, socket, time
known = socket.getaddrinfo
def ask(host, *more, **others):
    if host.endswith(".on.aws"):
        print("asked", flush=True)
        time.sleep(1000)
    return known(host, *more, **others)
socket.getaddrinfo = ask
asyncio.SelectorEventLoop.time = lambda _: 0.0
from dsqltokd.pgproxy.__main__ import main
main()
"""


def test_told_twice_a_proxy_ends_whatever_it_waits_for(reachable: Desk, standin: DsqlStandin) -> None:
    port = free_port()
    words = ("dsql", "--port", str(port), "--ca", str(standin.ca_file))
    with reachable.begin(str(BIN / "python"), "-c", LOST, *words) as process:
        try:
            proxied = Proxy(reachable, process, port)
            assert process.stdout is not None
            assert " leads to " in process.stdout.readline()
            with proxied.client() as visitor:
                visitor.program.say("connect('a')")
                assert process.stdout.readline() == "asked\n"
                process.terminate()
                eventually(lambda: not is_open(port), "nobody new is let in")
                assert process.poll() is None
                process.terminate()
                assert process.wait(60) == 0
        finally:
            process.kill()


def is_open(port: int) -> bool:
    """Tell whether somebody listens."""
    with socket.socket() as there:
        return there.connect_ex(("127.0.0.1", port)) == 0


def test_a_peer_that_vanishes_without_a_word_is_asked_for_by_the_system(proxied: Proxy, visitor: Client) -> None:
    assert visitor("connect('a')") == "admin"
    eventually(lambda: connections(proxied) == [KEEPALIVE] * 2, "the system watches both ends of the session")


def connections(proxied: Proxy) -> list[str]:
    """Return the proxy's TCP connections, each by the timer that /proc/net/tcp tells of."""
    mine = set()
    for path in Path(f"/proc/{proxied.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            mine.add(path.readlink().name)
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [line[5].partition(":")[0] for line in lines if line[3] != LISTENING and f"socket:[{line[9]}]" in mine]


def test_a_protocol_that_the_server_does_not_speak_is_negotiated_by_the_server(proxied: Proxy) -> None:
    words = b"user\0admin\0_pq_.surprise\0on\0\0"
    said = spoken(proxied.port, struct.pack("!ii", len(words) + 8, 3 << 16 | 2) + words + b"X\0\0\0\4")
    version = b"v" + struct.pack("!iii", 12 + len(b"_pq_.surprise\0"), 3 << 16, 1) + b"_pq_.surprise\0"
    assert version in said
    assert said.endswith(b"Z\0\0\0\5I")


@pytest.mark.parametrize("waking", [0, 1])
def test_a_client_of_protocol_3_2_is_served_in_3_0_where_it_takes_that(
    proxied: Proxy, standin: DsqlStandin, waking: int
) -> None:
    url = "postgresql://localhost:{port}/?sslmode=disable&max_protocol_version=3.2"
    standin.troubles.extend([WAKING] * waking)
    with proxied.client(url) as visitor:
        assert visitor("connect('a')") == "admin"
        assert visitor("c['a'].pgconn.full_protocol_version") == 30_000
        assert visitor("cancelled('a')") == "cancelled"
    with proxied.client(url + "&min_protocol_version=3.2") as visitor:
        assert "protocol" in str(visitor("connect('a')"))
