"""The sockets of a proxy: there once they are opened, and taken away by nobody else."""

from __future__ import annotations

import contextlib
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from dsqltokd.pgproxy import listening

if TYPE_CHECKING:
    from pathlib import Path

PORT = 5432


def test_a_unix_socket_has_its_name_once_it_is_opened_and_until_it_is_closed(tmp_path: Path) -> None:
    directory = tmp_path / "pg"
    entrance = listening.in_directory(str(directory), PORT)
    assert not listening.answers(entrance.name)
    entrance.open()
    assert listening.answers(entrance.name)
    entrance.close()
    assert list(directory.iterdir()) == []


def test_a_follower_that_comes_to_nothing_leaves_the_socket_of_who_was_there(tmp_path: Path) -> None:
    directory = str(tmp_path / "pg")
    first, second = (listening.in_directory(directory, PORT) for _ in range(2))
    first.open()
    second.close()
    assert listening.answers(first.name)
    third = listening.in_directory(directory, PORT)
    third.open()
    first.close()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(third.name)
    third.close()


def came(entrance: listening.Entrance) -> int:
    """Return how many have come in at an entrance."""
    count = 0
    for sock in entrance.sockets:
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                sock.accept()[0].close()
                count += 1
    return count


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets the first of two leave the second all who come")
def test_once_the_first_is_to_leave_all_who_connect_come_to_the_second() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    first = listening.on_port(port)
    first.share()
    second = listening.beside_another(port)
    first.divert()
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
    assert (came(first), came(second)) == (0, 50)
    first.close()
    clients += [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
    assert came(second) == 5
    second.close()
    for each in clients:
        each.close()
