"""A project to evaluate: its text, and a world in which tokens are `TOKEN(name)`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

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
from dsqltokd.hcl import HclError, parse

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass
class Evaluation:
    """What came of a project: the parts of `project`, and the token requests by name."""

    project: Project
    requests: dict[str, TokenRequest]

    @property
    def env(self) -> EvaluatedBlock:
        (env,) = self.project.envs
        return env

    @property
    def url(self) -> str:
        url = self.env.text("url")
        assert isinstance(url, str)
        return url


@dataclass
class Evaluate:
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def __call__(self, text: str, env: str = "", inputs: Iterable[str] = (), token: str | None = None) -> Evaluation:
        requests: dict[str, TokenRequest] = {}

        def give(request: TokenRequest) -> str:
            assert request.name not in requests, "a data source ran twice"
            requests[request.name] = request
            return f"TOKEN({request.name})"

        world = World(project_functions(self._getenv, self._read), {KIND: token_source(give)})
        body = parse(text.encode(), "atlas.hcl")
        project = evaluate_project(body, env=env, inputs=parse_inputs(inputs), world=world, token=token)
        return Evaluation(project, requests)

    def error(self, text: str, env: str = "", inputs: Iterable[str] = (), token: str | None = None) -> str:
        """Return what is wrong first of all, as `LINE:COLUMN: summary; detail`."""
        with pytest.raises(HclError) as caught:
            self(text, env, inputs, token)
        first = caught.value.diagnostics[0]
        return f"{first.subject.start.line}:{first.subject.start.column}: {first.summary}; {first.detail}"

    def _getenv(self, name: str) -> str:
        return self.environment.get(name, "")

    def _read(self, name: str) -> str:
        if name not in self.files:
            raise FileNotFoundError(2, "No such file or directory")
        return self.files[name]


@pytest.fixture
def evaluate() -> Evaluate:
    return Evaluate()
