"""Where dsqltok keeps things, the same for the client and the daemon, and which project file a caller means.

Linux: the XDG base directories. Elsewhere: platformdirs' choice.
"""

import os
import sys

APP = "dsqltok"


def home() -> str:
    """Return the user's home directory."""
    return os.environ.get("HOME") or os.path.expanduser("~")


def _is_private(directory: str) -> bool:
    try:
        found = os.stat(directory)
    except OSError:
        return False
    return found.st_uid == os.getuid() and found.st_mode & 0o077 == 0


def runtime_dir() -> str:
    """Return the directory of the socket and the lock.

    `$XDG_RUNTIME_DIR/dsqltok` where that directory is ours and nobody else's (`su` leaves the old user's behind),
    else `/run/user/UID/dsqltok` on the same condition, else `~/.cache/dsqltok/run`. It need not exist yet.
    """
    if sys.platform == "darwin":
        # platformdirs' user_runtime_dir, spelled out because importing it costs more than a whole lookup.
        return f"{home()}/Library/Caches/TemporaryItems/{APP}"
    for base in (os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.getuid()}"):
        if base.startswith("/") and _is_private(base):
            return f"{base}/{APP}"
    return f"{home()}/.cache/{APP}/run"


def socket_path() -> str:
    """Return the path of the daemon's socket."""
    return runtime_dir() + "/dsqltokd.sock"


def lock_path() -> str:
    """Return the path of the file whose lock the one running daemon holds."""
    return runtime_dir() + "/dsqltokd.lock"


def config_file() -> str:
    """Return the path of `config.toml`, which need not exist."""
    from platformdirs import user_config_path  # noqa: PLC0415 - not paid for by a warm get

    return str(user_config_path(APP, appauthor=False) / "config.toml")


def state_dir() -> str:
    """Return the directory of the log and of `projects.json`, which need not exist."""
    from platformdirs import user_state_path  # noqa: PLC0415 - not paid for by a warm get

    return str(user_state_path(APP, appauthor=False))


def log_file() -> str:
    """Return the path of the log of a daemon that the client started."""
    return state_dir() + "/dsqltokd.log"


def find_project() -> str | None:
    """Return the nearest `atlas.hcl` at or above the working directory, None where there is none.

    The search ends at the home directory and at a file-system boundary: what lies beyond is somebody else's. Whether
    the file may be trusted is judged by whoever opens it.
    """
    try:
        directory = os.getcwd()
        here = os.stat(directory)
    except OSError:
        return None
    last = _place(home())
    while True:
        candidate = os.path.join(directory, "atlas.hcl")
        if os.path.lexists(candidate):
            return candidate
        parent = os.path.dirname(directory)
        if (here.st_dev, here.st_ino) == last or parent == directory:
            return None
        try:
            above = os.stat(parent)
        except OSError:
            return None
        if above.st_dev != here.st_dev:
            return None
        directory, here = parent, above


def _place(directory: str) -> tuple[int, int] | None:
    try:
        found = os.stat(directory)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def project_file(given: str) -> str:
    """Return the absolute path that `--config` means: a path, or `file://` and a path as Atlas has it.

    Raises `UsageError` for another scheme, and for a relative path where the working directory is gone.
    """
    scheme, separator, path = given.partition("://")
    if separator and scheme != "file":
        from dsqltok import errors  # noqa: PLC0415 - not paid for by a warm get

        raise errors.UsageError(
            f"a project file is a path or file://path, not {scheme}://", hint="dsqltok reads local files only"
        )
    return absolute(path if separator else given)


def absolute(path: str) -> str:
    """Return a path as seen from the working directory. Raises `UsageError` where that directory is gone."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        from dsqltok import errors  # noqa: PLC0415 - not paid for by a warm get

        raise errors.UsageError(
            f"{path} is relative to the working directory, which is gone", hint="change to another directory"
        ) from None
