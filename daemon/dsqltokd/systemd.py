"""What systemd and a service of its agree on: the socket that is handed over, and how the service is.

Nothing here does anything where systemd did not start the process. The variables are taken out of the environment, so
that no worker takes them for its own.
"""

from __future__ import annotations

import os
import socket

from dsqltok.errors import ConfigurationError

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST = 3
_NAME = "dsqltokd"  # FileDescriptorName= in dsqltokd.socket


def take_listener() -> socket.socket | None:
    """Return the listening socket that was handed over, None where none was.

    Raises `ConfigurationError` where something else was: descriptors that nobody uses would stay open for ever.
    """
    pid, count, names = (os.environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if pid != str(os.getpid()) or count in ("", "0"):
        return None
    if count != "1" or names not in ("", _NAME):
        raise ConfigurationError(
            f"systemd handed over {count} sockets named {names or 'nothing'}, where one named {_NAME} is expected",
            hint="dsqltok service install writes the units as they should be",
        )
    listener = socket.socket(fileno=_FIRST)
    os.set_inheritable(_FIRST, False)
    if not _is_stream_listener(listener):
        raise ConfigurationError(
            "the socket that systemd handed over is not a Unix socket that listens",
            hint="dsqltok service install writes the units as they should be",
        )
    return listener


def _is_stream_listener(found: socket.socket) -> bool:
    listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    return listens and found.family == socket.AF_UNIX and found.type == socket.SOCK_STREAM


class Notifier:
    """Tells systemd how the service is. `watchdog` is how often, in seconds, it wants to hear, None if not at all."""

    def __init__(self) -> None:
        address = os.environ.pop("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket: socket.socket | None = None
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        pid, microseconds = os.environ.pop("WATCHDOG_PID", ""), os.environ.pop("WATCHDOG_USEC", "")
        ours = pid in ("", str(os.getpid())) and microseconds.isdecimal()
        self.watchdog = int(microseconds) / 2e6 if ours else None
        self._status = ""

    def ready(self) -> None:
        """Requests are answered from now on."""
        self._send("READY=1")

    def succeeded_by(self, pid: int) -> None:
        """Another process of the service is its main one from now on."""
        self._send(f"MAINPID={pid}")

    def reloading(self, monotonic: float) -> None:
        """The configuration is being read again; `ready` follows. `monotonic` is that clock's reading, in seconds."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={int(monotonic * 1e6)}")

    def stopping(self) -> None:
        """The service ends."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """The loop that serves goes round."""
        self._send("WATCHDOG=1")

    def status(self, describe: Callable[[], str]) -> None:
        """Say in words how the service is, if that has changed. `describe` is asked only where somebody listens."""
        if self._socket is None:
            return
        words = describe()
        if words != self._status:
            self._status = words
            self._send(f"STATUS={words}")

    def _send(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode("utf-8", "backslashreplace"), self._address)
        except OSError:
            pass  # systemd is gone or busy, and the service works all the same
