"""The sockets of a proxy: there once they are opened, and taken away by nobody else."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

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
