"""macOS's libproc on Linux: the functions that the proxy calls, with their C signatures, answering from /proc.

The sizes, the places of the fields and what is returned are those of Apple's <libproc.h> and <sys/proc_info.h>, and of
XNU's own way of answering: without a buffer with more room than is needed, with one that is too small with a part.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from ctypes import CFUNCTYPE, c_int, c_uint32, c_uint64, c_void_p
from pathlib import Path

UID_ONLY, LIST_FDS, SOCKET_INFO = 4, 1, 3
VNODE, SOCKET = 1, 2
DETAILS = 792
ROOM = 20  # entries that XNU adds when it is asked for a size


class Libproc:
    """Answers as libproc does. `most` is how many entries it says that there are, where not the true number."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self.proc_listpids = CFUNCTYPE(c_int, c_uint32, c_uint32, c_void_p, c_int)(self._pids)
        self.proc_pidinfo = CFUNCTYPE(c_int, c_int, c_int, c_uint64, c_void_p, c_int)(self._fds)
        self.proc_pidfdinfo = CFUNCTYPE(c_int, c_int, c_int, c_int, c_void_p, c_int)(_details)

    def _pids(self, kind: int, user: int, buffer: int | None, size: int) -> int:
        assert kind == UID_ONLY
        found = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal() and _is_of(path, user)]
        return self._fill([struct.pack("=i", pid) for pid in found], buffer, size, 4)

    def _fds(self, pid: int, flavor: int, arg: int, buffer: int | None, size: int) -> int:
        assert (flavor, arg) == (LIST_FDS, 0)
        try:
            found = sorted(Path(f"/proc/{pid}/fd").iterdir())
        except OSError:
            return 0
        kinds = [(int(path.name), SOCKET if _target(path).startswith("socket:") else VNODE) for path in found]
        return self._fill([struct.pack("=iI", *each) for each in kinds], buffer, size, 8)

    def _fill(self, entries: list[bytes], buffer: int | None, size: int, width: int) -> int:
        if buffer is None:
            return (len(entries) + ROOM if self._most is None else self._most) * width
        data = b"".join(entries)[: size - size % width]
        ctypes.memmove(buffer, data, len(data))
        return len(data)


def _is_of(process: Path, user: int) -> bool:
    try:
        return process.stat().st_uid == user
    except OSError:
        return False


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _details(pid: int, number: int, flavor: int, buffer: int, size: int) -> int:
    assert (flavor, size) == (SOCKET_INFO, DETAILS)
    inode = _target(Path(f"/proc/{pid}/fd/{number}")).removeprefix("socket:[").removesuffix("]")
    ctypes.memmove(buffer, _tcp(inode) or bytes(DETAILS), DETAILS)
    return DETAILS


def _tcp(inode: str) -> bytes | None:
    for family, name in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] == inode:
                return _packed(family, *fields[1:4])
    return None


def _packed(family: int, local: str, remote: str, state: str) -> bytes:
    details = bytearray(DETAILS)
    struct.pack_into("=i", details, 256, 2)  # SOCKINFO_TCP
    details[288] = 1 if family == socket.AF_INET else 2
    for place, port_at, address_at in ((remote, 264, 296), (local, 268, 312)):
        address, _, port = place.partition(":")
        words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
        packed = struct.pack(f"={len(words)}I", *words).rjust(16, b"\0")
        details[address_at : address_at + 16] = packed
        struct.pack_into("!H", details, port_at, int(port, 16))
    # Linux's 1 is ESTABLISHED, which is 4 on macOS; any other stands for one that is dead.
    struct.pack_into("=i", details, 344, 4 if state == "01" else 0)
    return bytes(details)
