"""What tests of several units need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from unit.projectjob import SEED, Job

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def job(tmp_path: Path) -> Job:
    tmp_path.chmod(0o755)
    made = Job(tmp_path / "atlas.hcl")
    made.write(SEED)
    return made
