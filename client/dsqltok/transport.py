"""Reaching the daemon: connect, make sure that it is ours, ask, read the answer, never wait without end.

Starting it when it is not there is `launch`'s, which a warm call never imports. The rules:
- Nothing is sent before the peer's uid is known to be ours: a request holds the caller's AWS environment.
- The daemon answers, or says how long it may still take (`protocol.WAIT_PREFIX`), within `PATIENCE` seconds. One that
  does neither hangs, and the caller is told so.
- A connection that ends without an answer is that of a daemon that ended. Where it was reset, the daemon did not read
  the request; else it may have done what it was asked for, and is asked again only for what may be done twice.
"""

import _socket  # the socket package adds enum and selectors to every start
import os
import sys

from dsqltok import paths, protocol

PATIENCE = 5.0
_TIMEVAL = int(PATIENCE).to_bytes(8, sys.byteorder) + bytes(8)  # of C: seconds, and microseconds
_ATTEMPTS = 3
_RECV = 64 * 1024
held: "set[_socket.socket]" = set()  # the connections of `call`, for the child of a process that forks meanwhile
# SO_PEERCRED gives pid, uid, gid; LOCAL_PEERCRED version, uid, groups: the uid is the second field of four bytes.
_PEER_OPTION = (0, 1, 76) if sys.platform == "darwin" else (_socket.SOL_SOCKET, 17, 12)


def call(
    request: bytes,
    *,
    start: bool = True,
    repeat: bool = True,
    keep: "Callable[[_socket.socket], object] | None" = None,
) -> bytes:
    """Send one request and return the line that answers it, starting the daemon where none runs and `start` is set.

    With `repeat` the request is one that may be done twice. `keep` is given the connection once there is an answer,
    to ask more on it, and to `close` it some time.

    Raises `UnavailableError` where there is no daemon to be had, or it ended over the request, `TimedOutError` where it
    hangs, and `DeniedError` where what listens belongs to another user.
    """
    if len(request) > protocol.MAX_REQUEST:
        raise _oversize()
    for _ in range(_ATTEMPTS):
        sock = _connect() or (_start() if start else None)
        if sock is None:
            continue
        end: Callable[[_socket.socket], object] = close
        held.add(sock)
        try:
            line = ask(sock, request)
            if not (repeat and line.startswith(protocol.LEAVING_PREFIX)):
                end = keep or close
                return line
        except TimeoutError:
            explain_timeout(sock)
        except EOFError:
            if not repeat:
                raise _end() from None
        except OSError:
            pass  # it did not read all of the request
        finally:
            end(sock)
    raise _end() if start else _absence()


def close(sock: "_socket.socket") -> None:
    """Close a connection of `call`."""
    sock.close()
    held.discard(sock)


def connection() -> "_socket.socket":
    """Return a connection to the daemon for more than one answer, starting it where none runs.

    It waits `PATIENCE` seconds for each until it is told otherwise. Raises what `call` raises.
    """
    for _ in range(_ATTEMPTS):
        sock = _connect() or _start()
        if sock is not None:
            return sock
    raise _absence()


def _start() -> "_socket.socket | None":
    from dsqltok import launch  # noqa: PLC0415 - a warm call never comes here

    with launch.turn():
        sock = _connect()  # another thread may have started it
        if sock is None:
            launch.start()
            sock = _connect()
    return sock


def _connect() -> "_socket.socket | None":
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    # The kernel's own timeout: with Python's, connect would not wait where many others do.
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, _TIMEVAL)
    try:
        sock.connect(paths.socket_path())
    except (FileNotFoundError, ConnectionRefusedError, ConnectionResetError):
        sock.close()
        return None
    except OSError as error:
        sock.close()
        _explain_no_connection(error)
    if _peer(sock)[1] != os.getuid():
        sock.close()
        _explain_stranger()
    return sock


def _peer(sock: "_socket.socket") -> tuple[int, int]:
    found = sock.getsockopt(*_PEER_OPTION)
    return int.from_bytes(found[0:4], sys.byteorder), int.from_bytes(found[4:8], sys.byteorder)


def ask(sock: "_socket.socket", request: bytes) -> bytes:
    """Send one request on a connection and return the line that answers it.

    Raises `EOFError` or another `OSError` than `TimeoutError` where the daemon has ended the connection, and
    `TimeoutError` where it says nothing.
    """
    sock.settimeout(PATIENCE)
    sock.sendall(request)
    pending = b""
    while True:
        line, newline, rest = pending.partition(b"\n")
        if not newline:
            more = sock.recv(_RECV)
            if not more:
                raise EOFError
            pending += more
        elif line.startswith(protocol.WAIT_PREFIX):
            sock.settimeout(protocol.seconds_in(line) + PATIENCE)
            pending = rest
        else:
            return line


def explain_timeout(sock: "_socket.socket") -> "Never":
    """Raise the `TimedOutError` that says who does not answer at a connection."""
    from dsqltok import errors  # noqa: PLC0415 - a warm call never comes here

    process = f" (process {_peer(sock)[0]})" if sys.platform == "linux" else ""
    raise errors.TimedOutError(
        f"the daemon{process} does not answer",
        hint=f"see {paths.log_file()}; end the process if it stays like this, and the next command starts a new one",
    )


def _explain_no_connection(error: OSError) -> "Never":
    from dsqltok import errors  # noqa: PLC0415 - a warm call never comes here

    if isinstance(error, TimeoutError | BlockingIOError):
        raise errors.TimedOutError("the daemon does not accept connections", hint=f"see {paths.log_file()}")
    raise errors.UnavailableError(
        f"cannot connect to {paths.socket_path()}: {error.strerror or error}",
        hint="the path of a socket may have about 100 characters: set XDG_RUNTIME_DIR to a shorter directory"
        if "too long" in str(error)
        else "check the directory's permissions",
    )


def _explain_stranger() -> "Never":
    from dsqltok import errors  # noqa: PLC0415 - a warm call never comes here

    raise errors.DeniedError(
        f"what listens at {paths.socket_path()} belongs to another user",
        hint="nothing was sent to it; find out who put it there, and remove it",
    )


def _oversize() -> "DsqltokError":
    from dsqltok import errors  # noqa: PLC0415 - a warm call never comes here

    return errors.UsageError(
        f"the request has more than {protocol.MAX_REQUEST} bytes",
        hint="most of it is the environment: unset AWS_* variables that are not needed",
    )


def _end() -> "DsqltokError":
    from dsqltok import errors  # noqa: PLC0415 - a warm call never comes here

    return errors.UnavailableError("the daemon ended before it answered", hint=f"try again, or see {paths.log_file()}")


def _absence() -> "DsqltokError":
    from dsqltok import errors  # noqa: PLC0415 - a warm call never comes here

    return errors.UnavailableError("the daemon is not running", hint="dsqltok get starts it, as does dsqltokd")


TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Never

    from dsqltok.errors import DsqltokError
