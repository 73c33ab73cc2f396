"""A login session with a real `systemd --user`, where the daemon is installed, and an env's proxy if wanted.

For a proxy the user must not be `nobody`, as whom its sandbox shows everybody else: see owners.py.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from desk import ACCESS_KEY_ID, BIN, SECRET_ACCESS_KEY
from standin import systemd
from standin.systemd import SystemdUser
from viaproxy import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from subprocess import CompletedProcess

    from standin.endpoint import DsqlStandin
    from standin.people import Person

EXAMPLE = Path(__file__).parents[1] / "examples" / "admin" / "atlas.hcl"
SERVICE, SOCKET = "dsqltokd.service", "dsqltokd.socket"
PROXY = "dsqltokd-proxy@dsql"
ROOTS = "work/roots.pem"
DSQLTOK = str(BIN / "dsqltok")
# Connects, and asks again for each line that it is given.
ASKS = """
import itertools, psycopg, sys
there = psycopg.connect(sys.argv[1], autocommit=True)
for _ in itertools.chain([""], sys.stdin):
    print(there.execute("select current_user").fetchone()[0], flush=True)
"""


class Session:
    """A login session with systemd, and a project and keys in its home."""

    def __init__(self, manager: SystemdUser) -> None:
        self.manager = manager
        self.write(
            ".aws/credentials",
            f"[default]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n",
        )
        self.write("work/atlas.hcl", EXAMPLE.read_text())

    @property
    def units(self) -> Path:
        return self.manager.home / ".config/systemd/user"

    def write(self, name: str, text: str) -> None:
        path = self.manager.home / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(text)
        for each in (path.parent, path):
            self.manager.person.own(each)

    def write_unit(self, name: str, text: str) -> None:
        self.manager.person.own(self.manager.unit(name, text).parent)

    def dsqltok(self, *words: str) -> CompletedProcess[str]:
        return self.manager.run(DSQLTOK, *words, cwd="/run/home/work")

    def ok(self, *words: str) -> str:
        done = self.dsqltok(*words)
        assert done.returncode == 0, done.stderr + json.dumps(self.manager.journal(SERVICE), indent=1)
        return done.stdout

    def show(self, name: str) -> str:
        return self.manager.show(SERVICE)[name]

    @property
    def pid(self) -> str:
        return self.show("MainPID")


@contextlib.contextmanager
def begun(person: Person | None = None) -> Iterator[Session]:
    """Have `person` logged in, `people.ordinary()` if none is given. Skips the test where that cannot be."""
    if lacking := systemd.missing():
        pytest.skip(lacking)
    with SystemdUser(person) as manager:
        yield Session(manager)


@dataclass(frozen=True)
class ProxyUnit:
    """The proxy of the session's env, which its socket starts. `port` is where that is."""

    session: Session
    port: int
    name: str = f"{PROXY}.service"

    def shown(self, name: str) -> str:
        """Return a property of the service."""
        return self.session.manager.show(self.name)[name]

    def reload(self) -> None:
        """Have another process take the place of the one that serves."""
        self.session.manager.systemctl("reload", self.name)

    def said(self) -> list[str]:
        """Return what the journal has of it."""
        return [entry["MESSAGE"] for entry in self.session.manager.journal(self.name)]

    @contextlib.contextmanager
    def client(self) -> Iterator[Callable[[], str]]:
        """Connect to the proxy; give a function that asks who one is there."""
        url = f"postgresql://127.0.0.1:{self.port}/?sslmode=disable"
        argv = self.session.manager.argv("timeout", "60", str(BIN / "python"), "-c", ASKS, url)
        with subprocess.Popen(
            argv, env=self.session.manager.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            keys, screen = process.stdin, process.stdout
            first = screen.readline()
            assert first == "admin\n", json.dumps(self.said(), indent=1)

            def ask() -> str:
                print(file=keys, flush=True)
                return screen.readline()

            yield ask


def enabled_proxy(session: Session, standin: DsqlStandin, socket_lines: str = "", words: str = "%i") -> ProxyUnit:
    """Install the daemon, and enable the socket of the proxy of the env `dsql`, which leads to the stand-in.

    `socket_lines` are further ones for [Socket], and `words` the envs that the proxy is started with.
    """
    session.ok("service", "install")
    place = f":{standin.port}/postgres?sslmode=verify-full&hostaddr={standin.address}"
    session.write("work/atlas.hcl", EXAMPLE.read_text().replace(":5432/postgres?sslmode=require", place))
    session.ok("projects", "add", "atlas.hcl")
    port = free_port()
    listening = f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{port}\n{socket_lines}"
    session.write_unit(f"{PROXY}.socket.d/place.conf", listening)
    session.write(ROOTS, standin.ca_file.read_text())
    command = f"[Service]\nExecStart=\nExecStart={DSQLTOK} proxy {words} --ca %h/{ROOTS}\n"
    session.write_unit(f"{PROXY}.service.d/roots.conf", command)
    session.manager.systemctl("daemon-reload")
    session.manager.systemctl("enable", "--now", f"{PROXY}.socket")
    return ProxyUnit(session, port)
