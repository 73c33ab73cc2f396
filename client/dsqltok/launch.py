"""Starting the daemon when it is not there, and waiting until it is.

It is started as a program of its own: own session, working directory `/`, no descriptor of ours, and of our
environment only what a program of the desktop session needs (`_KEPT`, and the names that `pass_environment` in
config.toml adds). It writes one line to its stdout: `ok` once it listens, or the error that keeps it from starting.
"""

import contextlib
import os
import select
import site
import subprocess
import sys
import threading
import time

import dsqltok
from dsqltok import errors, paths

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Iterator

_DEADLINE = 15.0
_LONGEST_LOG = 1 << 20
_KEPT = ("HOME", "USER", "LOGNAME", "PATH", "LANG", "TZ", "DBUS_SESSION_BUS_ADDRESS")
_KEPT_PREFIXES = ("LC_", "XDG_")

_turn = threading.Lock()
_started: list[int] = []


@contextlib.contextmanager
def turn() -> "Iterator[None]":
    """Have only one thread of a program at a time start the daemon."""
    # Without end nobody waits: in the child of a fork, a thread that is not there any more may have had its turn.
    mine = _turn.acquire(timeout=_DEADLINE)
    try:
        yield
    finally:
        if mine:
            _turn.release()


def start() -> None:
    """Start the daemon and return once it, or one that was quicker, listens.

    Raises the daemon's own error where it says why it cannot start, else `UnavailableError` or `TimedOutError`.
    """
    line = _start()
    if line == b"":  # it was killed before it said a word, which happens; or it cannot run at all, which is no accident
        line = _start()
    _judge(line)


def _start() -> bytes | None:
    """Return the first line that a daemon says: empty where it ends without one, None where it takes too long."""
    _bury()
    log = _open_log()
    try:
        daemon = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [_python(), *isolation(), "-m", "dsqltokd"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd="/",
            env=_environment(dict(os.environ)),
            start_new_session=True,
        )
    except OSError as error:
        raise errors.UnavailableError(f"cannot start the daemon: {error}", hint="reinstall dsqltok") from error
    finally:
        os.close(log)
    daemon.returncode = 0  # nobody waits for a daemon; subprocess would warn of it
    _started.append(daemon.pid)
    assert daemon.stdout is not None  # noqa: S101 - for the type checker: it was asked for
    with daemon.stdout as pipe:
        return _first_line(pipe.fileno(), time.monotonic() + _DEADLINE)


def _bury() -> None:
    """Take note of the ends of earlier daemons of this process: until then the system keeps what is left of them."""
    for pid in _started.copy():
        try:
            ended = os.waitpid(pid, os.WNOHANG) != (0, 0)
        except ChildProcessError:
            ended = True  # somebody else took note, or it is a parent's
        if ended:
            _started.remove(pid)


def _python() -> str:
    """Return the interpreter: a server with Python in it, such as uWSGI, names itself as the executable."""
    if os.path.basename(sys.executable).startswith(("python", "pypy")):
        return sys.executable
    return os.path.join(sys.exec_prefix, "bin", "python3")


def _judge(line: bytes | None) -> None:
    if line == b"ok":
        return
    if line is None:
        raise errors.TimedOutError(f"the daemon was not ready in {_DEADLINE:.0f} s", hint=f"see {paths.log_file()}")
    import json  # noqa: PLC0415 - a daemon that starts says nothing that takes it

    try:
        raise errors.from_data(json.loads(line))
    except (ValueError, AttributeError):
        hint = f"its last words are in {paths.log_file()}; dsqltokd in a terminal shows them too"
        raise errors.UnavailableError("the daemon could not start", hint=hint) from None


def _first_line(fd: int, deadline: float) -> bytes | None:
    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        more = os.read(fd, 64 * 1024)
        if not more:
            break
        text += more
    return text.strip()


def _open_log() -> int:
    try:
        os.makedirs(paths.state_dir(), mode=0o700, exist_ok=True)
        _put_aside_if_long(paths.log_file())
        return os.open(paths.log_file(), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)  # a home that cannot be written to is no reason to give no tokens


def _put_aside_if_long(log: str) -> None:
    try:
        if os.path.getsize(log) > _LONGEST_LOG:
            os.replace(log, log + ".old")
    except FileNotFoundError:
        pass  # there was none yet, or somebody else was quicker


def isolation() -> list[str]:
    """Return the interpreter's options that keep the caller's environment and directory out."""
    # -I would hide an installation by `pip install --user`, the one case in which the user's own site is needed.
    user_site = site.getusersitepackages()
    return ["-E", "-P"] if dsqltok.__file__.startswith(user_site + os.sep) else ["-I"]


def _environment(environ: dict[str, str]) -> dict[str, str]:
    names = {*_KEPT, *_more_names()}
    return {name: value for name, value in environ.items() if name in names or name.startswith(_KEPT_PREFIXES)}


def _more_names() -> list[str]:
    try:
        with open(paths.config_file(), "rb") as file:
            text = file.read()
        if b"pass_environment" not in text:
            return []
        import tomllib  # noqa: PLC0415 - it takes a third of the time to get here, and most files do without the setting

        names = tomllib.loads(text.decode()).get("pass_environment", [])
    except (OSError, ValueError):
        return []  # the daemon reads the same file, and explains what is wrong with it
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
