"""What the tests of `dsqltok proxy` share: a proxy that runs, and a client that does what it is told."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import socket
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from desk import BIN, eventually
from standin import people

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from desk import Conversation, Desk
    from standin.endpoint import DsqlStandin

# Runs each line, an expression, with `connect` and the connections by name; answers with what came out of it.
CLIENT = """
import json, sys, threading, psycopg
c, notices, works, done = {}, [], {}, {}
def connect(name, **more):
    c[name] = psycopg.connect(sys.argv[1], autocommit=True, **more)
    c[name].add_notice_handler(lambda diag: notices.append(diag.message_primary))
    return one(name, "select current_user")
def one(name, sql, *args):
    row = c[name].execute(sql, *args).fetchone()
    return row[0] if row else None
def copy(name, size):
    line = b"x" * 999 + b"\\n"
    c[name].execute("create temp table t (line text)")
    with c[name].cursor().copy("copy t from stdin") as writing:
        for _ in range(size // 1000):
            writing.write(line)
    with c[name].cursor().copy("copy t to stdout") as reading:
        return sum(len(data) for data in reading)
def cancel(name, pid):
    with psycopg.connect(sys.argv[1], autocommit=True) as other:
        sleeps = "select 1 from pg_stat_activity where pid = %s and wait_event = 'PgSleep'"
        while not other.execute(sleeps, [pid]).fetchone(): pass
    c[name].cancel()
def cancelled(name):
    threading.Thread(target=cancel, args=(name, one(name, "select pg_backend_pid()"))).start()
    try:
        return one(name, "select pg_sleep(60)")
    except psycopg.errors.QueryCanceled:
        return one(name, "select 'cancelled'")
def begin(name, sql):
    def work():
        try:
            done[name] = one(name, sql)
        except psycopg.Error as error:
            done[name] = str(error)
    works[name] = threading.Thread(target=work)
    works[name].start()
def end(name):
    works[name].join()
    return done[name]
def together(count):
    threads = [threading.Thread(target=connect, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(c)
def heard(name):
    c[name].execute("listen news")
    one(name, "select pg_notify('news', 'hello')")
    return next(c[name].notifies(timeout=10)).payload
for line in sys.stdin:
    try:
        answer = eval(line)
    except psycopg.Error as error:
        answer = str(error)
    print(json.dumps(answer), flush=True)
"""


def free_port() -> int:
    """Return a port where nobody listens, nor at the next one.

    It is none of those that the system gives to whoever connects, or listens anywhere: they are never free for sure.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with (
            contextlib.suppress(OSError),
            socket.create_server(("127.0.0.1", port)),
            socket.create_server(("127.0.0.1", port + 1)),
        ):
            return port


@dataclass
class Proxy:
    desk: Desk
    process: subprocess.Popen[str]
    port: int

    def log(self) -> str:
        """Return what it has logged."""
        return _log(self.desk, self.port).read_text()

    @contextlib.contextmanager
    def client(self, url: str = "postgresql://localhost:{port}/?sslmode=disable", **env: str) -> Iterator[Client]:
        with self.desk.conversation(str(BIN / "python"), "-c", CLIENT, url.format(port=self.port), env=env) as program:
            yield Client(program)

    def is_known(self) -> None:
        """Wait until the core, which is to run, knows of it."""
        eventually(lambda: self.desk.status()["proxies"] != [], "it is announced")

    def descriptors(self) -> int:
        """Return how many file descriptors it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@dataclass
class Client:
    program: Conversation

    def __call__(self, expression: str) -> object:
        return json.loads(self.program.ask(expression))


@contextlib.contextmanager
def proxy(desk: Desk, ca_file: Path | None, *words: str, port: int = 0) -> Iterator[Proxy]:
    """Run one; without `ca_file` the system's roots count, among which the stand-in's is not."""
    port = port or free_port()
    roots = [] if ca_file is None else ["--ca", str(ca_file)]
    words = (str(BIN / "dsqltok"), "proxy", *roots, "--port", str(port), *words)
    log_file = _log(desk, port)
    with log_file.open("a") as log, desk.begin(*words, stderr=log) as process:
        try:
            assert process.stdout is not None
            assert " leads to " in process.stdout.readline(), log_file.read_text()
            yield Proxy(desk, process, port)
        finally:
            process.terminate()


# Listens at so many ports as systemd would for the program that follows, prints them, and becomes that program.
LISTENS = """
import fcntl, os, socket, sys
made = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*[each.getsockname()[1] for each in made], flush=True)
for number, apart in enumerate([fcntl.fcntl(each, fcntl.F_DUPFD, 100) for each in made], 3):
    os.dup2(apart, number)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": sys.argv[1]}
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass
class Activated(Proxy):
    """A proxy that listens where it was told to by whoever started it. `roots` is the file that it was given."""

    ports: Sequence[int]
    roots: Path

    def log(self) -> str:
        return _log(self.desk, 0).read_text()

    def reload(self) -> None:
        """Have another one take its place."""
        self.process.send_signal(signal.SIGHUP)

    def pids(self) -> set[int]:
        """Return the processes that serve there, as far as they have told."""
        return {gate["pid"] for gate in self.desk.status()["proxies"]}


@contextlib.contextmanager
def held_up(roots: Path, reload: Callable[[], None]) -> Iterator[select.poll]:
    """Have a successor wait for its root certificates, which never come; give what tells when it is gone."""
    roots.unlink()
    os.mkfifo(roots)
    roots.chmod(0o644)
    reload()
    found: list[int] = []

    def reads() -> bool:
        with contextlib.suppress(OSError):
            found.append(os.open(roots, os.O_WRONLY | os.O_NONBLOCK))
        return found != []

    eventually(reads, "the successor reads them")
    gone = select.poll()
    gone.register(found[0], 0)  # which tells of errors alone
    try:
        yield gone
    finally:
        os.close(found[0])


@contextlib.contextmanager
def activated(desk: Desk, ca_file: Path, *names: str, program: Sequence[str] = ()) -> Iterator[Activated]:
    """Run a proxy for these envs, or another program in its place, that has its sockets as systemd hands them over."""
    roots = desk.write(desk.root / "roots.pem", ca_file.read_text(), 0o644)
    program = program or (str(BIN / "dsqltok"), "proxy")
    words = (str(BIN / "python"), "-c", LISTENS, str(len(names)), *program, "--ca", str(roots), *names)
    log_file = _log(desk, 0)
    with log_file.open("a") as log, desk.begin(*words, stderr=log) as process:
        try:
            assert process.stdout is not None
            ports = [int(port) for port in process.stdout.readline().split()]
            lines = [process.stdout.readline() for _ in names]
            assert all(" leads to " in line for line in lines), log_file.read_text()
            found = Activated(desk, process, ports[0], ports, roots)
            yield found
        finally:
            for pid in found.pids():  # that of a successor, too, which is nobody's child here
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            process.terminate()


def _log(desk: Desk, port: int) -> Path:
    return desk.root / f"proxy-{port}.log"


@pytest.fixture
def proxied(reachable: Desk, standin: DsqlStandin) -> Iterator[Proxy]:
    with proxy(reachable, standin.ca_file, "dsql") as found:
        yield found


@pytest.fixture
def visitor(proxied: Proxy) -> Iterator[Client]:
    with proxied.client() as found:
        yield found


def spoken(port: int, data: bytes) -> bytes:
    """Say something to the proxy as nobody's client would, and return all that it answers."""
    program = (
        "import socket, sys\n"
        "there = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=30)\n"
        "there.sendall(bytes.fromhex(sys.argv[2]))\n"
        "while said := there.recv(65536): sys.stdout.buffer.write(said)\n"
    )
    argv = people.ordinary().argv(str(BIN / "python"), "-c", program, str(port), data.hex())
    return subprocess.run(argv, cwd="/", capture_output=True, timeout=60, check=False).stdout
