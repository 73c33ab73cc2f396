"""A Secret Service of one's own: a private D-Bus session bus with a gnome-keyring-daemon on it, unlocked.

Nothing of the machine's own session is touched: home, bus and keyring are in a directory that goes with the block. The
bus starts no service by itself, so a prompt, which a locked keyring would ask for, fails at once: no one can be asked,
except within `unanswered()`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from . import people
from .leash import bed_directory, leashed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import secretstorage

_PROGRAMS = {"dbus-daemon": "dbus-daemon", "gnome-keyring-daemon": "gnome-keyring"}  # and the Debian package of each
_PASSWORD = "an example of a login password"
_REPLY_WITHIN_S = 30
_BUS_NAME = "org.freedesktop.secrets"
_SERVICE = "/org/freedesktop/secrets"
_DEFAULT = "/org/freedesktop/secrets/aliases/default"
_ENTRY = {"service": "dsqltok", "username": "tokens", "application": "Python keyring library"}  # as keyring stores it
# Every user may connect: a suite run by root has the bed and what it tests run as an ordinary one, and looks on.
_BUS = """
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow eavesdrop="true"/>
    <allow send_destination="*" eavesdrop="true"/>
  </policy>
</busconfig>
"""


def missing() -> str:
    """Say which programs the bed lacks, with the Debian packages that have them; nothing if it is available."""
    lacking = [f"{program} (of {package})" for program, package in _PROGRAMS.items() if not shutil.which(program)]
    return f"no Secret Service: {', '.join(lacking)} not found" if lacking else ""


class SecretService:
    """An unlocked Secret Service with a default collection, run as `people.ordinary()`; a context manager.

    `environment`, once entered, is what a process needs besides its own environment in order to use it. With `room`,
    which needs root, the keyrings are on a disk of so many bytes.
    """

    environment: Mapping[str, str]

    def __init__(self, room: int | None = None) -> None:
        self._room = room

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as parts:
            self._directory = parts.enter_context(bed_directory("keys-"))
            home = self._directory / "home"
            home.mkdir(mode=0o711)  # the bus's socket is in there
            self._data = home / "data"
            self._data.mkdir(mode=0o700)
            people.ordinary().own(home)
            self._home = {"HOME": str(home), "XDG_DATA_HOME": str(self._data), "XDG_RUNTIME_DIR": str(home / "run")}
            parts.enter_context(_bus(self._directory, self._home))
            self.environment = {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={home / 'bus'}"}
            self._calls = parts.enter_context(self._connection())
            self._running = parts.enter_context(contextlib.ExitStack())
            self._start()
            self._parts = parts.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the default collection until the block ends, as a screen lock or `seahorse` would."""
        self._calls.call("org.freedesktop.Secret.Service", "Lock", "ao", [_DEFAULT])
        try:
            yield
        finally:
            _unlock(self._calls)

    @contextlib.contextmanager
    def hung(self) -> Iterator[None]:
        """Keep the service from answering, though it stays on the bus, until the block ends."""
        self._keyring.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._keyring.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def overheard(self) -> Iterator[Callable[[], int]]:
        """Give a function that counts the calls of the service that are new, answered or not."""
        with self._connection() as connection:
            connection.overhear(_BUS_NAME)
            yield lambda: len(connection.received())

    def kill(self) -> None:
        """End the service at once, whatever it is doing."""
        self._keyring.kill()
        self._keyring.wait()

    def restart(self) -> None:
        """Start the service again, unlocked, with what it has on disk."""
        self._running.close()
        self._start()

    @contextlib.contextmanager
    def unanswered(self) -> Iterator[Callable[[], int]]:
        """Be the program that asks for passwords, but show nothing; give a function that counts what is new to ask."""
        with self._connection() as connection:
            connection.own("org.gnome.keyring.SystemPrompter")
            yield lambda: connection.received().count("BeginPrompting")

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Keep the disk full until the block ends. Needs `room`."""
        ballast = Path(f"/proc/{self._keyring.pid}/root{self._data}/ballast")  # as the service sees it
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1024))
        try:
            yield
        finally:
            ballast.unlink()

    def stored(self) -> int:
        """Return the bytes that the keyrings take on disk."""
        return sum(path.stat().st_size for path in self._data.rglob("*") if path.is_file())

    def entry(self) -> str | None:
        """Return what dsqltok has stored."""
        items = self._calls.collection().search_items(_ENTRY)
        return next((item.get_secret().decode(errors="replace") for item in items), None)

    def put(self, text: str | bytes) -> None:
        """Store something in the place of what dsqltok stores."""
        value = text.encode() if isinstance(text, str) else text
        self._calls.collection().create_item("dsqltok", _ENTRY, value, replace=True)

    def _start(self) -> None:
        environment = {**self._home, **self.environment}
        self._keyring = self._running.enter_context(_keyring(self._directory, environment, self._disk()))
        self._calls.wait_for(_BUS_NAME)

    def _disk(self) -> list[str]:
        """Return the beginning of a command that runs the rest of it with a small disk."""
        if self._room is None:
            return []
        user = people.ordinary()
        options = f"size={self._room},mode=0700,uid={user.uid},gid={user.gid}"
        script = 'mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@"'
        return ["unshare", "--mount", "--", "sh", "-c", script, "sh", options, str(self._data)]

    # gnome-keyring may abort where one connection comes as another goes, so there is one for all calls.
    @contextlib.contextmanager
    def _connection(self) -> Iterator[_Connection]:
        connection = _Connection(self.environment["DBUS_SESSION_BUS_ADDRESS"])
        try:
            yield connection
        finally:
            connection.close()


class _Connection:
    """A connection to the bus, for calls to the Secret Service's root object."""

    def __init__(self, address: str) -> None:
        # jeepney has no type hints, and comes with keyring on Linux only, where alone this bed can run.
        import jeepney  # type: ignore[import-untyped]  # noqa: PLC0415
        import jeepney.io.blocking  # type: ignore[import-untyped]  # noqa: PLC0415

        self._jeepney = jeepney
        self._bus = jeepney.io.blocking.open_dbus_connection(address)

    def close(self) -> None:
        self._bus.close()

    def call(self, interface: str, method: str, signature: str, *arguments: object) -> tuple[Any, ...]:
        service = self._jeepney.DBusAddress(_SERVICE, _BUS_NAME, interface)
        message = self._jeepney.new_method_call(service, method, signature, arguments)
        reply = self._bus.send_and_get_reply(message, timeout=_REPLY_WITHIN_S)
        if reply.header.message_type == self._jeepney.MessageType.error:
            raise RuntimeError(f"{method}: {reply.body}")
        return tuple(reply.body)

    def collection(self) -> secretstorage.Collection:
        """Return the default collection, for other calls than those."""
        import secretstorage  # noqa: PLC0415 - as jeepney

        return secretstorage.Collection(self._bus)

    def own(self, name: str) -> None:
        """Take a name on the bus."""
        self._names().RequestName(name)

    def overhear(self, name: str) -> None:
        """Receive the calls of a name, too."""
        self._names().AddMatch(f"type='method_call',destination='{name}',eavesdrop='true'")

    def received(self) -> list[str]:
        """Return the methods that were called here since this was asked last; no call ever gets an answer."""
        found: list[str] = []
        with contextlib.suppress(TimeoutError):
            while True:
                header = self._bus.receive(timeout=0).header
                if header.message_type == self._jeepney.MessageType.method_call:
                    found.append(header.fields[self._jeepney.HeaderFields.member])
        return found

    def wait_for(self, name: str) -> None:
        """Wait until somebody has a name on the bus."""
        bus = self._names()
        end = time.monotonic() + _REPLY_WITHIN_S
        while not bus.NameHasOwner(name)[0]:
            if time.monotonic() > end:
                raise RuntimeError(f"nobody is {name}")
            time.sleep(0.01)

    def _names(self) -> Any:
        return self._jeepney.io.blocking.Proxy(self._jeepney.message_bus, self._bus)


def _unlock(connection: _Connection) -> None:
    """Unlock without a prompt, by the interface that gnome-keyring has for its own tests and for logins."""
    _, session = connection.call("org.freedesktop.Secret.Service", "OpenSession", "sv", "plain", ("s", ""))
    secret = (session, b"", _PASSWORD.encode(), "text/plain")
    interface = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"
    connection.call(interface, "UnlockWithMasterPassword", "o(oayays)", _DEFAULT, secret)


@contextlib.contextmanager
def _bus(directory: Path, environment: Mapping[str, str]) -> Iterator[None]:
    configuration = directory / "bus.conf"
    configuration.write_text(_BUS.format(socket=directory / "home" / "bus").lstrip())
    options = (f"--config-file={configuration}", "--nofork", "--nopidfile", "--print-address")
    with _started(directory, environment, "dbus-daemon", *options) as daemon:
        _first_line(daemon)
        yield


@contextlib.contextmanager
def _keyring(directory: Path, environment: Mapping[str, str], disk: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    options = ("--foreground", "--unlock", "--components=secrets", f"--control-directory={directory / 'home' / 'run'}")
    with _started(directory, environment, "gnome-keyring-daemon", *options, before=disk) as daemon:
        if daemon.stdin is None:
            raise RuntimeError("the keyring has no stdin")
        daemon.stdin.write(_PASSWORD)
        daemon.stdin.close()
        _first_line(daemon)
        yield daemon


@contextlib.contextmanager
def _started(
    directory: Path, environment: Mapping[str, str], name: str, *options: str, before: Sequence[str] = ()
) -> Iterator[subprocess.Popen[str]]:
    # SIGKILL, since a daemon that is stopped hears nothing else.
    with (directory / f"{name}.log").open("w") as log:
        daemon = subprocess.Popen(
            [*before, *people.ordinary().argv(name, *options)],
            cwd="/",
            env={"PATH": os.environ["PATH"], **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    with leashed(daemon, directory, signal.SIGKILL):
        yield daemon


def _first_line(daemon: subprocess.Popen[str]) -> None:
    """Wait until a daemon is ready, which both tell by their first line."""
    if daemon.stdout is None or not daemon.stdout.readline():
        raise RuntimeError(f"{daemon.args!r} did not start")
