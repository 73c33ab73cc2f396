"""Clients of several kinds, which connect again and again at once while one proxy after the other takes the port."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import recipes
from desk import BIN, eventually
from viaproxy import Proxy, proxy

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
