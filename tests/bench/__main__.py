"""The `bench` program: measures everything, prints one table. It never fails over a figure."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench import (
    cold,
    evaluation,
    figures,
    idle,
    latency,
    lookup,
    memory,
    place,
    process,
    prompts,
    proxying,
    pythonapi,
    pythons,
    startup,
    targets,
    throughput,
    watched,
)

if TYPE_CHECKING:
    from bench.figures import Row
    from bench.place import Home, Installation

# Not $TMPDIR: a socket's path may have about 100 characters, and macOS gives half of them away. Nor /tmp: the daemon
# watches every directory on the way to a file, its own among them, and would be woken by all that comes and goes there.
_PLACE = "/var/tmp"  # noqa: S108 - a directory is made in it, with a name that nobody guesses
_USAGE = "usage: python -m bench [--json]\n"


def main() -> int:
    """Run the program and return its exit code: 0 once everything is measured, whatever came out."""
    arguments = sys.argv[1:]
    if arguments not in ([], ["--json"]):
        sys.stderr.write(_USAGE)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the daemon and the directory go too
    about = _about()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dsqltok-bench-", dir=_PLACE) as directory:
        rows = _measure(Path(directory).resolve())
    about["seconds"] = round(time.monotonic() - begin)
    if arguments:
        sys.stdout.write(json.dumps({**about, "rows": [row.as_data() for row in rows]}, indent=2) + "\n")
    else:
        sys.stdout.write("\n" + ", ".join(f"{name} {value}" for name, value in about.items()) + "\n\n")
        sys.stdout.write(figures.table(rows))
    return 0


def _measure(directory: Path) -> list[Row]:
    _say("installing a wheel of this checkout in a venv of its own")
    installation = place.install(directory)
    references = place.install_references(directory)
    home = place.furnish(directory / "h", installation)
    with contextlib.chdir(home.project), contextlib.ExitStack() as rest:
        rested = None if process.LACKING else rest.enter_context(idle.resting(installation, _PLACE))
        rows = _warm(installation, home, directory, str(Path(references).with_name("uv")))
        _say("evaluating projects")
        rows += evaluation.measure(installation, home, references)
        _say("timing cold starts")
        rows += cold.measure(installation, home)
        _say("timing token.get while the keyring hangs")
        rows += latency.measure_keyring(installation, home)
        _say("measuring memory")
        rows += memory.measure(installation, home)
        _say("watching many projects")
        rows += watched.measure(installation, home)
        _say("refreshing many targets")
        rows += targets.measure(installation, home)
        _say("timing the proxy")
        rows += proxying.measure(installation, directory / "proxying")
        _say("waiting for the daemon that rests")
        return [*rows, *(idle.missing() if rested is None else rested.rows())]


def _warm(installation: Installation, home: Home, directory: Path, uv: str) -> list[Row]:
    """Measure what needs a daemon that runs and has the token in hand."""
    with place.daemon(installation, home) as pid:
        lookup.answered(home.socket, lookup.request(home, {}))
        _say("timing dsqltok get")
        rows = startup.measure(installation, home)
        rows += pythons.measure(installation, home, directory, uv)
        _say("timing the Python API")
        rows += pythonapi.measure(installation, home)
        _say("timing prompts of bash")
        rows += prompts.measure(installation, home)
        _say("counting requests a second")
        rows += throughput.measure(home, directory, pid)
        _say("timing token.get while other things go on")
        return rows + latency.measure(installation, home)


def _about() -> dict[str, object]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text} …\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
