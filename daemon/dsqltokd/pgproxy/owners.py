"""Whose the other end of a local connection is, as the kernel tells it.

A Unix socket tells by itself. For a TCP connection within this machine, the kernel is asked for the socket at its other
end: by netlink (sock_diag(7)), or where that is not to be had in /proc/net/tcp, which lists them all. Both tell of this
network namespace only. On macOS the processes of this user are looked through for it (`libproc`).

In a user namespace, such as that of a service with PrivateUsers=, all users that it does not know have the same uid,
and are told apart from this one by not having it. For a user who has that very uid nothing can be known.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any

from dsqltokd import peers
from dsqltokd.pgproxy import libproc
from dsqltokd.pgproxy.refusal import OUT_OF_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SOCK_DIAG_BY_FAMILY = 20
_REQUEST = 1
_ERROR = 2
_ANY_STATE = 0xFFFFFFFF
_ESTABLISHED = 1
_NO_COOKIE = b"\xff" * 8
_HEADER = struct.Struct("=IHHII")
_UID_AT = 16 + 4 + 48 + 12  # past the header, the state, the socket's identity, and three counts
_SECONDS = 1.0
_MAPPED = bytes(10) + b"\xff\xff"  # before an IPv4 address in the place of an IPv6 one
_ALL_UIDS = 0xFFFFFFFF
_USUAL_OVERFLOW_UID = 65534


def owner(sock: socket.socket) -> int | None:
    """Return the uid at the other end of a connection, None where that cannot be known.

    Raises `ConnectionError` where there is no other end any more, and `OSError` of `OUT_OF_FILES`.
    """
    if sock.family == socket.AF_UNIX:
        return peers.uid(sock)
    if sys.platform != "linux":
        return None
    there, here = _ends(sock)
    try:
        found = (by_netlink if _netlink_tells() else by_list)(sock.family, there, here)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in OUT_OF_FILES:
            raise  # it could be known
        return None
    if found is None:
        raise ConnectionError("the other end is gone")
    return found


def _ends(sock: socket.socket) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return the place of the other end of a connection, and of this one. Raises `ConnectionError`."""
    try:
        return sock.getpeername()[:2], sock.getsockname()[:2]
    except OSError:
        raise ConnectionError("the other end is gone") from None


def is_ours(sock: socket.socket) -> bool | None:
    """Tell whether the other end of a connection is this process's own user's, None where that cannot be known.

    Raises `ConnectionError` where there is no other end any more, and `OSError` of `OUT_OF_FILES`.
    """
    if sys.platform == "darwin" and sock.family != socket.AF_UNIX:
        return is_of_our_processes(sock, ctypes.CDLL(None, use_errno=True))
    found = owner(sock)
    if found is None or (found == os.getuid() and _looks_like_others()):
        return None
    return found == os.getuid()


def is_of_our_processes(sock: socket.socket, library: Any) -> bool | None:
    """Tell what `is_ours` does, by libproc's functions."""
    there, here = _ends(sock)
    try:
        found = libproc.has(library, os.getuid(), sock.family, there, here)
    except OSError:
        return None
    if not found and _is_over(sock):
        raise ConnectionError("the other end is gone")
    return found


def _is_over(sock: socket.socket) -> bool:
    """Tell whether the other end has hung up, and sent nothing before."""
    try:
        return not sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def tells(family: int) -> bool:
    """Tell whether it can be known here whose the other end of a connection is."""
    if family == socket.AF_UNIX:
        return not _looks_like_others()
    with _connected() as there:
        return is_ours(there) is True


@functools.cache
def _looks_like_others() -> bool:
    """Tell whether this user's uid is the one that stands for all users whom the user namespace does not know.

    Source: user_namespaces(7), "Unmapped user and group IDs".
    """
    if sys.platform != "linux":
        return False
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:
            known = sum(int(line.split()[2]) for line in file)
        with open("/proc/sys/kernel/overflowuid", encoding="ascii") as file:
            overflow = int(file.read())
    except OSError:
        known, overflow = 0, _USUAL_OVERFLOW_UID
    return known < _ALL_UIDS and os.getuid() == overflow


@functools.cache
def _netlink_tells() -> bool:
    """Tell whether netlink knows TCP here: where it does not, it answers as if there were no such socket."""
    try:
        with _connected() as there:
            return by_netlink(socket.AF_INET, there.getpeername(), there.getsockname()) == os.getuid()
    except OSError:
        return False


@contextlib.contextmanager
def _connected() -> Iterator[socket.socket]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as there,
        listener.accept()[0],
    ):
        yield there


def by_netlink(family: int, source: tuple[str, int], target: tuple[str, int]) -> int | None:
    """Return whose the socket at `source` is that is connected to `target`, None where there is none.

    Raises `OSError` where netlink is not to be had. Source: sock_diag(7).
    """
    identity = struct.pack("!HH", source[1], target[1]) + _address(family, source[0]) + _address(family, target[0])
    request = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, _ANY_STATE)
    request += identity + struct.pack("=I", 0) + _NO_COOKIE
    header = _HEADER.pack(_HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as diag:  # NETLINK_SOCK_DIAG
        diag.settimeout(_SECONDS)
        diag.sendto(header + request, (0, 0))
        answer = diag.recv(4096)
    kind = _HEADER.unpack_from(answer)[1]
    if kind == _ERROR or len(answer) < _UID_AT + 4 or answer[_HEADER.size + 1] != _ESTABLISHED:
        return None
    return int(struct.unpack_from("=I", answer, _UID_AT)[0])


def _address(family: int, text: str) -> bytes:
    return socket.inet_pton(family, text).ljust(16, b"\0")


def by_list(family: int, source: tuple[str, int], target: tuple[str, int]) -> int | None:
    """Return what `by_netlink` does, from the list of all sockets. Raises `OSError`. Source: proc(5).

    An IPv6 socket that is connected to an IPv4 address, as Java's are, stands among those of IPv6.
    """
    places = [socket.inet_pton(family, place[0]) for place in (source, target)]
    if family == socket.AF_INET:
        found = _in_list("/proc/net/tcp", places, source[1], target[1])
        if found is not None:
            return found
        places = [_MAPPED + place for place in places]
    try:
        return _in_list("/proc/net/tcp6", places, source[1], target[1])
    except FileNotFoundError:  # there is no IPv6 here
        return None


def _in_list(name: str, places: Sequence[bytes], *ports: int) -> int | None:
    wanted = [*map(_listed, places, ports), f"{_ESTABLISHED:02X}"]
    with open(name, encoding="ascii") as file:
        for line in file:
            fields = line.split()
            if fields[1:4] == wanted:
                return int(fields[7])
    return None


def _listed(packed: bytes, port: int) -> str:
    """Return a place as the list has it: each four bytes of the address as a number of this machine's byte order."""
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"
