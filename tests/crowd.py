"""Many clients at once: a process of the desk's user that holds as many connections as a test wants."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

from standin import people

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from desk import Desk

# Connects once for each request of a line, sends all of them, and only then reads the answers.
_PROGRAM = """
import json, socket, sys
for line in sys.stdin:
    requests = json.loads(line)
    clients = []
    for _ in requests:
        client = socket.socket(socket.AF_UNIX)
        client.connect(sys.argv[1])
        clients.append(client)
    for client, request in zip(clients, requests):
        client.sendall(json.dumps(request).encode() + b"\\n")
    answers = []
    for client in clients:
        with client, client.makefile("rb") as answer:
            answers.append(json.loads(answer.readline() or b"null"))
    print(json.dumps(answers), flush=True)
"""


class Crowd:
    """A context manager; enter it once the daemon runs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            people.ordinary().argv(sys.executable, "-c", _PROGRAM, str(self._desk.socket)),
            cwd="/",
            env=self._desk.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, method: str, each: Sequence[Mapping[str, object]]) -> list[Any]:
        """Send a request with each of these parameters, all from clients of their own, and return the answers."""
        self.begin(method, each)
        return self.answers()

    def begin(self, method: str, each: Sequence[Mapping[str, object]]) -> None:
        """Send a request with each of these parameters; `answers` is to be called next."""
        requests = [{"jsonrpc": "2.0", "id": 1, "method": method, "params": params} for params in each]
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(requests) + "\n")
        self._process.stdin.flush()

    def answers(self) -> list[Any]:
        """Return the answers to what `begin` sent."""
        assert self._process.stdout is not None
        found: list[Any] = json.loads(self._process.stdout.readline())
        return found
