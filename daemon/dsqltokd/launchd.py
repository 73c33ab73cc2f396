"""The socket that launchd, the service manager of macOS, makes for the daemon."""

from __future__ import annotations

import ctypes
import socket
import sys

_NAME = b"dsqltokd"  # in Sockets of the agent's description


def take_listener() -> socket.socket | None:
    """Return the listening socket that launchd made, None where launchd did not start this process."""
    if sys.platform != "darwin":
        return None
    library = ctypes.CDLL(None)
    found, count = ctypes.POINTER(ctypes.c_int)(), ctypes.c_size_t()
    if library.launch_activate_socket(_NAME, ctypes.byref(found), ctypes.byref(count)) != 0 or count.value < 1:
        return None
    listener = socket.socket(fileno=found[0])
    listener.set_inheritable(False)
    library.free(found)
    return listener
