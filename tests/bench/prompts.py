"""What a prompt of bash costs with the hook while the token is young, against one without."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from bench import figures
from bench.figures import Goal, Row
from bench.place import ENV

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.place import Home, Installation

_PROMPTS = 1000
_ROUNDS = 15
_WITH = f'eval "$(dsqltok hook bash)"; dsqltok activate {ENV}'


def measure(installation: Installation, home: Home) -> list[Row]:
    """Measure with the project's directory as the working directory, and the daemon at `home` running and warm."""
    bash = shutil.which("bash")
    if bash is None:
        return []
    path = f"{os.path.dirname(installation.dsqltok)}:/usr/bin:/bin"
    environment = {**home.environment, "PATH": path}
    found = []
    for turn in range(_ROUNDS):
        order = (_WITH, ":") if turn % 2 else (":", _WITH)
        took = {first: _prompts(bash, first, environment) for first in order}
        found.append((took[_WITH], took[":"]))
    more = figures.spread([(ours - theirs) * 1000 / _PROMPTS for ours, theirs in found])
    bare = figures.spread([theirs * 1000 / _PROMPTS for _, theirs in found])
    detail = f"ms a prompt; {bare.median:.3g} without; {_ROUNDS} pairs of {_PROMPTS:,} prompts of bash -i"
    return [Row("the hook, at a prompt", "no hook", more, Goal(0.2, "≤ 0.2 more"), detail)]


def _prompts(bash: str, first: str, environment: Mapping[str, str]) -> float:
    """Return the seconds that an interactive bash takes for many empty commands, after a first one."""
    process = subprocess.Popen(
        [bash, "--norc", "-i"],
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(f"{first}; echo $?\n")
        process.stdin.flush()
        if process.stdout.readline() != "0\n":
            raise RuntimeError(f"bash does not succeed with {first}")
        begin = time.perf_counter()
        process.stdin.write(":\n" * _PROMPTS + "echo\n")
        process.stdin.flush()
        process.stdout.readline()
        return time.perf_counter() - begin
