"""What tests of several units need."""

from __future__ import annotations

import os
import pwd
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from unit.projectjob import SEED, Job

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def job(tmp_path: Path) -> Job:
    tmp_path.chmod(0o755)
    made = Job(tmp_path / "atlas.hcl")
    made.write(SEED)
    return made


@pytest.fixture
def someone_s() -> Iterator[Path]:
    """Give a directory of an ordinary user, and be that user meanwhile: root may read everything."""
    me = os.geteuid()
    user = me or pwd.getpwnam("nobody").pw_uid
    with tempfile.TemporaryDirectory() as directory:
        os.chown(directory, user, -1)
        os.seteuid(user)
        try:
            yield Path(directory).resolve()
        finally:
            os.seteuid(me)
