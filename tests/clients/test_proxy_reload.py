"""A proxy that is told to have another take its place, as `systemctl reload` does: where something comes in between.

Most proxies here have their sockets as systemd hands them over, but no systemd, which would clear away what they leave.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

import loginsession
from desk import BIN, eventually
from loginsession import ROOTS, enabled_proxy
from standin import people
from viaproxy import Activated, activated, held_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from desk import Desk
    from standin.endpoint import DsqlStandin

PATIENCE = 30_000  # milliseconds, against a hang
SLEEPS = "select count(*) from pg_stat_activity where pid = %s and state = 'active' and query like '%%pg_sleep%%'"

# The proxy, with a clock that each SIGUSR1 puts ahead by a minute.
AHEAD = """
import asyncio, logging, os, signal, sys
from dsqltok import arguments
from dsqltokd.pgproxy import listening, proxy, selecting
class Ahead(asyncio.SelectorEventLoop):
    seconds = 0.0
    def time(self):
        return super().time() + self.seconds
    def put_ahead(self):
        self.seconds += 60
async def serve(selector, given):
    loop = asyncio.get_running_loop()
    options = arguments.parse("proxy", sys.argv[1:])
    serving = proxy.Proxy(options, listening.handed_over(), selector, lambda line: print(line, flush=True))
    loop.add_signal_handler(signal.SIGUSR1, loop.put_ahead)
    loop.add_signal_handler(signal.SIGTERM, serving.leave)
    loop.add_signal_handler(signal.SIGHUP, serving.hand_over, given, lambda _: None)
    await serving.run()
logging.basicConfig()
selector = selecting.Selector()
with asyncio.Runner(loop_factory=lambda: Ahead(selector)) as runner:
    runner.run(serve(selector, {**os.environ}))
"""


@pytest.fixture
def proxied(reachable: Desk, standin: DsqlStandin) -> Iterator[Activated]:
    with activated(reachable, standin.ca_file, "dsql") as found:
        yield found


def test_told_to_end_a_proxy_leaves_no_successor_behind_that_was_on_its_way(proxied: Activated) -> None:
    with proxied.client() as visitor:
        assert visitor("connect('a')") == "admin"
        with held_up(proxied.roots, proxied.reload) as gone:
            proxied.process.send_signal(signal.SIGTERM)
            assert gone.poll(PATIENCE) != []
            assert visitor("one('a', 'select 1')") == 1  # until which the first one goes on
            assert visitor("c['a'].close() or 'closed'") == "closed"
            assert proxied.process.wait(30) == 0
    eventually(lambda: proxied.pids() == set(), "no proxy is there")


def test_a_unit_that_is_stopped_during_a_reload_ends_clean(standin: DsqlStandin, login: object) -> None:
    del login  # which has the stand-in know the keys
    with loginsession.begun(people.stranger()) as session:
        unit = enabled_proxy(session, standin)
        with unit.client():
            pass
        with held_up(session.manager.home / ROOTS, unit.reload) as gone:
            session.manager.systemctl("stop", unit.name)
            assert gone.poll(0) != []
        assert (unit.shown("ActiveState"), unit.shown("Result")) == ("inactive", "success")
        assert (unit.shown("ExecMainStatus"), unit.shown("NRestarts")) == ("0", "0")


def test_a_successor_that_never_comes_to_serve_is_ended_and_told_of_and_changes_nothing(
    reachable: Desk, standin: DsqlStandin
) -> None:
    def is_told_of() -> bool:
        running.process.send_signal(signal.SIGUSR1)  # a minute goes by
        return "no successor takes over: none began in 60 s" in running.log()

    program = (str(BIN / "python"), "-c", AHEAD)
    with activated(reachable, standin.ca_file, "dsql", program=program) as running, running.client() as visitor:
        assert visitor("connect('a')") == "admin"
        with held_up(running.roots, running.reload) as gone:
            assert gone.poll(0) == []
            eventually(is_told_of, "the log says it")
            assert gone.poll(PATIENCE) != []
        assert visitor("[one('a', 'select 1'), connect('b')]") == [1, "admin"]
        reachable.write(running.roots, standin.ca_file.read_text(), 0o644)
        running.reload()
        eventually(lambda: len(running.pids()) == 2, "the next successor serves")
        assert visitor("[each.close() for each in c.values()] and 'closed'") == "closed"
        assert running.process.wait(30) == 0


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
