"""Who takes a port over from another proxy, who does not, and that nobody is turned away meanwhile."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import recipes
from desk import BIN, eventually
from viaproxy import Client, Proxy, proxy

if TYPE_CHECKING:
    from desk import Desk
    from standin.endpoint import DsqlStandin

# Each connects until there is the file that it is told of. It says so the first time, and in the end how often it did.
PSQL = """
count=0
until [ -e "$3" ]; do
    "$0" -XAt -h "$1" -p "$2" -c "select 1" >/dev/null || exit 1
    [ $((count += 1)) -gt 1 ] || echo connected
done
echo "$count"
"""
PSYCOPG = """
import itertools, os, psycopg, sys
for count in itertools.count():
    if os.path.exists(sys.argv[3]):
        break
    with psycopg.connect(host=sys.argv[1], port=sys.argv[2]) as there:
        there.execute("select 1")
    if count == 0:
        print("connected", flush=True)
print(count, flush=True)
"""
ASYNCPG = """
import asyncio, asyncpg, itertools, os, sys
async def work():
    for count in itertools.count():
        if os.path.exists(sys.argv[3]):
            return count
        there = await asyncpg.connect(host=sys.argv[1], port=sys.argv[2])
        await there.execute("select 1")
        await there.close()
        if count == 0:
            print("connected", flush=True)
print(asyncio.run(work()), flush=True)
"""
TAKEOVERS = 2


def test_of_all_who_connect_while_one_proxy_follows_the_other_none_is_turned_away(
    reachable: Desk, standin: DsqlStandin, proxied: Proxy
) -> None:
    psql = recipes.program("psql", "apt install postgresql-client")
    python = str(BIN / "python")
    enough = reachable.work / "enough"
    where = ("127.0.0.1", str(proxied.port), str(enough))
    with contextlib.ExitStack() as parts:
        begun = [
            parts.enter_context(reachable.conversation(*program, *where))
            for program in (("sh", "-c", PSQL, psql), (python, "-c", PSYCOPG), (python, "-c", ASYNCPG))
        ]
        assert [client.hear() for client in begun] == ["connected"] * len(begun)
        leaving = proxied
        for _ in range(TAKEOVERS):
            eventually(lambda: reachable.status()["proxies"] != [], "the core knows of it")
            following = parts.enter_context(proxy(reachable, standin.ca_file, "dsql", port=proxied.port))
            assert leaving.process.wait(30) == 0  # which it is once nobody is left there
            leaving = following
        served = len(standin.logins)
        eventually(
            lambda: len(standin.logins) > served + len(begun) or any(client.process.poll() for client in begun),
            "the last one serves",
        )
        reachable.write(enough, "")
        assert all(int(client.hear()) > 0 for client in begun)


def test_a_port_is_one_proxys_even_where_the_core_knows_of_none(proxied: Proxy) -> None:
    proxied.desk.kill()
    other = proxied.desk.dsqltok("proxy", "other", "--port", str(proxied.port), env={"XDG_RUNTIME_DIR": None})
    assert other.returncode == 7
    assert f"port {proxied.port} is in use by another program" in other.stderr
    proxied.desk.dsqltok("stop", env={"XDG_RUNTIME_DIR": None})


def test_a_second_proxy_takes_over_and_nobody_is_turned_away(
    proxied: Proxy, visitor: Client, standin: DsqlStandin
) -> None:
    assert visitor("connect('a')") == "admin"
    proxied.is_known()
    with proxy(proxied.desk, standin.ca_file, "dsql", port=proxied.port):
        assert visitor("[connect(n) for n in range(20)]") == ["admin"] * 20
        eventually(
            lambda: "(leaving)" in proxied.desk.ok("status"),
            "the first one leaves, and is shown as long as it is there",
        )
        assert visitor("cancelled('a')") == "cancelled"  # by way of the second, which does not know the session
        assert visitor("one('a', 'select 1')") == 1
        assert visitor("[c[n].close() for n in ('a', *range(20))] and connect('z')") == "admin"
        assert proxied.process.wait(30) == 0
        assert visitor("c['z'].close() or 'closed'") == "closed"


def test_of_a_proxy_for_two_envs_one_is_taken_over_and_the_other_stays(reachable: Desk, standin: DsqlStandin) -> None:
    text = (reachable.work / "atlas.hcl").read_text()
    reachable.project(text.replace('env "dsql"', 'env "two"') + text[text.index('env "dsql"') :])
    with proxy(reachable, standin.ca_file, "dsql", "two") as both, both.client() as visitor:
        assert visitor("connect('a')") == "admin"
        both.is_known()
        with proxy(reachable, standin.ca_file, "two", port=both.port + 1) as second, second.client() as another:
            eventually(lambda: f"{second.port} (leaving)" in reachable.ok("status"), "the first one leaves that place")
            assert another("connect('b')") == "admin"
            assert visitor("connect('c')") == "admin"
            assert f"{both.port} (leaving)" not in reachable.ok("status")
        assert visitor("connect('d')") == "admin"


def test_a_port_of_another_envs_proxy_is_not_taken(proxied: Proxy) -> None:
    proxied.is_known()
    again = proxied.desk.dsqltok("proxy", "other", "--port", str(proxied.port))
    assert again.returncode == 2
    assert f'127.0.0.1:{proxied.port} is taken by the proxy of env "dsql"' in again.stderr


def test_a_proxy_of_another_identity_does_not_take_over(proxied: Proxy, visitor: Client, standin: DsqlStandin) -> None:
    proxied.is_known()
    words = ("proxy", "dsql", "--port", str(proxied.port), "--ca", str(standin.ca_file))
    for other in ({"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}, {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}):
        again = proxied.desk.dsqltok(*words, env=other)
        assert again.returncode == 2
        assert f"127.0.0.1:{proxied.port} is taken by the proxy of env" in again.stderr
        assert "with the same variables and --ca" in again.stderr
    assert visitor("connect('a')") == "admin"


def test_who_connects_during_a_takeover_is_served_by_one_of_the_two(
    proxied: Proxy, visitor: Client, standin: DsqlStandin
) -> None:
    proxied.is_known()
    visitor.program.say("[together(150), len([connect(n) for n in range(150, 250)])]")
    with proxy(proxied.desk, standin.ca_file, "dsql", port=proxied.port):
        assert visitor.program.hear() == "[150, 100]"
        assert visitor("[c[n].close() for n in list(c)] and 'closed'") == "closed"  # which the end waits for
