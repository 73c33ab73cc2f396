"""A project file, evaluated for one env by Atlas's rules, in Atlas's order.

Envs that are not selected are dropped first: they need only parse. Then come all variables, all locals and the data
sources they name, and at last the blocks that are left and the data sources those name. See `graph` for what is lazy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsqltokd.hcl import LimitError, Scope, object_of, string

from .blocks import ROOTS, EvaluatedBlock, Evaluator, block_references, env_name, selected_envs, takes_any_name
from .dsql_token import ARGUMENTS as TOKEN_ARGUMENTS
from .dsql_token import KIND
from .errors import Problems, ProjectError, Unavailable
from .external import ARGUMENTS as EXTERNAL_ARGUMENTS
from .external import KIND as EXTERNAL
from .graph import DEFINED_BY, Graph
from .variables import ARGUMENTS as VARIABLE_ARGUMENTS
from .variables import TYPES, resolve_variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dsqltokd.hcl import Body, Value

    from .functions import Functions
    from .graph import DataSource, Result

_ARGUMENTS = (*VARIABLE_ARGUMENTS, *TOKEN_ARGUMENTS, *EXTERNAL_ARGUMENTS)
WORDS = frozenset({*_ARGUMENTS, *TYPES, *ROOTS, *DEFINED_BY.values(), KIND, EXTERNAL})
"""Names of the language's that a message may mention though they stand in no project file."""

_SETTLED_EARLIER = frozenset({"data", "docker", "env", "locals", "variable"})


@dataclass(frozen=True)
class World:
    """What evaluation may look at besides the file: functions, and the data sources that run here, by type.

    All `docker` blocks, which are data sources too, are of the type `docker`.
    """

    functions: Functions
    sources: Mapping[str, DataSource]


@dataclass(frozen=True)
class Project:
    """What a project file says. `envs` are those that are called as was asked, one for each element of a `for_each`.

    `sources` are the data sources that were evaluated, as `data.TYPE.NAME`.
    """

    variables: Mapping[str, Value]
    locals: Mapping[str, Result]
    attributes: Mapping[str, Result]
    blocks: tuple[EvaluatedBlock, ...]
    envs: tuple[EvaluatedBlock, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Names:
    """What can be asked of a project: envs by label, whether an env takes any name, and the names of its tokens."""

    envs: tuple[str, ...]
    any_env: bool
    tokens: tuple[str, ...]


def names(body: Body) -> Names:
    """Return what can be asked of the project, in the order of the file, each once; nothing is evaluated for it."""
    envs = [block for block in body.blocks if block.type == "env"]
    sources = [block.labels for block in body.blocks if block.type == "data"]
    return Names(
        envs=tuple(dict.fromkeys(block.labels[0] for block in envs if len(block.labels) == 1)),
        any_env=any(map(takes_any_name, envs)),
        tokens=tuple(dict.fromkeys(labels[1] for labels in sources if len(labels) > 1 and labels[0] == KIND)),
    )


def evaluate_project(
    body: Body, *, env: str, inputs: Mapping[str, Value], world: World, token: str | None = None
) -> Project:
    """Evaluate a project for the env called `env` ("" for none), with these `--var` values.

    The data source of the token called `token`, which has to exist, is run even where nothing refers to it. `HclError`
    for anything Atlas would refuse in the part of the file that counts, all of it that is independent at once, and for
    a data source that was asked for and was not run.
    """
    try:
        return _evaluated(body, env, inputs, world, token)
    except LimitError as error:
        raise ProjectError(error.summary, f"{error}.", body.span) from None


def _evaluated(body: Body, env: str, inputs: Mapping[str, Value], world: World, token: str | None) -> Project:
    atlas = object_of({"env": string(env)})
    scope = Scope({"atlas": atlas}, world.functions, None)
    variables = resolve_variables((block for block in body.blocks if block.type == "variable"), inputs, scope)
    graph = Graph(body.blocks, Scope({"var": object_of(variables)}, {}, scope), world.sources)
    problems = Problems()
    local_values = graph.evaluate_locals(problems)
    counting = [block for block in body.blocks if block.type not in _SETTLED_EARLIER]
    selected = selected_envs(body.blocks, env)
    evaluator = Evaluator(graph, block_references([*counting, *selected]), problems)
    attributes = evaluator.attributes(body)
    blocks = [item for block in counting for item in evaluator.instances(block)]
    envs = [item for block in selected for item in evaluator.instances(block)]
    problems.raise_any()
    if token is not None and isinstance(result := graph.run("data", KIND, token), Unavailable):
        raise result.reason
    named = tuple(item for item in envs if env_name(item) == env)
    _check_types(named)
    return Project(variables, local_values, attributes, tuple(blocks), named, tuple(graph.sources()))


def _check_types(envs: Iterable[EvaluatedBlock]) -> None:
    problems = Problems()
    for env in envs:
        for attribute in ("url", "dev"):
            with problems.noted():
                env.text(attribute)
    problems.raise_any()
