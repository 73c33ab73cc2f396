"""Who is at the other end of a connection, as the kernel tells it."""

from __future__ import annotations

import socket
import struct
import sys


def uid(sock: socket.socket) -> int:
    """Return the uid of the process at the other end."""
    if sys.platform == "darwin":
        version_and_uid = sock.getsockopt(0, 1, 76)  # LOCAL_PEERCRED of SOL_LOCAL
        return int(struct.unpack_from("II", version_and_uid)[1])
    return _credentials(sock)[1]


def program(sock: socket.socket) -> str | None:
    """Return the name of the program at the other end, or of what ran `dsqltok`; None where that cannot be known."""
    if sys.platform != "linux":
        return None
    pid = _credentials(sock)[0]
    try:
        name, parent = _name(pid)
        return f"{name}, run by {_name(parent)[0]}" if name == "dsqltok" else name
    except (OSError, ValueError):
        return None  # it has ended, or is hidden from us


def _credentials(sock: socket.socket) -> tuple[int, int, int]:
    pid, user, group = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, user, group


def _name(pid: int) -> tuple[str, int]:
    """Return the name of a process and its parent's id. The name may hold anything, parentheses too."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        head, _, rest = file.read().rpartition(")")
    return head.partition("(")[2], int(rest.split()[1])
