"""Nothing outlives its bed, even where the test run is killed outright and no `finally` runs."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

_ALLOWED_TO_STOP_S = 60
# `read` returns when the pipe's other end closes, which the kernel sees to however we end. The wait is bounded because
# a container's process 1 may never reap what it inherits.
_SCRIPT = """
read -r _
directory=$1 how=$2 victim=$3 tries=0
kill -s "$how" "$victim"
while kill -0 "$victim" && [ $((tries += 1)) -lt 100 ]; do sleep 0.05; done
rm -rf -- "$directory"
"""


@contextmanager
def bed_directory(prefix: str) -> Iterator[Path]:
    """Make a directory that others can traverse (its parts decide who may read them); remove it when the block ends.

    It is short and directly in the system's temporary directory: a Unix socket's path must fit in 104 bytes.
    """
    path = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        path.chmod(0o755)
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def leashed(process: subprocess.Popen[str], directory: Path, how: signal.Signals) -> Iterator[None]:
    """End `process` by the signal `how` when the block ends; or, with `directory` removed, when we die within it."""
    leash = subprocess.Popen(
        ["sh", "-c", _SCRIPT, "leash", str(directory), how.name.removeprefix("SIG"), str(process.pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        leash.kill()
        leash.communicate()
        _end(process, how)


def _end(process: subprocess.Popen[str], how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(_ALLOWED_TO_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _close(process.stdin, process.stdout, process.stderr)


def _close(*pipes: IO[str] | None) -> None:
    for pipe in pipes:
        if pipe is not None:
            pipe.close()
