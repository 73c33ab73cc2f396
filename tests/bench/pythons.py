"""A warm `dsqltok get` on each Python that people have, installed as they install it; and the AWS CLI beside it.

A Python is looked for where a shell would look, and where pyenv and uv keep theirs. What is not found is said.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench import figures, place, startup
from bench.figures import Goal, Row, at_most
from bench.startup import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.place import Home, Installation

_VERSIONS = ("3.11", "3.12", "3.13")
_STARTS = 100
_GOAL = at_most(1.05)
_AWS_STARTS = 15
_AWS_GOAL = Goal(1 / 35, "≤ 1/35 = 0.0286")
_AWS = ("dsql", "generate-db-connect-admin-auth-token", "--region", "us-east-1", "--hostname")
_HOST = "cluster-id.dsql.us-east-1.on.aws"


def measure(installation: Installation, home: Home, directory: Path, uv: str) -> list[Row]:
    """Measure with the daemon at `home` running and warm, and the project's directory as the working directory."""
    rows = []
    for version, installer in itertools.product(_VERSIONS, ("pip", "uv")):
        what, interpreter = f"dsqltok get, warm, Python {version} by {installer}", _interpreter(version)
        if interpreter is None:
            rows.append(figures.missing(what, "python -c pass", _GOAL, f"no Python {version}"))
            continue
        where = directory / f"{installer}-{version}"
        where.mkdir()
        there = place.install_on(where, interpreter, uv=uv if installer == "uv" else None)
        rows.append(startup.compare(startup.get(there, what), startup.nothing(there), home, _STARTS, _GOAL))
    return [*rows, _aws(installation, home)]


def _interpreter(version: str) -> str | None:
    """Return a Python of this version that works and can make a venv, if there is one."""
    asks = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    for candidate in _candidates(version):
        found = subprocess.run([candidate, "-c", asks], capture_output=True, text=True, check=False)
        if found.stdout.strip() == version:
            return candidate
    return None


def _candidates(version: str) -> Iterator[str]:
    yield sys.executable
    # A version manager's shim is no interpreter: it answers for one, and not for each that is there.
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}")))
    data = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share"))
    yield from map(str, sorted(data.glob(f"uv/python/cpython-{version}.*/bin/python{version}")))
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        yield on_path


def _aws(installation: Installation, home: Home) -> Row:
    what, against = "dsqltok get, warm", "AWS CLI v2"
    aws = shutil.which("aws")
    said = subprocess.run([aws, "--version"], capture_output=True, text=True, check=False).stdout if aws else ""
    if aws is None or not said.startswith("aws-cli/2"):
        found = f"this aws is {said.split()[0]}" if said.strip() else "no aws on PATH"
        return figures.missing(what, against, _AWS_GOAL, f"{found}, and version 2 alone has the command")
    theirs = Program(against, [aws, *_AWS, _HOST])
    return startup.compare(startup.get(installation, what), theirs, home, _AWS_STARTS, _AWS_GOAL)
