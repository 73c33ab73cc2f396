"""A relay gives each end what the other has sent, though that one has gone, and in whatever pieces it comes."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import trustme

from dsqltokd.pgproxy.relay import Relay
from dsqltokd.pgproxy.selecting import Selector

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "one.example"
MUCH = bytes(range(256)) * 16_000  # 4 MB: more than the system takes in hand for an end that does not read
WHOLE_RECORDS = bytes(6 * 16_384)  # of TLS: the server's end is read together with the last of them
SIZES = (1, 5, 4095, 4096, 16_384, 16_385, 100_000)


class Ends:
    """A client and a server with a relay between them, which is driven by `carry`."""

    def __init__(self, parts: ExitStack) -> None:
        self.selector = parts.enter_context(Selector())
        self.client, self.near_client = (parts.enter_context(each) for each in socket.socketpair())
        there, near_server = socket.socketpair()
        self.server, inside = _secured(there, near_server)
        parts.enter_context(self.server)
        for each in (self.near_client, inside):
            each.setblocking(False)
        self.ended = 0
        self.relay = Relay(self.selector, self.near_client, inside, self._count)

    def _count(self) -> None:
        self.ended += 1

    def carry(self) -> None:
        """Carry until one end has gone and the other has all."""
        while not self.relay.closed:
            self.selector.select(0.05)


def _secured(there: socket.socket, here: socket.socket) -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    authority = trustme.CA()
    of_server, of_client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert(HOST).configure_cert(of_server)
    authority.configure_trust(of_client)
    found: list[ssl.SSLSocket] = []
    thread = threading.Thread(target=lambda: found.append(of_server.wrap_socket(there, server_side=True)))
    thread.start()
    client = of_client.wrap_socket(here, server_hostname=HOST)
    thread.join()
    return found[0], client


@pytest.fixture
def ends() -> Iterator[Ends]:
    with ExitStack() as parts:
        yield Ends(parts)


@pytest.mark.parametrize("sender", ["client", "server"])
def test_what_was_sent_by_who_is_gone_arrives_whole(ends: Ends, sender: str) -> None:
    source, target = (ends.client, ends.server) if sender == "client" else (ends.server, ends.client)
    heard = bytearray()

    def send() -> None:
        rest = MUCH
        for size in SIZES:
            source.sendall(rest[:size])
            rest = rest[size:]
        source.sendall(rest)
        source.close()

    def receive() -> None:
        while more := target.recv(70_000):
            heard.extend(more)

    threads = [threading.Thread(target=send), threading.Thread(target=receive)]
    ends.relay.start(b"", b"")
    for thread in threads:
        thread.start()
    ends.carry()
    for thread in threads:
        thread.join()
    assert heard == MUCH
    assert ends.ended == 1
    assert ends.relay.carried == ([len(MUCH), 0] if sender == "client" else [0, len(MUCH)])


def test_what_waits_for_a_slow_client_outlives_the_server(ends: Ends) -> None:
    ends.near_client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    ends.server.sendall(WHOLE_RECORDS)
    ends.server.close()
    ends.relay.start(b"", b"")
    ends.selector.select(0)
    heard = b""
    while not ends.relay.closed:
        heard += ends.client.recv(1000)
        ends.selector.select(0)
    while more := ends.client.recv(1000):
        heard += more
    assert heard == WHOLE_RECORDS


def fill(ends: Ends) -> None:
    """Have the client send until nobody takes more of it."""
    ends.client.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            ends.client.send(MUCH[:65_536])
            ends.selector.select(0)


def test_the_last_words_of_a_server_reach_a_client_that_is_still_sending(ends: Ends) -> None:
    ends.relay.start(b"", b"")
    fill(ends)
    ends.server.sendall(b"why")
    ends.server.close()  # with much of what the client sent unread
    ends.carry()
    ends.client.setblocking(True)
    heard = b""
    while more := ends.client.recv(100):
        heard += more
    assert heard == b"why"


def test_what_waits_for_a_slow_client_is_given_whole_though_the_server_takes_no_more(ends: Ends) -> None:
    ends.near_client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    ends.relay.start(b"", b"")
    fill(ends)
    words = MUCH[: len(WHOLE_RECORDS)]
    ends.server.sendall(words)
    for _ in range(3):
        ends.selector.select(0)
    heard = ends.client.recv(1000)
    ends.server.close()
    while not ends.relay.closed:
        ends.selector.select(0)
        with contextlib.suppress(BlockingIOError):
            heard += ends.client.recv(1000)
    ends.client.setblocking(True)
    while more := ends.client.recv(1000):
        heard += more
    assert heard == words


def test_nothing_more_is_taken_from_one_end_than_the_other_takes(ends: Ends) -> None:
    ends.relay.start(b"", b"")
    assert taken_from_server(ends) < 4 * len(MUCH)
    assert selectors.DefaultSelector.select(ends.selector, 0) == []  # until the client reads, there is nothing to do
    ends.relay.close()
    assert ends.ended == 1


def taken_from_server(ends: Ends) -> int:
    """Return how many bytes the server can send while the client reads none."""
    ends.server.settimeout(0)
    taken = refused = 0
    while refused < 20 and taken < 10 * len(MUCH):
        try:
            taken += ends.server.send(MUCH)
        except ssl.SSLWantWriteError:
            refused += 1
        ends.selector.select(0)
    return taken


def test_what_is_to_be_sent_first_comes_first(ends: Ends) -> None:
    ends.client.sendall(b"later")
    ends.relay.start(b"opening", b"first")
    ends.selector.select(0)
    assert ends.client.recv(100) == b"opening"
    heard = b""
    while len(heard) < len(b"firstlater"):
        ends.selector.select(0)
        heard += ends.server.recv(100)
    assert heard == b"firstlater"
    ends.relay.close()
