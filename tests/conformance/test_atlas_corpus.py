"""Real project files, and those of Atlas's own tests, against what Atlas's evaluator made of them.

The tables stand beside the checkout and are read from there. There is no list of exceptions.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dsqltok.errors import UsageError
from dsqltokd.atlas import (
    KIND,
    EvaluatedBlock,
    Project,
    TokenRequest,
    World,
    evaluate_project,
    parse_inputs,
    project_functions,
    token_source,
)
from dsqltokd.hcl import HclError, Value, from_python, object_of, parse, string, to_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dsqltokd.atlas.graph import DataSource, Result
    from dsqltokd.hcl import Block, Body, Expression

TABLES = Path(__file__).parents[3] / "shared" / "conformance"
SOURCE = "atlas.hcl"


def rows(name: str) -> list[dict[str, Any]]:
    table = TABLES / name
    return [json.loads(line) for line in table.read_text().splitlines()] if table.exists() else []


CORPUS = [
    pytest.param(row, case, id=f"{row['name']}-{number}")
    for row in rows("atlas-corpus.jsonl")
    for number, case in enumerate(row["cases"])
]

pytestmark = pytest.mark.skipif(not TABLES.exists(), reason="the conformance tables are not beside this checkout")


@dataclass
class Outside:
    """The world as the tables' harness had it: companions of the file, an environment, a stub for each data source."""

    environment: Mapping[str, str]
    files: Mapping[str, str]
    stub: Callable[[Block, dict[str, Value]], Value]
    ran: set[str] = field(default_factory=set)

    def world(self, body: Body) -> World:
        kinds = {block.labels[0] for block in body.blocks if block.type == "data"} | {"docker"}
        sources: dict[str, DataSource] = dict.fromkeys(kinds, self._stub_source)
        sources[KIND] = token_source(_stub_token)
        return World(project_functions(self._getenv, self._read), {k: self._noting(s) for k, s in sources.items()})

    def _getenv(self, name: str) -> str:
        return self.environment.get(name, "")

    def _read(self, name: str) -> str:
        if name not in self.files:
            raise FileNotFoundError(2, "no such file")
        return self.files[name]

    def _stub_source(self, block: Block, evaluate: Callable[[Expression], Value]) -> Value:
        return self.stub(block, {name: evaluate(item.expression) for name, item in block.body.attributes.items()})

    def _noting(self, source: DataSource) -> DataSource:
        def run(block: Block, evaluate: Callable[[Expression], Value]) -> Result:
            if block.type == "data":
                self.ran.add(".".join(("data", *block.labels)))
            return source(block, evaluate)

        return run


def _stub_token(request: TokenRequest) -> str:
    return f"{request.host}/?Action={request.action}&X-Amz-Stub=1"


def _plain(value: Result) -> Any:
    assert isinstance(value, Value)
    return json.loads(json.dumps(to_python(value), default=lambda number: float(Decimal(number))))


def _alike(ours: Any, theirs: Any) -> bool:
    """Compare JSON; the table's numbers are whole or floats, ours floats."""
    return bool(json.loads(json.dumps(theirs), parse_int=float) == json.loads(json.dumps(ours), parse_int=float))


# --- the corpus ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("row", "case"), CORPUS)
def test_a_real_project_evaluates_as_atlas_evaluates_it(row: dict[str, Any], case: dict[str, Any]) -> None:
    env, inputs = _arguments(case["args"])
    outside = Outside(case["env"], row["files"], lambda block, given: _corpus_stub(block, given, case["env"]))
    expected = case["result"]
    try:
        body = parse(row["hcl"].encode(), SOURCE)
        project = evaluate_project(body, env=env, inputs=parse_inputs(inputs), world=outside.world(body))
    except (HclError, UsageError) as error:
        if not _expected_here(error, expected):
            raise
        return
    if "error" in expected:
        assert expected["error"] == f'env "{env}" not defined in config file'
        assert not project.envs
    _check_project(project, expected)
    assert outside.ran == {run.partition("{")[0] for run in expected["data_runs"] or ()}


def _arguments(text: str) -> tuple[str, list[str]]:
    words = text.split()
    pairs = list(zip(words[::2], words[1::2], strict=True))
    envs = [value for flag, value in pairs if flag == "-env"]
    return envs[0] if envs else "", [value for flag, value in pairs if flag == "-var"]


def _corpus_stub(block: Block, given: dict[str, Value], environment: Mapping[str, str]) -> Value:
    kind, name = block.labels
    if block.type == "docker":
        return object_of({"url": string(f"docker://block/{kind}/{name}")})
    match kind:
        case "aws_rds_token":
            endpoint, username = given["endpoint"].text, given["username"].text
            return string(f"{endpoint}?Action=connect&DBUser={username}&X-Amz-Stub=1")
        case "gcp_cloudsql_token":
            return string("GCPTOKEN")
        case "runtimevar" | "external":
            return string(environment.get(f"HARNESS_{kind.upper()}", ""))
        case "sql":
            return from_python({"count": 2, "value": "t1", "values": ["t1", "t2"]})
    return object_of({"url": string(f"stub://{kind}/{name}")})


def _expected_here(error: HclError | UsageError, expected: dict[str, Any]) -> bool:
    """Whether an error is the one that the table has, or one where a daemon means to say more than Atlas."""
    said = str(error)
    if any('endpoint=""' in run for run in expected["data_runs"] or ()):
        return "the endpoint is empty" in said
    wanted = expected.get("error", "")
    if positioned := re.search(r"atlas\.hcl:(\d+),(\d+)-[\d,-]+: ([^;]+);", wanted):
        line, column, summary = int(positioned[1]), int(positioned[2]), positioned[3]
        return isinstance(error, HclError) and (line, column, summary) in _places(error)
    if attribute := re.search(r'value of attr ("\w+") cannot be read as string', wanted):
        return f"{attribute[1]} must be a string" in said
    return bool(wanted) and wanted in said


def _check_project(project: Project, expected: dict[str, Any]) -> None:
    assert _alike({name: _plain(value) for name, value in project.variables.items()}, expected["var"])
    assert _alike({name: _plain(value) for name, value in project.locals.items()}, expected.get("local", {}))
    # The table's harness did not know that `username` decides about admin.
    as_admin = any('username="admin"' in run for run in expected["data_runs"] or ())
    envs = expected.get("envs") or []
    assert len(project.envs) == len(envs)
    for ours, theirs in zip(project.envs, envs, strict=True):
        url = theirs["url"].replace("DbConnect%26", "DbConnectAdmin%26") if as_admin else theirs["url"]
        assert ours.text("url") == url
        for name, value in {"dev": theirs["dev"], **theirs.get("extra_attrs", {})}.items():
            assert _alike(_plain(ours.attributes.get(name, string(""))), value)


# --- Atlas's tests -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", rows("atlas-projects.jsonl"), ids=lambda row: row["id"])
def test_a_project_of_atlas_own_tests_evaluates_as_there(row: dict[str, Any]) -> None:
    assert not row["data"], "the table has no stubbed values but the attributes of the blocks"
    outside = Outside(row["os_env"], {}, lambda _, given: object_of(given))
    try:
        body = parse(row["src"].encode(), SOURCE)
        inputs = {name: from_python(value) for name, value in row["vars"].items()}
        project = evaluate_project(body, env=row["env"], inputs=inputs, world=outside.world(body))
    except HclError as error:
        if not _same_error(error, row):
            raise
        return
    assert row["ok"], row["error"]
    ours = {"attrs": _attributes(project.attributes), "children": _blocks([*project.blocks, *project.envs])}
    theirs = {"attrs": row["expected"]["attrs"], "children": _sorted(map(_without_types, row["expected"]["children"]))}
    assert _alike(ours, theirs)
    assert outside.ran == {f"data.{run['type']}.{run['name']}" for run in row["data_evaluated"]}


def _same_error(error: HclError, row: dict[str, Any]) -> bool:
    if row["ok"]:
        return False
    if not row["diags"]:
        return str(row["error"]).partition(". ")[0] in str(error)
    first = row["diags"][0]
    return (*first["subject"][:2], first["summary"]) in _places(error)


def _places(error: HclError) -> list[tuple[int, int, str]]:
    return [(each.subject.start.line, each.subject.start.column, each.summary) for each in error.diagnostics]


def _attributes(attributes: Mapping[str, Result]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in attributes.items()}


def _blocks(blocks: Iterable[EvaluatedBlock]) -> list[Any]:
    return _sorted(
        {
            "type": block.source.type,
            "name": block.source.labels[-1] if block.source.labels else "",
            "attrs": _attributes(block.attributes),
            "children": _blocks(block.blocks),
        }
        for block in blocks
    )


def _without_types(block: dict[str, Any]) -> dict[str, Any]:
    kept = {key: block[key] for key in ("type", "name", "attrs")}
    return kept | {"children": _sorted(map(_without_types, block["children"]))}


def _sorted(blocks: Iterable[Any]) -> list[Any]:
    return sorted(blocks, key=lambda block: json.dumps(block, sort_keys=True))
