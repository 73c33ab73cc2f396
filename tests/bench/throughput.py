"""How many requests a second the core answers, and how late the last of a hundred, against an epoll server in C.

The clients are in C for both (reference/client.c), so that what is compared is the servers. The one in C answers with
bytes that the core has answered with: it reads no request, and looks nothing up.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench import figures, growth, lookup, process
from bench.figures import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures import Goal
    from bench.place import Home

_SOURCES = Path(__file__).with_name("reference")
_AGAINST = "an epoll server in C"
_ROUNDS = 9
_REQUESTS = 6000
_ONE_CLIENTS_REQUESTS = 2000
_LOADS = (("once", 1, 0.6), ("once", 50, 0.6), ("once", 500, 0.6), ("kept", 50, 0.4))
_GOAL_P99 = at_most(1.5)
_CROWDS = (1, 10, 100, 1000)
_EACH = 20  # requests of each of a crowd


class _Run(NamedTuple):
    """What one run of the clients found."""

    seconds: float
    p50: float  # microseconds
    p99: float


class _Clients:
    """The program that plays them."""

    def __init__(self, program: str, request: Path, requests: int) -> None:
        self._program = program
        self._request = request
        self._requests = requests

    def run(self, path: str, kind: str, clients: int, requests: int | None = None) -> _Run:
        """Have so many clients ask at the socket `path`; the requests are of them all together."""
        argv = [self._program, path, str(self._request), kind, str(clients), str(requests or self._requests)]
        return _Run(*json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout))


def measure(home: Home, directory: Path, pid: int) -> list[Row]:
    """Measure at the daemon that runs at `home`, as process `pid`. Files are made in `directory`."""
    compiler = shutil.which("cc")
    if compiler is None or process.LACKING:
        return [row for load in _LOADS for row in _missing(load, "no cc" if compiler is None else process.LACKING)]
    programs = {name: _build(compiler, name, directory) for name in ("client", "server")}
    request, answer = directory / "request", directory / "answer"
    request.write_bytes(lookup.request(home, {}))
    answer.write_bytes(lookup.answer(home.socket, request.read_bytes()))
    clients = _Clients(programs["client"], request, _REQUESTS)
    with _server(programs["server"], directory / "c.sock", answer) as reference:
        rows = [row for load in _LOADS for row in _compared(load, clients, home.socket, reference)]
    return [*rows, _crowds(clients, home.socket, pid)]


def _build(compiler: str, name: str, directory: Path) -> str:
    program = directory / name
    subprocess.run([compiler, "-O2", "-o", str(program), str(_SOURCES / f"{name}.c")], check=True)
    return str(program)


@contextlib.contextmanager
def _server(program: str, path: Path, answer: Path) -> Iterator[str]:
    with subprocess.Popen([program, str(path), str(answer)], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            server.stdout.readline()
            yield str(path)
        finally:
            server.kill()


def _named(kind: str, clients: int) -> tuple[str, str]:
    """Return what the two rows of a load are called."""
    who = f"{clients} client{'s' if clients > 1 else ''}"
    return (
        (f"one-shot requests/s, {who}", f"one-shot request: p99, {who}")
        if kind == "once"
        else (f"requests/s on kept connections, {who}", f"request on a kept connection: p99, {who}")
    )


def _goals(least: float, kind: str) -> tuple[Goal, Goal | None]:
    return at_least(least), _GOAL_P99 if kind == "once" else None


def _compared(load: tuple[str, int, float], clients: _Clients, ours: str, theirs: str) -> list[Row]:
    kind, count, least = load
    requests = _ONE_CLIENTS_REQUESTS if count == 1 else None
    pairs = []
    for number in range(-1, _ROUNDS):
        places = (ours, theirs) if number % 2 else (theirs, ours)
        found = {path: clients.run(path, kind, count, requests) for path in places}
        if number >= 0:
            pairs.append((found[ours], found[theirs]))
    names, goals = _named(kind, count), _goals(least, kind)
    rates = [(1 / here.seconds, 1 / there.seconds) for here, there in pairs]
    here, there = (figures.spread([rate[side] * (requests or _REQUESTS) for rate in rates]) for side in (0, 1))
    late, early = (figures.spread([pair[side].p99 for pair in pairs]) for side in (0, 1))
    ratio = figures.ratios([(here.p99, there.p99) for here, there in pairs])
    detail = f"{here.median:,.0f}/s, {there.median:,.0f}/s; {_ROUNDS} rounds of {requests or _REQUESTS}"
    return [
        Row(names[0], _AGAINST, figures.ratios(rates), goals[0], detail),
        Row(names[1], _AGAINST, ratio, goals[1], f"{late.median:,.0f} us, {early.median:,.0f} us"),
    ]


def _crowds(clients: _Clients, path: str, pid: int) -> Row:
    """Return how the core's processor time grows with the clients that ask, each as often as any other."""
    costs = {}
    for crowd in _CROWDS:
        repeats = max(1, _CROWDS[-1] // crowd // 2)  # a tick of the processor's clock is more than a few take
        before = process.activity(pid).seconds
        for _ in range(repeats):
            clients.run(path, "once", crowd, crowd * _EACH)
        costs[crowd] = (process.activity(pid).seconds - before) / repeats * 1e3
    return growth.row(f"clients, each with {_EACH} one-shot requests", costs, "ms of the core's processor time")


def _missing(load: tuple[str, int, float], lacking: str) -> list[Row]:
    kind, clients, least = load
    pairs = zip(_named(kind, clients), _goals(least, kind), strict=True)
    return [figures.missing(what, _AGAINST, goal, lacking) for what, goal in pairs]
