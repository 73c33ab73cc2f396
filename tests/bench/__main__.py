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

from bench import evaluation, figures, latency, lookup, memory, place, prompts, pythonapi, startup

if TYPE_CHECKING:
    from bench.figures import Row

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
    # Not in $TMPDIR: a socket's path may have about 100 characters, and macOS gives half of them away.
    with tempfile.TemporaryDirectory(prefix="dsqltok-bench-", dir="/tmp") as directory:
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
    home = place.furnish(directory, installation)
    with contextlib.chdir(home.project):
        with place.daemon(installation, home):
            lookup.timed(home.socket, lookup.request(home, {}))
            _say("timing dsqltok get")
            rows = startup.measure(installation, home)
            _say("timing the Python API")
            rows += pythonapi.measure(installation, home)
            _say("timing prompts of bash")
            rows += prompts.measure(installation, home)
            _say("timing token.get while a worker refreshes")
            rows += latency.measure(installation, home)
        _say("evaluating projects")
        rows += evaluation.measure(installation, home, place.install_references(directory))
        _say("measuring memory")
        return [*rows, *memory.measure(installation, home)]


def _about() -> dict[str, object]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        "load before": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


def _say(text: str) -> None:
    sys.stderr.write(f"{text} …\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
