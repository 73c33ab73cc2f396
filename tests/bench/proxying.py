"""What the proxy costs, against a TLS connection of the client's own to the same stand-in.

Each row is of pairs: the same piece of work one way and the other, which of them goes first alternating. Times are
compared, so that a throughput of nine tenths is a time of 1/0.9.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from bench import figures, lookup, proxied
from bench.figures import Goal, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from psycopg.pq.abc import PGconn

    from bench.place import Home, Installation
    from bench.proxied import Ways

_ROUNDS = 30
_SELECTS = 400  # of a client in a piece of work
_ROW = "x" * 999
_ROWS = 40_000  # of a COPY: 40 MB
_COPY_OUT = "copy (select repeat('x', 999) from generate_series(1, 40000)) to stdout"
_COPIES = 8  # pairs of them
_CONNECTS = 100
_IDLE = 500
_BLOCK = 300  # lookups while a COPY runs, and while none does
_BLOCKS = 21
_PACE = 0.001  # as in latency.py
_COPYING = """
import sys
from psycopg import pq
there = pq.PGconn.connect(sys.stdin.readline().encode())
while True:
    there.exec_(b"copy (select repeat('x', 999) from generate_series(1, 100000)) to stdout")
    while there.get_copy_data(0)[0] > 0: pass
    there.get_result(); there.get_result()
    print(flush=True)
"""


def measure(installation: Installation, directory: Path) -> list[Row]:
    """Measure with a stand-in, a daemon and a proxy in `directory`, which is made."""
    if not proxied.is_there():
        sys.stderr.write(f"not measured, the proxy: this Python has not all of {', '.join(proxied.NEEDED)}\n")
        return []
    with proxied.ways(installation, directory) as (home, ways):
        rows = [_selects(ways, 1), _selects(ways, 8), _copy_out(ways), _copy_in(ways), _connects(ways)]
        return [*rows, *_lookups(home, ways), _memory(ways)]


def _pairs(ours: Callable[[], None], theirs: Callable[[], None], count: int) -> list[tuple[float, float]]:
    """Return the seconds that the two take, done in turn; the first pair does not count."""
    found = []
    for number in range(count + 1):
        if number % 2:
            second, first = _timed(theirs), _timed(ours)
        else:
            first, second = _timed(ours), _timed(theirs)
        found.append((first, second))
    return found[1:]


def _timed(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _row(what: str, pairs: list[tuple[float, float]], goal: Goal, each: Callable[[float], str]) -> Row:
    ours, theirs = (each(figures.spread([pair[side] for pair in pairs]).median) for side in (0, 1))
    detail = f"{ours}, {theirs}; {len(pairs)} pairs"
    return Row(f"through the proxy: {what}", "TLS of the client's own", figures.ratios(pairs), goal, detail)


def _selects(ways: Ways, clients: int) -> Row:
    ours, theirs = ([_prepared(way) for _ in range(clients)] for way in (ways.proxied, ways.direct))
    pairs = _pairs(lambda: _together(ours), lambda: _together(theirs), _ROUNDS)
    what = f"time of a select, {clients} client{'s' * (clients > 1)}"
    for connection in (*ours, *theirs):
        connection.finish()
    return _row(what, pairs, Goal(1 / 0.9, "≤ 1/0.9"), lambda took: f"{clients * _SELECTS / took:.0f}/s")


def _prepared(way: str) -> PGconn:
    """Connect to a table of one's own, for which a query by its key is prepared."""
    connection = proxied.connected(way)
    proxied.done(connection, "create temp table accounts (id int primary key, balance int)")
    proxied.done(connection, "insert into accounts select n, n from generate_series(1, 1000) n")
    connection.prepare(b"balance", b"select balance from accounts where id = $1")
    return connection


def _together(connections: list[PGconn]) -> None:
    threads = [threading.Thread(target=_select, args=(connection,)) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _select(connection: PGconn) -> None:
    for number in range(1, _SELECTS + 1):
        result = connection.exec_prepared(b"balance", [b"%d" % number])
        assert result.get_value(0, 0) == b"%d" % number


def _copy_out(ways: Ways) -> Row:
    ours, theirs = proxied.connected(ways.proxied), proxied.connected(ways.direct)
    pairs = _pairs(lambda: _receive(ours), lambda: _receive(theirs), _COPIES)
    return _row("time of a COPY out", pairs, Goal(1 / 0.7, "≤ 1/0.7"), _megabytes)


def _receive(connection: PGconn) -> None:
    proxied.done(connection, _COPY_OUT)
    count = 0
    while connection.get_copy_data(0)[0] > 0:
        count += 1
    assert count == _ROWS
    while connection.get_result() is not None:
        pass


def _copy_in(ways: Ways) -> Row:
    ours, theirs = proxied.connected(ways.proxied), proxied.connected(ways.direct)
    for connection in (ours, theirs):
        proxied.done(connection, "create temp table lines (line text)")
    pairs = _pairs(lambda: _send(ours), lambda: _send(theirs), _COPIES)
    return _row("time of a COPY in", pairs, Goal(1 / 0.7, "≤ 1/0.7"), _megabytes)


def _send(connection: PGconn) -> None:
    proxied.done(connection, "truncate lines")
    proxied.done(connection, "copy lines from stdin")
    rows = f"{_ROW}\n".encode() * 60
    for _ in range(0, _ROWS, 60):
        connection.put_copy_data(rows)
    connection.put_copy_end()
    while (result := connection.get_result()) is not None:
        assert not result.error_message


def _megabytes(seconds: float) -> str:
    return f"{_ROWS * (len(_ROW) + 1) / seconds / 1e6:.0f} MB/s"


def _connects(ways: Ways) -> Row:
    ours, theirs = (lambda way=way: proxied.connected(way).finish() for way in (ways.proxied, ways.direct))
    pairs = _pairs(ours, theirs, _CONNECTS)
    return _row("a connect, token warm", pairs, Goal(1.3, "≤ 1.3"), lambda took: f"{took * 1e3:.1f} ms")


def _lookups(home: Home, ways: Ways) -> list[Row]:
    """Compare lookups while a COPY goes through the proxy with those while one goes past it, or none runs."""
    line = lookup.request(home, {})
    settings = {"idle": None, "direct": ways.direct, "proxied": ways.proxied}
    rounds = []
    for number in range(_BLOCKS):
        order = [*settings][number % 3 :] + [*settings][: number % 3]
        rounds.append({name: _block(home, line, settings[name]) for name in order})
    what = "token.get while a COPY runs through the proxy: p99"
    return [
        _lookup_row(what, rounds, "a COPY by TLS of the client's own", "direct", Goal(1.5, "≤ 1.5")),
        _lookup_row(what, rounds, "the same, idle", "idle", None),
    ]


def _lookup_row(what: str, rounds: list[dict[str, float]], against: str, name: str, goal: Goal | None) -> Row:
    pairs = [(each["proxied"], each[name]) for each in rounds]
    ours, theirs = (figures.spread([pair[side] for pair in pairs]).median * 1e6 for side in (0, 1))
    return Row(what, against, figures.ratios(pairs), goal, f"{ours:.0f} us, {theirs:.0f} us; {_BLOCKS} rounds")


def _block(home: Home, line: bytes, way: str | None) -> float:
    """Return the p99 of the lookups of a block, in seconds, while a COPY runs over and over if a way is given."""
    with _copying(way) if way else contextlib.nullcontext():
        samples = []
        for _ in range(_BLOCK):
            samples.append(lookup.timed(home.socket, line))
            time.sleep(_PACE)
    return figures.percentile(samples, 99)


@contextlib.contextmanager
def _copying(way: str) -> Iterator[None]:
    argv = [sys.executable, "-c", _COPYING]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(way + "\n")
        process.stdin.flush()
        process.stdout.readline()
        yield
        process.kill()


def _memory(ways: Ways) -> Row:
    proxied.connected(ways.proxied).finish()
    before = _resident(ways.pid)
    connections = [proxied.connected(ways.proxied) for _ in range(_IDLE)]
    each = (_resident(ways.pid) - before) / _IDLE
    for connection in connections:
        connection.finish()
    detail = f"the proxy's resident memory with {_IDLE}, less that with none"
    figure = figures.spread([each, each])
    return Row("an idle connection through the proxy, in KB", "-", figure, Goal(60, "≤ 60"), detail)


def _resident(pid: int) -> float:
    """Return a process's resident memory in KB."""
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return float(shown.stdout)
