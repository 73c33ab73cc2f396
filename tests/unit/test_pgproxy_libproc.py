"""Whose a TCP connection is by macOS's libproc: the real one there, a stand-in with its C signatures elsewhere."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import zlib
from base64 import b64decode
from contextlib import ExitStack
from ctypes import CFUNCTYPE, c_int, c_void_p
from typing import TYPE_CHECKING, Any

import pytest

from dsqltokd.pgproxy import libproc, owners
from standin.libproc import Libproc

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
each_family = pytest.mark.parametrize(("family", "address"), PLACES)
NOBODYS = 1 << 30

# A `struct socket_fdinfo` as clang lays it out for macOS, by Apple's <sys/proc_info.h>: the same on arm64 and x86_64.
# One has an IPv4 connection, with every field beside it set; the other one of IPv6.
IPV4 = (
    "eNpjZGRkZAICVihgBgIWIGAYJEAQCpDF2ICYiUrmw8wRtWBguGLJwOACBaFAkAYEjA4MDOVAgKynnoGBEY3P1AFlV4SZCIFobAGopIRgG0MBwygY"
    "lAAAIIkN4w=="
)
IPV6 = "eNpjYBh6gA2I5ahkFhOUFrVgYLhiiVseDTD+JaCMhWEUDGUAAAz5Aoc="


@pytest.fixture
def library() -> Any:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "darwin" else Libproc()


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def connected(parts: ExitStack, family: int, address: str) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection: the client's and the server's."""
    listener = parts.enter_context(socket.create_server((address, 0), family=family))
    far = parts.enter_context(socket.create_connection(listener.getsockname()[:2]))
    return far, parts.enter_context(listener.accept()[0])


@pytest.mark.parametrize(
    ("recorded", "family", "local", "remote"),
    [(IPV4, socket.AF_INET, "127.0.0.2", "127.0.0.1"), (IPV6, socket.AF_INET6, "fd00::2", "::1")],
)
def test_the_structure_is_read_as_apple_lays_it_out(recorded: str, family: int, local: str, remote: str) -> None:
    (found,) = libproc.connection(zlib.decompress(b64decode(recorded)))
    places = [(socket.inet_ntop(family, address), int.from_bytes(port)) for address, port in found]
    assert places == [(local, 54329), (remote, 5432)]


@each_family
def test_a_connection_of_this_process_is_ours(
    library: Any,
    family: int,
    address: str,
    parts: ExitStack,
) -> None:
    _, near = connected(parts, family, address)
    assert owners.is_of_our_processes(near, library) is True


def test_a_connection_of_another_process_of_ours_is_ours(library: Any, parts: ExitStack) -> None:
    listener = parts.enter_context(socket.create_server(("127.0.0.1", 0)))
    code = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); sys.stdin.read()"
    port = str(listener.getsockname()[1])
    with subprocess.Popen([sys.executable, "-c", code, port], stdin=subprocess.PIPE):
        near = parts.enter_context(listener.accept()[0])
        assert owners.is_of_our_processes(near, library) is True


@each_family
def test_one_that_no_process_of_the_user_has_is_not_his(
    library: Any,
    family: int,
    address: str,
    parts: ExitStack,
) -> None:
    far, near = connected(parts, family, address)
    there, here = near.getpeername()[:2], near.getsockname()[:2]
    assert libproc.has(library, os.getuid(), family, there, here)
    assert not libproc.has(library, os.getuid(), family, (there[0], 1), here)
    assert not libproc.has(library, os.getuid(), family, there, (here[0], 1))
    far.close()
    with pytest.raises(ConnectionError):
        owners.is_of_our_processes(near, library)


def test_one_that_is_there_and_no_process_of_this_user_has_is_another_users(parts: ExitStack) -> None:
    _, near = connected(parts, *PLACES[0])
    assert owners.is_of_our_processes(near, OfAnother()) is False


class OfAnother(Libproc):
    """A libproc of a system where this user has no TCP connection."""

    def __init__(self) -> None:
        super().__init__()
        self.proc_pidfdinfo = CFUNCTYPE(c_int, c_int, c_int, c_int, c_void_p, c_int)(lambda *_: 0)


def test_where_no_processes_can_be_listed_it_is_not_known(library: Any, parts: ExitStack) -> None:
    _, near = connected(parts, *PLACES[0])
    there, here = near.getpeername()[:2], near.getsockname()[:2]
    with pytest.raises(OSError):  # noqa: PT011 - its words are the system's
        libproc.has(library, NOBODYS, socket.AF_INET, there, here)
    assert owners.is_of_our_processes(near, Silent()) is None


class Silent:
    """A libproc that tells nothing."""

    def proc_listpids(self, *_: object) -> int:
        return 0


@pytest.mark.parametrize("most", [1, 3])
def test_what_comes_into_being_between_two_calls_is_not_missed(most: int, parts: ExitStack) -> None:
    _, near = connected(parts, *PLACES[0])
    for _ in range(200):
        parts.enter_context(socket.socket())
    assert owners.is_of_our_processes(near, Libproc(most)) is True
