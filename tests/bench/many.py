"""Many projects: each a directory with an atlas.hcl of its own, all of one home."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench import lookup
from bench.place import ENV

if TYPE_CHECKING:
    from pathlib import Path

    from bench.place import Home

_PATIENCE = 60.0
_LOOK = 0.02  # seconds between two looks at how many were evaluated
_PROJECT = """\
locals {{
  endpoint = "cluster{cluster}.dsql.us-east-1.on.aws"
}}

data "aws_dsql_token" "db" {{
  endpoint = local.endpoint
  region   = "us-east-1"
  admin    = true
}}

env "{env}" {{
  url = "dsql://admin:${{urlescape(data.aws_dsql_token.db)}}@${{local.endpoint}}:5432/postgres?sslmode=require"
}}
# edited {edits} times
"""


class Projects:
    """Projects that are edited all together. They are to be known to the daemon before that."""

    def __init__(self, home: Home, files: list[Path]) -> None:
        self._home = home
        self._edits = 0
        self._wanted = 0
        self.files = files

    def edit(self) -> None:
        """Write every file anew; what it means stays as it is."""
        self._wanted = evaluated(self._home) + len(self.files)
        self._edits += 1
        for path in self.files:
            write(path, edits=self._edits)

    def settle(self) -> None:
        """Wait until every one that was edited has been evaluated. Raises `RuntimeError` where that takes too long."""
        end = time.monotonic() + _PATIENCE
        while evaluated(self._home) < self._wanted:
            if time.monotonic() > end:
                raise RuntimeError("what was edited is not evaluated")
            time.sleep(_LOOK)


def projects(home: Home, name: str, count: int) -> Projects:
    """Make so many projects in a directory `name`, all of one cluster."""
    files = [home.project.parent / name / str(number) / "atlas.hcl" for number in range(count)]
    for path in files:
        path.parent.mkdir(parents=True)
        write(path)
    return Projects(home, files)


def write(path: Path, *, cluster: int = 0, edits: int = 0) -> None:
    """Write a project's file as an editor does: all at once."""
    draft = path.with_name("atlas.hcl~")
    draft.write_text(_PROJECT.format(cluster=cluster, env=ENV, edits=edits))
    draft.replace(path)


def evaluated(home: Home) -> int:
    """Return how many evaluations have succeeded since the daemon's start."""
    text = str(lookup.answered(home.socket, lookup.question("daemon.metrics"))["text"])
    metrics = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return int(metrics['dsqltok_jobs_total{kind="project",result="ok"}'])
