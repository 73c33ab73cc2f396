"""Somebody who works in several shells, each with an AWS environment of its own and so with tokens of its own."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Connection, Desk

_USUAL = "usual"
_GETS = 60
_PACE = 0.003  # seconds between two of them
_PATIENCE = 30.0


class Shells:
    """Shells by name, and the daemon that they ask. What the keyring holds names them."""

    def __init__(self, desk: Desk, connection: Connection) -> None:
        self._desk = desk
        self._connection = connection

    def get(self, shell: str) -> str:
        """Return a token of the one env of the desk's project."""
        return str(self._ask("token.get", shell)["token"])

    def flush(self, shell: str) -> None:
        """Have a shell's token forgotten; an attempt at the keyring is made at once."""
        self._ask("tokens.flush", shell)

    def keyring(self) -> dict[str, Any]:
        """Return what the daemon says of the keyring."""
        found: dict[str, Any] = self._connection.ask("daemon.status")["result"]["keyring"]
        return found

    def pid(self) -> int:
        """Return the daemon's process."""
        return int(self._connection.ask("daemon.status")["result"]["pid"])

    def tried(self) -> bool:
        """Tell whether the daemon knows how it is about the keyring."""
        return bool(self.keyring()["state"] != "unknown")

    def works(self) -> bool:
        """Tell whether the daemon has stored, or found, what there was."""
        return bool(self.keyring()["state"] == "in use")

    def fails(self) -> bool:
        """Tell whether the daemon has found out that the keyring does not work."""
        return self.keyring()["error"] is not None

    def times(self, until: Callable[[], bool]) -> list[float]:
        """Get a token that is there already, again and again until it is so, and at least `_GETS` times.

        Return how many seconds each took.
        """
        found: list[float] = []
        end = time.monotonic() + _PATIENCE
        self.get(_USUAL)
        # It is looked at seldom, so that a stall of the daemon is seen by a get rather than by that.
        while len(found) < _GETS or len(found) % 10 or (not until() and time.monotonic() < end):
            time.sleep(_PACE)
            begin = time.monotonic()
            self.get(_USUAL)
            found.append(time.monotonic() - begin)
        return found

    def _ask(self, method: str, shell: str) -> Any:
        environment = {"HOME": str(self._desk.home), "AWS_SDK_UA_APP_ID": shell}
        config = str(self._desk.work / "atlas.hcl")
        return self._connection.ask(method, config=config, env="dsql", environment=environment)["result"]


@contextlib.contextmanager
def shells(desk: Desk, *program: str) -> Iterator[Shells]:
    """Run a daemon, and connect shells to it."""
    with desk.daemon(*program), desk.connection() as connection:
        yield Shells(desk, connection)
