"""The files of another release of Debian, unpacked into a directory, for what its systemd does with our units.

They come from Debian's package registry, 40 MB of them with their lists, in about five seconds of processor time.
Nothing of them is configured, and nothing but `standin.systemd` with `root=` is meant to run in there.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import uuid
from typing import TYPE_CHECKING

from .leash import bed_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PACKAGES = "base-files,coreutils,dash,libpython3-stdlib,mount,python3-minimal,systemd,util-linux"
_WITHIN_S = 90


def missing() -> str:
    """Say which program the bed lacks, with its Debian package; nothing if it is available."""
    return "" if shutil.which("mmdebstrap") else "no other Debian: mmdebstrap (of mmdebstrap) not found"


@contextlib.contextmanager
def unpacked(release: str) -> Iterator[Path]:
    """Give the directory of a release's files until the block ends. Raises `OSError` where they cannot be had."""
    with bed_directory("debian-") as directory:
        root = directory / "root"
        command = [
            "mmdebstrap",
            "--quiet",
            "--mode=root",
            "--variant=extract",
            f"--include={_PACKAGES}",
            release,
            str(root),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_WITHIN_S, check=False)
        except subprocess.TimeoutExpired:
            raise OSError(f"Debian {release} did not come within {_WITHIN_S} s") from None
        if done.returncode:
            raise OSError(f"Debian {release} cannot be had: {done.stderr.strip()}")
        (root / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")
        yield root
