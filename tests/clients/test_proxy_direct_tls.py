"""TLS that begins without asking for it (`sslnegotiation=direct`): no client gets it, and an endpoint may take it."""

from __future__ import annotations

import contextlib
import ssl
import struct
from typing import TYPE_CHECKING

from desk import eventually
from desks import HOST
from standin.badends import BadEnd
from viaproxy import Client, Proxy, proxy, spoken

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from desk import Desk
    from standin.endpoint import DsqlStandin

NO_APPLICATION_PROTOCOL = b"\x15" + struct.pack("!HHBB", 0x0303, 2, 2, 120)  # a fatal alert: RFC 7301, 3.2


def client_hello() -> bytes:
    """Return how a client of PostgreSQL begins that negotiates TLS at once."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["postgresql"])
    said = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), said, server_hostname="localhost").do_handshake()
    return said.read()


def test_a_client_that_begins_with_tls_hears_nothing_and_is_counted(proxied: Proxy, visitor: Client) -> None:
    def refused() -> dict[str, int]:
        (shown,) = proxied.desk.status()["proxies"]
        found: dict[str, int] = shown["traffic"]["refused"]
        return found

    assert visitor("connect('a')") == "admin"
    assert spoken(proxied.port, client_hello()) == b""
    with proxied.client("postgresql://localhost:{port}/?sslmode=require&sslnegotiation=direct") as another:
        said = str(another("connect('b')"))
    assert f"port {proxied.port} failed: SSL" in said  # which is libpq's own word for it
    eventually(lambda: refused() == {"no startup packet": 2}, "both are counted")
    assert visitor("one('a', 'select 1')") == 1


@contextlib.contextmanager
def leading_at_once(desk: Desk, standin: DsqlStandin, port: int) -> Iterator[Client]:
    """Give a client of a proxy whose env leads to a port by TLS that begins at once."""
    project = desk.work / "atlas.hcl"
    text = project.read_text().replace(f":{standin.port}/", f":{port}/")
    desk.project(text.replace("sslmode=", "sslnegotiation=direct&sslmode="))
    with proxy(desk, desk.root / "ca.pem", "dsql") as proxied, proxied.client() as visitor:
        yield visitor


def test_an_endpoint_is_reached_by_tls_at_once_where_the_url_says_so(reachable: Desk, standin: DsqlStandin) -> None:
    reachable.write(reachable.root / "ca.pem", standin.ca_file.read_text())
    with leading_at_once(reachable, standin, standin.port) as visitor:
        assert visitor("connect('a')") == "admin"


def refuses_the_protocol(_end: BadEnd, client: socket.socket) -> None:
    """Take no PostgreSQL in TLS."""
    client.recv(65_536)
    client.sendall(NO_APPLICATION_PROTOCOL)
    client.recv(1)


def test_an_endpoint_that_refuses_to_speak_postgresql_in_tls_is_explained(
    reachable: Desk, standin: DsqlStandin
) -> None:
    with (
        BadEnd(refuses_the_protocol, reachable.root / "ca.pem", HOST) as end,
        leading_at_once(reachable, standin, end.port) as visitor,
    ):
        said = str(visitor("connect('a')"))
    assert f"TLS with {HOST}: the server does not speak postgresql inside tls\nHINT:  " in said


def test_an_endpoint_that_does_not_say_what_it_speaks_in_tls_at_once_is_told_nothing(
    reachable: Desk, standin: DsqlStandin
) -> None:
    def says_nothing_of_it(end: BadEnd, client: socket.socket) -> None:
        with end.tls.wrap_socket(client, server_side=True) as inside:
            heard.append(inside.recv(65_536))

    heard: list[bytes] = []
    with (
        BadEnd(says_nothing_of_it, reachable.root / "ca.pem", HOST) as end,
        leading_at_once(reachable, standin, end.port) as visitor,
    ):
        said = str(visitor("connect('a')"))
    assert f"TLS with {HOST}: the server takes tls at once, and does not say that it speaks postgresql" in said
    assert b"".join(heard) == b""
