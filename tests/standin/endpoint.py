"""The DSQL stand-in: a real PostgreSQL that is reached as Aurora DSQL is, and lets in whom Aurora DSQL would."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Self

from . import postgres
from .front import Front
from .leash import bed_directory
from .sigv4 import authenticate
from .tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .ledger import Ledger
    from .sigv4 import Login, Refusal


class DsqlStandin:
    """An Aurora DSQL endpoint on 127.0.0.1, as a context manager.

    It answers for every cluster of every region, by the name in the client's TLS handshake. `ledger` knows the
    credentials, `clock` gives Unix seconds. Once entered: `port`; `ca_file`, the root certificate, readable to all;
    `logins`, every token that was accepted, in order; `troubles`, how the next logins are refused, whoever comes.
    """

    address = "127.0.0.1"
    roles = ("admin", "atlas_migrations")
    database = "postgres"
    port: int
    ca_file: Path

    def __init__(self, ledger: Ledger, *, clock: Callable[[], float] = time.time) -> None:
        self.logins: list[Login] = []
        self.troubles: deque[Refusal] = deque()
        self._ledger = ledger
        self._clock = clock
        self._parts = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as parts:
            directory = parts.enter_context(bed_directory("dsql-"))
            self.ca_file = directory / "ca.pem"
            authority = Authority(self.ca_file)
            upstream = parts.enter_context(postgres.running(directory, self.roles))
            front = Front(authority.context(), upstream, self._admit)
            self.port = parts.enter_context(_served(front, self.address))
            self._parts = parts.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def parameters(self, host: str, user: str) -> dict[str, str | int]:
        """Return libpq's parameters for `user` to reach the cluster `host` here, all but the password."""
        return {
            "host": host,
            "hostaddr": self.address,
            "port": self.port,
            "user": user,
            "dbname": self.database,
            "sslmode": "verify-full",
            "sslrootcert": str(self.ca_file),
        }

    def _admit(self, token: str, host: str, user: str) -> None:
        if self.troubles:
            raise self.troubles.popleft()
        now = self._clock()
        self.logins.append(authenticate(token, host=host, user=user, now=now, credentials_of=self._ledger.find))


@contextlib.contextmanager
def _served(front: Front, address: str) -> Iterator[int]:
    """Serve from a thread of its own until the block ends; yield the port. Clients may connect at once."""
    listener = socket.create_server((address, 0), backlog=1024)  # of a crowd, none is to come again a second later
    port = listener.getsockname()[1]
    started: Future[Callable[[], object]] = Future()

    async def serve() -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a coroutine outside of a task")
        loop = asyncio.get_running_loop()
        started.set_result(lambda: loop.call_soon_threadsafe(task.cancel))
        with contextlib.suppress(asyncio.CancelledError):
            await front.serve(listener)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="dsql stand-in")
    thread.start()
    try:
        yield port
    finally:
        started.result()()
        thread.join()
