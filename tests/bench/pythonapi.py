"""What the Python API's `token()` takes, in a program that goes on.

It is timed in that program, beside a bare exchange of the same bytes over a connection of its own: what is left is the
API's, which reads the environment, looks for the project, and writes the request.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from bench import figures
from bench.figures import Goal, Row
from bench.place import ENV

if TYPE_CHECKING:
    from bench.place import Home, Installation

_ROUNDS = 20
_GOAL_MS = 0.3
# Blocks of one kind and of the other, since each keeps the processor's caches warm for its own kind.
_PROGRAM = """
import json, os, socket, sys, time
import dsqltok
from dsqltok import arguments, paths, protocol
env, rounds = sys.argv[1], int(sys.argv[2])
line = protocol.request("token.get", arguments.selection({"env": env}))
bare = socket.socket(socket.AF_UNIX)
bare.connect(paths.socket_path())
def exchange():
    bare.sendall(line)
    return bare.recv(65536)
def timed(what, count=200):
    found = []
    for _ in range(count):
        begin = time.perf_counter()
        what()
        found.append(time.perf_counter() - begin)
    return sorted(found)[count // 2]
whats = (lambda: dsqltok.token(env), exchange)
for what in whats:
    timed(what)
print(json.dumps([[timed(what) for what in whats] for _ in range(rounds)]))
"""


def measure(installation: Installation, home: Home) -> list[Row]:
    """Measure at the daemon that runs at `home`."""
    command = [installation.python, "-c", _PROGRAM, ENV, str(_ROUNDS)]
    shown = subprocess.run(command, env=home.environment, check=True, capture_output=True, text=True).stdout
    pairs = [(ours, bare) for ours, bare in json.loads(shown)]
    ours, bare = (figures.spread([pair[side] * 1e3 for pair in pairs]) for side in (0, 1))
    detail = f"{figures.ratios(pairs)} of a bare exchange of the same bytes, {bare} ms; {_ROUNDS} rounds of 200"
    return [Row("dsqltok.token(), warm, in ms", "-", ours, Goal(_GOAL_MS, f"≤ {_GOAL_MS}"), detail)]
