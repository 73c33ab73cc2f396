"""What the evaluation of a project costs: against python-hcl2, which only parses it, and as an import.

A project worker lingers, so that what is measured is warm: both sides have seen the file before, and their modules are
loaded. The import is what a worker's first job waits for.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from bench import figures, growth, runs
from bench.figures import Goal, Row

if TYPE_CHECKING:
    from bench.place import Home, Installation

_SCRIPT = str(Path(__file__).with_name("hcl_pairs.py"))
_GROWTH_SCRIPT = str(Path(__file__).with_name("hcl_growth.py"))
_LINES = 5000
_ENVS = (1, 10, 100, 300)
_SHARED = """\
variable "cluster" {
  type        = string
  description = "the cluster's identifier"
  default     = "abcdefghijklmnopqrstuvwxyz"
}

variable "regions" {
  type    = list(string)
  default = ["us-east-1", "eu-west-1"]
}

variable "schema" {
  type    = string
  default = "public"
}

locals {
  # the one that is written to
  region   = var.regions[0]
  endpoint = "${var.cluster}.dsql.${local.region}.on.aws"
  tags     = { for place in var.regions : place => upper(replace(place, "-", "_")) }
  options = join("&", [
    for name, value in { sslmode = "verify-full", application_name = "atlas" } : "${name}=${value}"
  ])
}
"""
_ENV = """\

data "aws_dsql_token" "NAME" {
  endpoint = local.endpoint
  region   = local.region
  admin    = true
}

env "NAME" {
  url = "postgres://admin:${urlescape(data.aws_dsql_token.NAME)}@${local.endpoint}:5432/postgres?${local.options}"
  dev = "docker://postgres/16/dev?search_path=${var.schema}"
  schemas = [var.schema]
  schema {
    src = "file://schema.hcl"
  }
  migration {
    dir              = "file://migrations/NAME"
    exclude          = ["temporary_*", length(var.regions) > 1 ? "replica_*" : "none"]
    revisions_schema = "${var.schema}_revisions"
  }
  format {
    migrate {
      diff = "{{ sql . \\"  \\" }}"
    }
  }
  lint {
    destructive {
      error = true # no table goes by accident
    }
    log = <<-EOT
      {{- range .Files }}
        {{- json . }} in ${local.region}
      {{- end }}
    EOT
  }
}
"""
_SIZES = (("60", 1, 100), ("5,000", (_LINES - _SHARED.count("\n")) // _ENV.count("\n"), 10))
_GOALS = {"60": Goal(1 / 2, "≤ 1/2"), "5,000": Goal(1 / 4, "≤ 1/4")}
_IMPORT = "import time; begin = time.perf_counter(); import dsqltokd.hcl; print(1000 * (time.perf_counter() - begin))"
_STARTS = 30


def measure(installation: Installation, home: Home, both: str) -> list[Row]:
    """Measure with `both`, the Python of a venv that has python-hcl2 too; the import in the installation."""
    rows = []
    for lines, envs, count in _SIZES:
        path = _project(home, envs)
        argv = [both, "-I", _SCRIPT, str(path), "env0", str(count)]
        shown = subprocess.run(argv, env=home.environment, check=True, stdout=subprocess.PIPE)
        rows.append(_row(lines, json.loads(shown.stdout)))
    return [*rows, _import(installation, home), _growth(home, both)]


def _project(home: Home, envs: int) -> Path:
    path = home.project.parent / f"{envs}-envs.hcl"
    path.write_text(_SHARED + "".join(_ENV.replace("NAME", f"env{number}") for number in range(envs)))
    return path


def _growth(home: Home, both: str) -> Row:
    files = {envs * _ENV.count("\n") + _SHARED.count("\n"): str(_project(home, envs)) for envs in _ENVS}
    argv = [both, "-P", _GROWTH_SCRIPT, "env0", *files.values()]
    environment = {**home.environment, "PYTHONPATH": str(Path(_SCRIPT).parents[1])}
    shown = subprocess.run(argv, env=environment, check=True, stdout=subprocess.PIPE)
    costs = {size: 1000 * seconds for size, seconds in zip(files, json.loads(shown.stdout), strict=True)}
    return growth.row("lines of a project: parse and evaluate", costs, "ms")


def _row(lines: str, pairs: list[tuple[float, float]]) -> Row:
    ours, theirs = (figures.spread([1000 * pair[side] for pair in pairs]).median for side in (0, 1))
    detail = f"{ours:.3g} ms, {theirs:.3g} ms; {len(pairs)} pairs"
    what = f"parse and evaluate {lines} lines, warm"
    return Row(what, "python-hcl2's parse", figures.ratios(pairs), _GOALS[lines], detail)


def _import(installation: Installation, home: Home) -> Row:
    ours, nothing = ([installation.python, "-I", "-c", program] for program in (_IMPORT, "pass"))
    pairs = runs.pairs(ours, nothing, home.environment, _STARTS)
    told = [subprocess.run(ours, env=home.environment, check=True, stdout=subprocess.PIPE) for _ in range(_STARTS)]
    programs = figures.ratios([(first.wall, second.wall) for first, second in pairs])
    detail = f"a program that does it is {programs} of python -c pass; {_STARTS} starts"
    milliseconds = figures.spread([float(each.stdout) for each in told])
    return Row("import dsqltokd.hcl, in ms", "-", milliseconds, Goal(25, "≤ 25"), detail)
