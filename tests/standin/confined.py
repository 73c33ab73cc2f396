"""What a program finds that it may do, printed as JSON: run it in a sandbox and outside of it, and compare.

System calls are made such that the kernel's own answer to an ordinary user is not EPERM, which is what a sandbox says.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import platform
import resource
import signal
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_USER_NAMESPACE = 0x10000000
_NO_RANDOM_ADDRESSES = 0x0040000
_FIFO = 1
_MORE_THAN_A_TIMEX = 1000
_ATTACH = 16
_DESCRIBE_KEYRING, _SESSION_KEYRING = 6, -3
_KEYCTL = {"x86_64": 250, "aarch64": 219}
_GETPID_OF_I386 = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"  # mov eax, 20; int 0x80; ret
_PLACES = ("/", "/usr", "/etc", "/var", "/proc/sys", "/sys", "/sys/fs/cgroup", "/tmp", "/var/tmp")  # noqa: S108 - only looked at
_KERNELS = ("/proc/kmsg", "/proc/kallsyms", "/usr/lib/modules")


def main() -> None:
    """Print what is found."""
    home, runtime = os.environ["HOME"], os.environ["XDG_RUNTIME_DIR"]
    found = {
        "read_only": {place: _read_only(place) for place in (*_PLACES, home, runtime) if os.path.isdir(place)},
        "devices": sorted(os.listdir("/dev")),
        "modes": {path: os.stat(path).st_mode & 0o777 for path in _KERNELS if os.path.exists(path)},
        "calls": _calls(os.path.join(home, "a file of confined.py")),
        "sockets": {name: _in_child(_opens(name)) for name in ("UNIX", "INET", "INET6", "NETLINK", "PACKET", "VSOCK")},
        "status": dict(line.split(":\t", 1) for line in _read("/proc/self/status").splitlines() if ":\t" in line),
        "uid_map": _read("/proc/self/uid_map").split(),
        "namespaces": {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in ("mnt", "uts", "user", "pid", "net")},
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "group": {name: _of_group(name) for name in ("memory.max", "pids.max")},
        "session_keyring": _session_keyring(),
        "i386": _in_child(_call_as_i386) if platform.machine() == "x86_64" else None,
    }
    json.dump(found, sys.stdout)


def _read(path: str) -> str:
    with open(path) as opened:
        return opened.read()


def _read_only(place: str) -> bool:
    return bool(os.statvfs(place).f_flag & os.ST_RDONLY)


def _calls(path: str) -> dict[str, str]:
    """Make the calls, each in a process of its own, and return what came of them: "" or the name of an error."""
    with open(path, "w"):
        name = os.fsencode(path)
    calls: dict[str, tuple[Any, ...]] = {
        "adjtimex": (ctypes.create_string_buffer(_MORE_THAN_A_TIMEX),),  # all zeros: it is only read
        "chmod": (name, 0o4700),
        "chown": (name, os.getuid(), os.getgid()),
        "chroot": (None,),
        "mount": (None, None, None, ctypes.c_ulong(0), None),
        "personality": (ctypes.c_ulong(_NO_RANDOM_ADDRESSES),),
        "ptrace": (_ATTACH, 0, None, None),
        "sched_setscheduler": (0, _FIFO, None),
        "setpriority": (0, 0, 19),
        "unshare": (_NEW_USER_NAMESPACE,),
    }
    try:
        return {call: _in_child(partial(_call, call, arguments)) for call, arguments in calls.items()}
    finally:
        os.remove(path)


def _call(name: str, arguments: tuple[Any, ...]) -> None:
    _check(getattr(_LIBC, name)(*arguments))


def _check(returned: int) -> None:
    if returned == -1:
        raise OSError(ctypes.get_errno(), "refused")


def _opens(family: str) -> Callable[[], None]:
    kind = socket.SOCK_RAW if family in {"NETLINK", "PACKET"} else socket.SOCK_STREAM
    return lambda: socket.socket(getattr(socket, f"AF_{family}", -1), kind).close()


def _call_as_i386() -> None:
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(_GETPID_OF_I386)
    _check(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))())


def _in_child(do: Callable[[], object]) -> str:
    """Do it in a process of its own, and return "", the name of its OSError, or of the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            do()
        except OSError as error:
            os._exit(error.errno or 255)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    code = os.WEXITSTATUS(status)
    return errno.errorcode.get(code, str(code)) if code else ""


def _of_group(name: str) -> str | None:
    """Return what the program's control group has for a limit, None where the controller is not there."""
    group = _read("/proc/self/cgroup").rpartition("0::")[2].strip()
    try:
        return _read(f"/sys/fs/cgroup{group}/{name}").strip()
    except FileNotFoundError:
        return None


def _session_keyring() -> str:
    words = ctypes.create_string_buffer(200)
    number = _KEYCTL.get(platform.machine())
    if number is None:
        return ""
    _check(_LIBC.syscall(number, _DESCRIBE_KEYRING, _SESSION_KEYRING, words, len(words), 0))
    return words.value.decode()


if __name__ == "__main__":
    main()
