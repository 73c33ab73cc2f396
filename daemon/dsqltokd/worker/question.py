"""A question about a project that has been read, and the evaluation that answers it.

Where a token is not given, a placeholder that cannot be guessed stands for it, so that it can be found again in what
the project makes of it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dsqltok.errors import NotFoundError
from dsqltokd.atlas import (
    EXTERNAL,
    KIND,
    EvaluatedBlock,
    Names,
    Program,
    Project,
    TokenRequest,
    World,
    evaluate_project,
    external_source,
    misspelt,
    token_source,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dsqltokd.atlas import Functions
    from dsqltokd.hcl import Body, Value


@dataclass(frozen=True)
class Evaluation:
    """One evaluation: the tokens and programs that were asked for by name, placeholders for the tokens not given."""

    project: Project
    requests: Mapping[str, TokenRequest]
    placeholders: Mapping[str, str]
    programs: Mapping[str, Program]

    @property
    def envs(self) -> tuple[EvaluatedBlock, ...]:
        """The envs that are called as was asked."""
        return self.project.envs


@dataclass(frozen=True)
class Question:
    """What is asked of a project, and with what.

    `path`, `body` and `names` are the project's, `env` and `data` as they were named, or None. `tokens` are by data
    source, `allow_hosts` may stand in a url in place of a token's endpoint.
    """

    path: str
    body: Body
    names: Names
    env: str | None
    data: str | None
    inputs: Mapping[str, Value] = field(repr=False)
    functions: Functions = field(repr=False)
    outputs: Mapping[Program, str] = field(repr=False)
    tokens: Mapping[str, str] = field(repr=False)
    allow_hosts: Sequence[str]

    def only_env(self) -> str | None:
        """Return the env that was named, or else the only one there is, None where there are several or none."""
        known = self.names.envs
        return known[0] if self.env is None and len(known) == 1 and not self.names.any_env else self.env

    def evaluate(
        self, env: str | None, tokens: Mapping[str, str], programs: dict[str, Program] | None = None
    ) -> Evaluation:
        """Evaluate the project for `env`, with these tokens. Raises HclError, and NotFoundError for no such env.

        `programs` takes those that were asked for, by name, even where the evaluation comes to no end.
        """
        requests: dict[str, TokenRequest] = {}
        placeholders: dict[str, str] = {}
        programs = {} if programs is None else programs

        def token(request: TokenRequest) -> str:
            requests[request.name] = request
            if request.name in tokens:
                return tokens[request.name]
            return placeholders.setdefault(request.name, "placeholder" + secrets.token_hex(16))

        world = World(
            self.functions,
            {KIND: token_source(token), EXTERNAL: external_source(self.outputs, programs.__setitem__)},
        )
        project = evaluate_project(self.body, env=env or "", inputs=self.inputs, world=world, token=self.data)
        if env is not None and not project.envs:
            raise self.unknown_env(f'env "{env}" is not defined in {self.path}', env)
        return Evaluation(project, requests, placeholders, programs)

    def unknown_env(self, message: str, asked: str | None = None) -> NotFoundError:
        """Return the error for an env that is not there, with those that are."""
        envs, tokens = self.names.envs, self.names.tokens
        known = [", ".join(envs)] if envs else []
        if self.names.any_env:
            known.append("one that takes any other name")
        hint = f"there is {' and '.join(known)}" if known else "add an env block"
        if not known and tokens:
            hint = f"get a token without an env: --data {'|'.join(tokens)}"
        slip = misspelt(self.body.blocks, ("env",), asked) if asked or not known else None
        if slip is not None:
            hint = f"did you mean {slip[0]} in line {slip[1]}?"
        return NotFoundError(message, hint=hint, data={"candidates": list(envs if known else tokens), "absent": "env"})

    def unknown_data(self) -> NotFoundError:
        """Return the error for a token that is not there, with those that are."""
        tokens = self.names.tokens
        hint = f"there is {', '.join(tokens)}" if tokens else f'add a data "{KIND}" block'
        return NotFoundError(
            f'there is no data "{KIND}" "{self.data}" in {self.path}',
            hint=hint,
            data={"candidates": list(tokens), "absent": "token"},
        )
