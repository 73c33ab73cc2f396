"""Connecting to a host that has several addresses."""

from __future__ import annotations

import asyncio
import socket

import pytest

from dsqltokd.pgproxy import sockets


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
