"""A user's desk: a private home and runtime directory, the installed programs, and a shell environment to run them in.

The programs run as `people.ordinary()`, so that permissions and peers mean something when root runs the suite.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from standin import names, people

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BIN = Path(sys.executable).parent
ACCESS_KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET_ACCESS_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # AWS's own example
_PATIENCE = 60.0
# What no error, log or state may hold: a key of this desk's, or the part of a token that makes it one.
_SECRETS = (SECRET_ACCESS_KEY, "X-Amz-Signature", "X-Amz-Security-Token")
# `nc -U`, which is not everywhere: stdin goes to the socket, what the socket says goes to stdout.
_NETCAT = """
import os, socket, sys, threading
there = socket.socket(socket.AF_UNIX)
there.connect(sys.argv[1])
def hear():
    try:
        while words := there.recv(65536):
            sys.stdout.buffer.write(words)
            sys.stdout.buffer.flush()
    except ConnectionResetError:
        pass
    os.close(1)
hearing = threading.Thread(target=hear)
hearing.start()
try:
    while words := sys.stdin.buffer.read1(65536):
        there.sendall(words)
    there.shutdown(socket.SHUT_WR)
except OSError:
    pass  # it hung up
hearing.join()
"""


class Connection:
    """A connection to the daemon's socket."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout

    def send(self, line: bytes) -> None:
        """Send bytes as they are."""
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(line)
            self._stdin.flush()

    def end(self) -> None:
        """Say that no more will be sent."""
        self._stdin.close()

    def receive(self) -> Any:
        """Return the next line as JSON, None where the daemon has hung up."""
        line = self._stdout.readline()
        return json.loads(line) if line else None

    def ask(self, method: str, **params: object) -> Any:
        """Send a request and return the next line."""
        self.request(1, method, **params)
        return self.receive()

    def request(self, request_id: int, method: str, **params: object) -> None:
        """Send a request."""
        request = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        self.send(json.dumps(request).encode() + b"\n")


class Conversation:
    """A program that answers each line with a line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, line: str = "") -> str:
        """Send a line and return the next one; fail the test with the program's last words where it has ended."""
        self.say(line)
        return self.hear()

    def say(self, line: str) -> None:
        """Send a line."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()

    def hear(self) -> str:
        """Return the next line; fail the test with the program's last words where it has ended."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        answer = self.process.stdout.readline()
        assert answer, self.process.stderr.read()
        return answer.removesuffix("\n")


@dataclass
class Desk:
    """One user at work. `environment` is all that a program started here sees, with `hosts` as its `/etc/hosts`."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    hosts: Path | None = None

    def __post_init__(self) -> None:
        for directory in (self.home, self.runtime, self.work):
            directory.mkdir(mode=0o700)
        people.ordinary().own(self.root)
        self.environment = {
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "PATH": f"{BIN}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
        }

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def runtime(self) -> Path:
        return self.root / "run"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def socket(self) -> Path:
        return self.runtime / "dsqltok" / "dsqltokd.sock"

    @property
    def log(self) -> Path:
        return self.home / ".local/state/dsqltok/dsqltokd.log"

    def write(self, path: Path, text: str, mode: int = 0o600) -> Path:
        """Write a file as the user would, by an atomic save; missing directories are made."""
        for directory in reversed([each for each in path.parents if not each.exists()]):
            directory.mkdir(mode=0o700)
            people.ordinary().own(directory)
        draft = path.with_name(path.name + "~")
        draft.write_text(text)
        draft.chmod(mode)
        people.ordinary().own(draft)
        draft.replace(path)
        return path

    def project(self, text: str, name: str = "atlas.hcl") -> Path:
        """Write the working directory's project file."""
        return self.write(self.work / name, text)

    def configure(self, text: str) -> None:
        """Write dsqltok's own configuration, with everything logged that can be."""
        logged = "" if "log_level" in text else 'log_level = "debug"\n'
        self.write(self.home / ".config/dsqltok/config.toml", text + logged)

    def aws(self, *, config: str = "", credentials: str = "") -> None:
        """Write the AWS files."""
        if config:
            self.write(self.home / ".aws/config", config)
        if credentials:
            self.write(self.home / ".aws/credentials", credentials)

    def argv(self, *command: str) -> list[str]:
        """Return the argv that runs a program as this desk's user."""
        whole = people.ordinary().argv(*command)
        return whole if self.hosts is None else names.argv(self.hosts, *whole)

    @contextlib.contextmanager
    def conversation(self, *command: str, env: Mapping[str, str | None] | None = None) -> Iterator[Conversation]:
        """Run a program that answers each line with a line, until the block ends."""
        merged = {**self.environment, **(env or {})}
        process = subprocess.Popen(
            self.argv(*command),
            cwd=self.work,
            env={name: value for name, value in merged.items() if value is not None},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield Conversation(process)
            finally:
                process.kill()

    def run(
        self, *command: str, cwd: Path | None = None, env: Mapping[str, str | None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end. A value of None in `env` takes the variable away."""
        merged = {**self.environment, **(env or {})}
        done = subprocess.run(
            self.argv(*command),
            cwd=cwd or self.work,
            env={name: value for name, value in merged.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        assert not secrets_in(done.stderr), done.args
        return done

    def begin(self, *command: str, stderr: IO[str] | None = None) -> subprocess.Popen[str]:
        """Start a program, to be talked to."""
        return subprocess.Popen(
            self.argv(*command),
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def dsqltok(
        self, *arguments: str, cwd: Path | None = None, env: Mapping[str, str | None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the client to its end."""
        return self.run(str(BIN / "dsqltok"), *arguments, cwd=cwd, env=env)

    def ok(self, *arguments: str, cwd: Path | None = None, env: Mapping[str, str | None] | None = None) -> str:
        """Run the client and return what it printed; fail the test with its words where it does not succeed."""
        done = self.dsqltok(*arguments, cwd=cwd, env=env)
        assert done.returncode == 0, done.stderr + (self.log.read_text() if self.log.exists() else "")
        return done.stdout

    @contextlib.contextmanager
    def connection(self, person: people.Person | None = None) -> Iterator[Connection]:
        """Connect to the daemon's socket as this desk's user, or as `person`."""
        process = subprocess.Popen(
            (person or people.ordinary()).argv(sys.executable, "-c", _NETCAT, str(self.socket)),
            cwd="/",
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with process:
            try:
                yield Connection(process)
            finally:
                process.kill()

    def status(self) -> dict[str, Any]:
        """Return what `dsqltok status --json` says."""
        found: dict[str, Any] = json.loads(self.ok("status", "--json"))
        return found

    @contextlib.contextmanager
    def daemon(self, *program: str) -> Iterator[subprocess.Popen[str]]:
        """Run `dsqltokd`, or another installation's, in the foreground until the block ends.

        It is ready when the block begins, and its log is where a started one has its own.
        """
        with self.write(self.log, "").open("a") as log:
            process = subprocess.Popen(
                self.argv(*(program or [str(BIN / "dsqltokd")])),
                cwd=self.work,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            assert first == "ok\n", first
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=_PATIENCE)

    def close(self) -> None:
        """End the daemon, if one runs."""
        if self.socket.exists():
            self.dsqltok("stop")
        for path in (self.log, self.log.with_name("projects.json")):
            assert not (path.exists() and secrets_in(path.read_text(errors="replace"))), f"a secret is in {path}"

    def kill(self) -> None:
        """Kill the daemon that runs, as a crash would."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """End the daemon that runs, as a system that shuts down would."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        pid = self.status()["pid"]
        process = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(process, how)
            gone, _, _ = select.select([process], [], [], _PATIENCE)
            assert gone
        finally:
            os.close(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def secrets_in(text: str) -> bool:
    """Tell whether a text holds what must not be written down."""
    return any(secret in text for secret in _SECRETS)


def eventually(look: Callable[[], bool], what: str, patience: float = 30.0) -> float:
    """Look until it is so, and return after how many seconds; fail the test where it takes longer than `patience`."""
    begin = time.monotonic()
    while not look():
        assert time.monotonic() - begin < patience, f"still not so after {patience} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - begin
