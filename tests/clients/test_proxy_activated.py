"""A proxy for several envs whose sockets systemd hands over: each env has its own, in the order of both."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from desk import BIN
from viaproxy import LISTENS, activated

if TYPE_CHECKING:
    from desk import Desk
    from standin.endpoint import DsqlStandin

MIGRATIONS = """
data "aws_dsql_token" "migrations" {
  endpoint = local.endpoint
  region   = "us-east-1"
}
"""


def two_envs(desk: Desk) -> None:
    """Add the env `two` to the project, whose user is another."""
    text = (desk.work / "atlas.hcl").read_text()
    env = text[text.index('env "dsql"') :].replace('"dsql"', '"two"').replace("//admin:", "//atlas_migrations:")
    desk.project(text + MIGRATIONS + env.replace("aws_dsql_token.db", "aws_dsql_token.migrations"))


def test_each_env_is_at_the_socket_of_its_own_place_in_the_row(reachable: Desk, standin: DsqlStandin) -> None:
    two_envs(reachable)
    users = {"dsql": "admin", "two": "atlas_migrations"}
    for names in (("dsql", "two"), ("two", "dsql")):
        with activated(reachable, standin.ca_file, *names) as proxied:
            for name, port in zip(names, proxied.ports, strict=True):
                with proxied.client(f"postgresql://127.0.0.1:{port}/?sslmode=disable") as visitor:
                    assert visitor("connect('a')") == users[name]


@pytest.mark.parametrize(("sockets", "names"), [(2, ("dsql",)), (1, ("dsql", "two")), (2, ())])
def test_another_number_of_sockets_than_of_envs_is_told_and_nobody_is_let_in(
    reachable: Desk, sockets: int, names: tuple[str, ...]
) -> None:
    done = reachable.run(str(BIN / "python"), "-c", LISTENS, str(sockets), str(BIN / "dsqltok"), "proxy", *names)
    assert done.returncode == 4
    assert " leads to " not in done.stdout
    assert re.search(rf"systemd handed over {sockets} sockets? for {len(names) or 1} envs?\n", done.stderr)
    assert "one ListenStream=" in done.stderr
