"""Connections to the daemon that a process keeps between two requests.

The rules:
- A connection that is taken out belongs to one thread until it is put back, which it is after a complete answer only.
- The daemon may have ended any that rested. Such a one is thrown away, and the request goes the usual way; one that the
  daemon holds without answering is not tried again, just as a new one is not.
- A child made by `fork` has none, neither those at rest nor those that its parent's other threads ask on: it would read
  its parent's answers, and the daemon would never see them end.
"""

from __future__ import annotations

import atexit
import os
from collections import deque

from dsqltok import paths, protocol, transport

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    import _socket

_MOST = 8  # at rest; as many as are asked at the same time are open

# Taking from and adding to an end of a deque needs no lock. Each connection stands with the path that it leads to,
# since the variables that decide on it may change.
_resting: deque[tuple[str, _socket.socket]] = deque()


def call(request: bytes) -> bytes:
    """Send a request that may be done twice, and return the line that answers it. Raises what `transport.call` does."""
    path = paths.socket_path()
    while (sock := _take(path)) is not None:
        line = _ask(sock, request)
        if line is not None:
            _put(path, sock)
            return line
    return transport.call(request, keep=lambda sock: _put(path, sock))


def close() -> None:
    """Close what rests."""
    while _resting:
        try:
            transport.close(_resting.pop()[1])
        except IndexError:
            return  # another thread took it


def _ask(sock: _socket.socket, request: bytes) -> bytes | None:
    """Return the answer, None where the daemon has ended the connection; it is closed unless there is an answer."""
    line = None
    try:
        line = transport.ask(sock, request)
        if line.startswith(protocol.LEAVING_PREFIX):
            line = None
    except TimeoutError:
        transport.explain_timeout(sock)
    except (EOFError, OSError):
        pass  # the rule about what rested
    finally:
        if line is None:
            transport.close(sock)
    return line


def _take(path: str) -> _socket.socket | None:
    while True:
        try:
            leads_to, sock = _resting.pop()
        except IndexError:
            return None
        if leads_to == path:
            return sock
        transport.close(sock)


def _put(path: str, sock: _socket.socket) -> None:
    if len(_resting) < _MOST:
        _resting.append((path, sock))
    else:
        transport.close(sock)


def _disown() -> None:
    _resting.clear()
    while transport.held:
        transport.held.pop().close()


atexit.register(close)
os.register_at_fork(after_in_child=_disown)
