"""The sockets of a proxy: there once they are opened, and taken away by nobody else."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path

import pytest

from dsqltokd.pgproxy import listening

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


@pytest.fixture
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.mark.usefixtures("_place")
def test_a_follower_has_the_password_of_who_was_there_and_each_place_has_its_own() -> None:
    first, second, other = (listening.Entrance(name, []) for name in ("[::1]:5432", "[::1]:5432", "127.0.0.1:5432"))
    password, passfile = first.keep()
    assert Path(passfile).read_text() == f"*:5432:*:*:{password}\n"
    assert Path(passfile).stat().st_mode & 0o777 == 0o600
    assert second.keep() == (password, passfile)
    assert password not in other.keep()
    first.close()
    assert Path(passfile).exists()  # it is the second's
    second.close()
    assert not Path(passfile).exists()


@pytest.mark.usefixtures("_place")
@pytest.mark.parametrize("harm", ["others may read it", "it is a link"])
def test_a_password_that_others_may_know_is_not_taken(harm: str, tmp_path: Path) -> None:
    entrance = listening.Entrance("/run/pg/.s.PGSQL.5432", [])
    password, passfile = entrance.keep()
    if harm == "it is a link":
        Path(passfile).rename(tmp_path / "elsewhere")
        Path(passfile).symlink_to(tmp_path / "elsewhere")
    else:
        Path(passfile).chmod(0o644)
    again, passfile = entrance.keep()
    assert again != password
    assert not Path(passfile).is_symlink()
    assert Path(passfile).read_text() == f"*:5432:*:*:{again}\n"
