"""The sockets that clients connect to: loopback ports, or Unix sockets, made here or handed over by systemd.

The rules:
1. Nothing listens but on loopback, whoever made the socket.
2. A port is one proxy's. Another for the same env listens beside it once the first, told by the core, says that its
   port may be shared; then the first leaves, and nobody is turned away meanwhile.
3. A Unix socket is in a directory that is ours alone, made so, and refused where it is not. It takes the place of the
   one that was there in one step, and is removed only by who finds his own.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import ipaddress
import os
import secrets
import socket
import stat
import sys
import time
from typing import TYPE_CHECKING

from dsqltok import files, paths
from dsqltok.errors import ConfigurationError, DeniedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

_BACKLOG = 1024
_SO_ATTACH_REUSEPORT_CBPF = 51
_BPF_RETURN_CONSTANT = 0x06
_FIRST = 3
_LOOPBACK = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_PRIVATE = 0o077
_LONGEST_LINE = 1000  # of a passfile of ours
_SHARING_SECONDS = 3.0  # that the other one may take to say that its port may be shared
_SHARING_PAUSE = 0.02


class Entrance:
    """What one env's clients connect to: `sockets`, all of the same `name`, such as `127.0.0.1:5432`."""

    def __init__(
        self, name: str, sockets: Sequence[socket.socket], draft: str | None = None, *, inherited: bool = False
    ) -> None:
        self.name = name
        self.sockets = sockets
        self.inherited = inherited  # from systemd, which listens there, too
        self._path = draft  # of a Unix socket of ours, which has its name once it is opened
        self._inode = files.inode(draft) if draft else None
        self._passfile: str | None = None
        self._passfile_inode: tuple[int, int] | None = None

    def open(self) -> None:
        """Be there for clients from now on. Raises `UnavailableError`."""
        if self._path:
            try:
                os.rename(self._path, self.name)
            except OSError as error:
                raise UnavailableError(
                    f"cannot listen at {self.name}: {error.strerror}", hint="choose another directory"
                ) from None
            self._path = self.name

    def share(self) -> None:
        """Have another process of this user listen at the same ports too."""
        for sock in self.sockets:
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)

    def divert(self) -> None:
        """Have whoever connects from now on come to the process that listens beside this one, where Linux can do that.

        A connection that is being made here when the socket is closed would be reset.
        """
        if sys.platform == "linux":
            for sock in self.sockets:
                if sock.family != socket.AF_UNIX:
                    with contextlib.suppress(OSError):
                        _choose_the_second(sock)

    def keep(self) -> tuple[str, str]:
        """Return the password of this entrance, and the passfile that has it, which goes with the entrance.

        A predecessor's password is kept: whoever reads the file may come to that one still, or to this one already.
        """
        port = self.name.replace(".s.PGSQL.", ":").rpartition(":")[2]
        place = "".join(each if each.isalnum() else "-" for each in self.name)
        self._passfile = f"{paths.runtime_dir()}/proxy-{place}.pgpass"
        os.makedirs(paths.runtime_dir(), mode=0o700, exist_ok=True)
        password = _password_in(self._passfile) or secrets.token_urlsafe()
        files.write_atomically(self._passfile, f"*:{port}:*:*:{password}\n", 0o600)
        self._passfile_inode = files.inode(self._passfile)
        return password, self._passfile

    def close(self) -> None:
        """Listen no more, and take away a Unix socket that is still ours."""
        for sock in self.sockets:
            sock.close()
        # What another proxy, which follows this one, has put there since is his.
        for path, inode in ((self._path, self._inode), (self._passfile, self._passfile_inode)):
            if path and files.inode(path) == inode:
                with contextlib.suppress(OSError):
                    os.unlink(path)


def _password_in(passfile: str) -> str:
    """Return the password in a passfile that is ours alone, "" where there is none."""
    try:
        with open(os.open(passfile, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), encoding="ascii") as file:
            there = os.fstat(file.fileno())
            private = stat.S_ISREG(there.st_mode) and there.st_uid == os.getuid() and not there.st_mode & _PRIVATE
            return file.readline(_LONGEST_LINE).rpartition(":")[2].rstrip("\n") if private else ""
    except (OSError, ValueError):
        return ""


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("instructions", ctypes.POINTER(_Instruction)))


def _choose_the_second(sock: socket.socket) -> None:
    """Have the second of the sockets that share a port, in the order of their coming, get all connections.

    Source: socket(7), SO_ATTACH_REUSEPORT_CBPF. The program returns that socket's index.
    """
    program = _Program(1, ctypes.pointer(_Instruction(_BPF_RETURN_CONSTANT, 0, 0, 1)))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, bytes(program))


class PortInUseError(UnavailableError):
    """Another process listens there."""


NOWHERE = Entrance("", [])
"""Where nobody comes in."""


def place_of(port: int) -> str:
    """Return the name of a port's entrance."""
    return f"127.0.0.1:{port}"


def path_in(directory: str, port: int) -> str:
    """Return the path of a Unix socket, by the name that PostgreSQL's clients look for."""
    return os.path.join(directory, f".s.PGSQL.{port}")


def beside_another(port: int) -> Entrance:
    """Listen on a port that another proxy is about to share. Raises what `on_port` raises, after a while."""
    end = time.monotonic() + _SHARING_SECONDS
    while True:
        try:
            return on_port(port, shared=True)
        except PortInUseError:
            if time.monotonic() > end:
                raise
            time.sleep(_SHARING_PAUSE)


def on_port(port: int, *, shared: bool = False) -> Entrance:
    """Listen on a port of loopback. Raises `PortInUseError`, `UnavailableError` and `DeniedError`."""
    found = []
    try:
        for family, address in _LOOPBACK:
            sock = _listener(family, (address, port), shared=shared)
            if sock is not None:
                found.append(sock)
    except BaseException:
        for sock in found:
            sock.close()
        raise
    return Entrance(place_of(port), found)


def _listener(family: int, place: tuple[str, int], *, shared: bool) -> socket.socket | None:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(place)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(
                f"port {place[1]} is in use by another program", hint="choose another one: --port N", retryable=False
            ) from None
        if error.errno == errno.EACCES:
            raise DeniedError(f"port {place[1]} is not yours to use", hint="ports from 1024 on are: --port N") from None
        if family == socket.AF_INET6:
            return None  # a machine without IPv6
        raise UnavailableError(
            f"cannot listen at {place[0]}:{place[1]}: {error.strerror}", hint="try --port N"
        ) from None
    return sock


def answers(path: str) -> bool:
    """Tell whether somebody listens at a Unix socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(1.0)
        try:
            sock.connect(path)
        except TimeoutError:
            return True
        except OSError:
            return False
        return True


def in_directory(directory: str, port: int) -> Entrance:
    """Listen at a Unix socket, which has the name that clients look for once it is opened. Raises `DsqltokError`."""
    _make_private(directory)
    path = path_in(directory, port)
    draft = f"{path}.{secrets.token_hex(4)}"
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(draft)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise UnavailableError(
            f"cannot listen at {path}: {error.strerror or error}",
            hint="the path of a socket may have about 100 characters: choose another directory",
        ) from None
    return Entrance(path, [sock], draft)


def handed_over() -> list[Entrance]:
    """Return what systemd listens at for this process, which may be nothing. Raises `ConfigurationError`."""
    pid, count, _ = (os.environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    return [_inherited(_listening(fd)) for fd in range(_FIRST, _FIRST + int(count))]


def _listening(fd: int) -> socket.socket:
    try:
        os.set_inheritable(fd, False)
        sock = socket.socket(fileno=fd)
        if sock.type == socket.SOCK_STREAM and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1:
            return sock
    except OSError:
        pass  # it is no socket at all, or closed
    raise ConfigurationError("systemd handed over what is no listening socket", hint="see dsqltokd-proxy@.socket")


def _inherited(sock: socket.socket) -> Entrance:
    if sock.family == socket.AF_UNIX:
        return Entrance(str(sock.getsockname()), [sock], inherited=True)
    address, port = sock.getsockname()[:2]
    if not ipaddress.ip_address(address).is_loopback:
        raise ConfigurationError(
            f"systemd listens at {address}, where others on the network connect",
            hint="ListenStream= in dsqltokd-proxy@.socket must be 127.0.0.1:PORT",
        )
    return Entrance(f"{address}:{port}", [sock], inherited=True)


def _make_private(directory: str) -> None:
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        found = os.lstat(directory)
    except OSError as error:
        raise UnavailableError(f"cannot make {directory}: {error.strerror}", hint="choose another one") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & _PRIVATE:
        raise ConfigurationError(
            f"{directory} is not a directory of yours alone", hint=f"chmod 700 {directory}, or choose another one"
        )
