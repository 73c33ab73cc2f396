"""What the language loads before there is a project: a worker's first job waits for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dsqltokd.hcl

NOT_AT_ONCE = {
    # the standard library's, each some milliseconds with what it imports itself
    *("ast", "base64", "csv", "dataclasses", "datetime", "fractions", "inspect", "ipaddress", "json", "tokenize"),
    *("dsqltokd.hcl.arithmetic", "dsqltokd.hcl.float_format", "dsqltokd.hcl.regex", "dsqltokd.hcl.regex_classes"),
    *("dsqltokd.hcl.yaml_merge", "dsqltokd.hcl.yaml_tree", "dsqltokd.hcl.yaml_values", "yaml"),
}


def loaded_by(program: str) -> set[str]:
    """Return the modules that a program leaves loaded in an interpreter of its own."""
    daemon = str(Path(dsqltokd.hcl.__file__).parents[2])
    whole = f"import sys; sys.path.insert(0, {daemon!r}); {program}; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-I", "-S", "-c", whole], capture_output=True, text=True, check=True)
    return set(shown.stdout.split())


def test_the_import_loads_nothing_that_only_some_projects_need() -> None:
    loaded = loaded_by("import dsqltokd.hcl")
    assert "dsqltokd.hcl" in loaded
    assert not loaded & NOT_AT_ONCE


def test_neither_does_what_every_project_does() -> None:
    source = b'a = [for x in ["b", 1, true]: upper("${x}")]\nc = join(",", try(d, ["e"]))\n'
    program = (
        f"from dsqltokd.hcl import *; body = parse({source!r}, 'atlas.hcl'); "
        "[evaluate_expression(each.expression, Scope({}, FUNCTIONS)) for each in body.attributes.values()]"
    )
    assert not loaded_by(program) & NOT_AT_ONCE
