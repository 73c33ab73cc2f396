"""Days of work leave nothing behind: neither memory nor descriptors, threads, processes or a growing keyring entry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from footprint import Process
from standin import people

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Connection, Desk
    from promise import Faults
    from standin.secretservice import SecretService
    from standin.steps import Steps

PROJECT = 'data "aws_dsql_token" "db" {\n  endpoint = "cluster-id.dsql.us-east-1.on.aws"\n  admin = true\n}\n'
SETTLED = 40  # rotations after which a process has what it needs


@pytest.mark.promise(
    "days of work leave nothing behind (memory, descriptors, threads, processes, keyring entry)",
    fault="a token and its credentials are replaced",
    short=60,
    long=10_000,
)
def test_rotations(
    faults: Faults, renewing: Desk, stepped: Steps, secret_service: SecretService, login: Callable[..., str]
) -> None:
    if not people.is_root():
        pytest.skip("needs root, to look at the descriptors of a process that is not dumpable")
    renewing.project(PROJECT)
    renewing.environment |= secret_service.environment
    tokens: set[str] = set()
    with renewing.daemon() as process, renewing.connection() as connection:
        seen = Process(process.pid)
        before: dict[str, int] = {}
        for turn in faults:
            stepped.suspend(901.0)
            token = _token(connection, renewing)
            faults.hold(token not in tokens, "a token comes back")
            tokens.add(token)
            if turn % 1000 == SETTLED:
                faults.hold(login(token=token) == "admin", "nobody is let in")
            if turn == SETTLED:
                before = seen.usage() | {"entry": secret_service.stored()}
        after = seen.usage() | {"entry": secret_service.stored()}
        kept = json.dumps({"before": before, "after": after})
        faults.hold(after["fds"] <= before["fds"] + 4, f"descriptors: {kept}")
        faults.hold(after["threads"] <= before["threads"] + 1, f"threads: {kept}")
        faults.hold(after["children"] <= before["children"] + 1, f"processes: {kept}")
        faults.hold(after["entry"] <= before["entry"] * 1.1, f"keyring entry: {kept}")
        faults.hold(after["rss"] <= before["rss"] + 2048, f"memory: {kept}")


def _token(connection: Connection, desk: Desk) -> str:
    environment = {"HOME": str(desk.home)}
    answer = connection.ask("token.get", config=str(desk.work / "atlas.hcl"), data="db", environment=environment)
    return str(answer["result"]["token"])
