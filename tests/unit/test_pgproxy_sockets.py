"""Connecting to a host that has several addresses."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import pytest

from dsqltokd.pgproxy import sockets

LONGEST_TRANSACTION_MS = 300_000  # of Aurora DSQL's


def test_a_host_is_reached_at_whichever_of_its_addresses_answers() -> None:
    both = {each[0] for each in socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)}
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        if family not in both:
            continue
        with socket.create_server((address, 0), family=family) as listener:
            connection = asyncio.run(sockets.connect("localhost", listener.getsockname()[1]))
            assert connection.getpeername()[0] == address
            connection.close()


def test_a_host_that_answers_nowhere_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        asyncio.run(sockets.connect("localhost", port))


class Knowing(asyncio.SelectorEventLoop):
    """Knows of any host two addresses, the first of which, at port 1, is silent."""

    async def getaddrinfo(self, *place: Any, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in (1, place[1])]

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        if address[1] == 1:
            await asyncio.Event().wait()
        await super().sock_connect(sock, address)


def test_an_address_that_is_silent_keeps_nobody_from_the_next() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        asyncio.Runner(loop_factory=Knowing) as runner,
        runner.run(asyncio.wait_for(sockets.connect("host.example", listener.getsockname()[1]), 60)) as connection,
    ):
        assert connection.getpeername() == listener.getsockname()


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_USER_TIMEOUT is Linux's")
def test_a_server_that_takes_nothing_during_a_transaction_is_not_given_up() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        asyncio.run(sockets.connect(*listener.getsockname())) as connection,
    ):
        given = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert given > LONGEST_TRANSACTION_MS
