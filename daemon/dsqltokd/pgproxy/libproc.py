"""Which TCP connections the processes of a user have, on macOS, by libproc.

The rules:
1. macOS lists sockets by the processes that have them, and tells a user of his own processes' only. So another user's
   connection is one that none of ours has.
2. Only an established connection counts: a socket that is dead keeps its address, which somebody else may have by now.

Sizes and places are those of Apple's <sys/proc_info.h>, the same on arm64 and x86_64.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_UID_ONLY = 4  # PROC_UID_ONLY
_LIST_FDS = 1  # PROC_PIDLISTFDS
_IS_SOCKET = 2  # PROX_FDTYPE_SOCKET
_SOCKET_INFO = 3  # PROC_PIDFDSOCKETINFO
_IS_TCP = 2  # SOCKINFO_TCP
_ESTABLISHED = 4  # TSI_S_ESTABLISHED
_IS_IPV4 = 1  # INI_IPV4

_PID = struct.Struct("=i")
_FD = struct.Struct("=iI")  # its number and its type
_SOCKET_FDINFO = 792
# The kind; the foreign and the local port, each in the first two bytes; the family; both addresses; the state.
_TCP = struct.Struct("=256xi4x2s2x2s2x16xB7x16s16s16xi")
_SPARE = 64  # entries for what comes into being between two calls


def has(library: Any, user: int, family: int, local: tuple[str, int], remote: tuple[str, int]) -> bool:
    """Tell whether a process of the user has the socket at `local` that is connected to `remote`.

    `library` has the functions of libproc. Raises `OSError` where the processes cannot be listed.
    """
    wanted = (_packed(family, local), _packed(family, remote))
    pids = _listed(_PID, lambda buffer, size: library.proc_listpids(_UID_ONLY, user, buffer, size))
    for pid in sorted((pid for (pid,) in pids), key=os.getpid().__eq__):  # this one, which has many itself, last
        with contextlib.suppress(OSError):  # it has ended, or is not to be looked into
            if any(found == wanted for found in _connections(library, pid)):
                return True
    return False


def _packed(family: int, place: tuple[str, int]) -> tuple[bytes, bytes]:
    return socket.inet_pton(family, place[0]), place[1].to_bytes(2)


def _connections(library: Any, pid: int) -> Iterator[tuple[tuple[bytes, bytes], tuple[bytes, bytes]]]:
    """Return the connections of a process, each as its local and its remote place. Raises `OSError`."""
    details = ctypes.create_string_buffer(_SOCKET_FDINFO)
    # Its `arg` is 64 bits wide, which ctypes must be told.
    arg = ctypes.c_uint64(0)
    for number, kind in _listed(_FD, lambda buffer, size: library.proc_pidinfo(pid, _LIST_FDS, arg, buffer, size)):
        if kind != _IS_SOCKET:
            continue
        if library.proc_pidfdinfo(pid, number, _SOCKET_INFO, details, _SOCKET_FDINFO) == _SOCKET_FDINFO:
            yield from connection(details.raw)


def connection(details: bytes) -> Iterator[tuple[tuple[bytes, bytes], tuple[bytes, bytes]]]:
    """Return the local and the remote place that a `struct socket_fdinfo` tells of, if it is of a live connection."""
    kind, remote_port, local_port, family, remote, local, state = _TCP.unpack_from(details)
    if kind == _IS_TCP and state == _ESTABLISHED:
        begin = 12 if family & _IS_IPV4 else 0  # an IPv4 address stands in the last four of the sixteen bytes
        yield (local[begin:], local_port), (remote[begin:], remote_port)


def _listed(entry: struct.Struct, ask: Callable[[Any, int], int]) -> Iterator[tuple[Any, ...]]:
    """Return the entries that `ask` fills a buffer with; without one it says how many bytes there are."""
    size = ask(None, 0)
    while size > 0:
        size += _SPARE * entry.size
        buffer = ctypes.create_string_buffer(size)
        filled = ask(buffer, size)
        if 0 < filled < size:
            return entry.iter_unpack(buffer.raw[: filled - filled % entry.size])
        size = filled
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
