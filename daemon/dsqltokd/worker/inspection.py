"""What Atlas would see in a project, for a person to look at; and the programs that it would run.

Everything counts as asked for here. A program that was not allowed, and a data source that does not run here, leave
`<not run: data.TYPE.NAME>` in place of what depends on them. A token shows as `<token:NAME>` unless it was given.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dsqltokd.atlas import EXTERNAL, NotRunError, OutputNeededError, Unavailable
from dsqltokd.hcl import to_python

from .allowance import how_to_allow
from .answers import check_url, target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dsqltokd.atlas import EvaluatedBlock, Program
    from dsqltokd.atlas.graph import Result

    from .allowance import Allowance
    from .question import Evaluation, Question

_OF_ITS_OWN = ("name", "url", "dev")


def inspect(question: Question, allowance: Allowance) -> dict[str, object]:
    """Return `envs`, `local`, `var` and `sources` as `dsqltok inspect --json` prints them.

    Also `targets`, those of all tokens, and `not_run`: why what something depends on was not run. With tokens given,
    a url has to lead where its token is good. Raises `OutputNeededError` for a program that is to be run first.
    """
    env = question.only_env()
    evaluation = question.evaluate(env, question.tokens)
    missing = {result.source: result.reason for result in _missing(evaluation)}
    for reason in missing.values():
        if isinstance(reason, OutputNeededError) and allowance.holds(reason.program):
            raise reason
    if question.tokens:
        for place, block in enumerate(evaluation.envs):
            if not isinstance(block.text("url"), Unavailable):
                check_url(question, env, place, evaluation)
    shown = _shown(evaluation.placeholders)
    return {
        "envs": [_env(env, block, shown) for block in evaluation.envs],
        "local": {name: shown(result) for name, result in evaluation.project.locals.items()},
        "var": {name: shown(value) for name, value in evaluation.project.variables.items()},
        "sources": list(evaluation.project.sources),
        "targets": {name: target(request) for name, request in evaluation.requests.items()},
        "not_run": {source: _why(reason, question) for source, reason in missing.items()},
    }


def programs(question: Question, allowance: Allowance) -> dict[str, object]:
    """Return `programs`: what the project may run for the env that was named, or for any that it names.

    Raises `OutputNeededError` for one that is allowed, where what others are may depend on its output.
    """
    found: dict[str, dict[str, object]] = {}
    waiting: list[NotRunError] = []
    for env in [question.env] if question.env is not None else [None, *question.names.envs]:
        asked: dict[str, Program] = {}
        try:
            waiting += (result.reason for result in _missing(question.evaluate(env, {}, asked)))
        except NotRunError as error:
            waiting.append(error)
        described = [allowance.described(name, program) for name, program in asked.items()]
        found |= {str(each["digest"]): each for each in described}
    unseen = _externals(question) - {str(each["name"]) for each in found.values()}
    for reason in waiting if unseen else ():
        if isinstance(reason, OutputNeededError) and allowance.holds(reason.program):
            raise reason
    return {"programs": list(found.values())}


def _externals(question: Question) -> set[str]:
    blocks = (block for block in question.body.blocks if block.type == "data" and block.labels[:1] == (EXTERNAL,))
    return {".".join((block.type, *block.labels)) for block in blocks}


def _why(reason: NotRunError, question: Question) -> str:
    return how_to_allow(question) if isinstance(reason, OutputNeededError) else "dsqltok does not run this kind"


def _missing(evaluation: Evaluation) -> Iterable[Unavailable]:
    """Return the locals and attributes of envs that depend on what was not run."""
    results = [*evaluation.project.locals.values()]
    for env in evaluation.envs:
        results += env.attributes.values()
    return (result for result in results if isinstance(result, Unavailable))


def _env(name: str | None, env: EvaluatedBlock, shown: Callable[[Result], Any]) -> dict[str, Any]:
    values = {attribute: shown(result) for attribute, result in env.attributes.items()}
    return {
        "name": name,
        "url": values.get("url", ""),
        "dev": values.get("dev", ""),
        "attributes": {attribute: value for attribute, value in values.items() if attribute not in _OF_ITS_OWN},
    }


def _shown(placeholders: Mapping[str, str]) -> Callable[[Result], Any]:
    def shown(result: Result) -> Any:
        return f"<not run: {result.source}>" if isinstance(result, Unavailable) else plain(to_python(result))

    def plain(value: Any) -> Any:
        if isinstance(value, str):
            for name, placeholder in placeholders.items():
                value = value.replace(placeholder, f"<token:{name}>")
        if isinstance(value, list):
            return [plain(item) for item in value]
        if isinstance(value, dict):
            return {plain(name): plain(item) for name, item in value.items()}
        return float(value) if isinstance(value, Decimal) else value

    return shown
