"""A proxy that is told to have another take its place, as `systemctl reload` does: where something comes in between.

Here it has its sockets as systemd hands them over, without systemd, so that whatever stays behind is the proxy's doing.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from desk import eventually
from viaproxy import Activated, activated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from desk import Desk
    from standin.endpoint import DsqlStandin

PATIENCE = 30_000  # milliseconds, against a hang
SLEEPS = "select count(*) from pg_stat_activity where pid = %s and state = 'active' and query like '%%pg_sleep%%'"


@pytest.fixture
def proxied(reachable: Desk, standin: DsqlStandin) -> Iterator[Activated]:
    with activated(reachable, standin.ca_file, "dsql") as found:
        yield found


def test_told_to_end_a_proxy_leaves_no_successor_behind_that_was_on_its_way(proxied: Activated) -> None:
    with proxied.client() as visitor:
        assert visitor("connect('a')") == "admin"
        with proxied.held_up() as gone:
            proxied.process.send_signal(signal.SIGTERM)
            assert gone.poll(PATIENCE) != []
            assert visitor("one('a', 'select 1')") == 1  # until which the first one goes on
            assert visitor("c['a'].close() or 'closed'") == "closed"
            assert proxied.process.wait(30) == 0
    eventually(lambda: proxied.pids() == set(), "no proxy is there")


def test_a_query_is_cancelled_by_way_of_the_successor(proxied: Activated) -> None:
    with proxied.client() as visitor:
        assert visitor("[connect(name) for name in 'abc']") == ["admin"] * 3
        assert visitor("[one('b', 'select pg_advisory_lock(8)'), begin('c', 'select pg_advisory_lock(8)')]")
        visitor("begin('a', 'select pg_sleep(60)')")
        eventually(lambda: visitor(f"one('b', {SLEEPS!r}, [c['a'].info.backend_pid])") == 1, "the query runs")
        proxied.reload()
        eventually(
            lambda: len(proxied.pids()) == 2 and "(leaving)" in proxied.desk.ok("status"), "the successor is known"
        )
        visitor("c['a'].cancel()")
        assert "canceling statement due to user request" in str(visitor("end('a')"))
        assert visitor("one('b', 'select pg_advisory_unlock(8)')") is True
        assert visitor("end('c')") == ""  # and no other query was touched
        assert visitor("[each.close() for each in c.values()] and 'closed'") == "closed"
        assert proxied.process.wait(30) == 0
