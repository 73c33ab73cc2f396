"""Blocks outside of locals and data: which envs are meant, and what blocks say.

Atlas evaluates every block that stands in the file but the envs that are not selected, so a mistake in any of them is
an error. One thing is let pass here: a bare name that nothing defines, in a block about other matters than the
connection (`review = ERROR`), is a keyword of Atlas's. Its paid build, the one with DSQL tokens, has more of them than
are published, and none concerns a token. Nor does a `dynamic` block, which only that build expands.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsqltokd.hcl import (
    STRING,
    AttributeStep,
    HclError,
    Kind,
    Scope,
    Value,
    evaluate_expression,
    object_of,
    references,
    string,
)
from dsqltokd.hcl.syntax import Variable

from .errors import ProjectError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dsqltokd.hcl import Attribute, Block, Body, Expression

    from .errors import Problems
    from .graph import Graph, Result

ROOTS = frozenset({"atlas", "data", "each", "local", "var"})
"""Names that mean the same in every project; a block of such a type cannot be referred to."""

_FOR_EACH = "for_each"
_DYNAMIC = "dynamic"
_NOTHING = Scope({}, {}, None)
_NESTED = 2
"""How deep Atlas looks into a block for what others may refer to, such as `table.t.column.c`."""


@dataclass(frozen=True)
class EvaluatedBlock:
    """A block with the values of its attributes; those that are null are left out, as Atlas leaves them out."""

    source: Block
    attributes: Mapping[str, Result]
    blocks: tuple[EvaluatedBlock, ...]

    def text(self, name: str) -> str | Unavailable:
        """Return an attribute that has to be a string, "" where there is none; `ProjectError` if it is no string."""
        value = self.attributes.get(name)
        if value is None:
            return ""
        if isinstance(value, Unavailable):
            return value
        if value.type != STRING:
            raise ProjectError(
                "Unsuitable value type",
                f'The attribute "{name}" must be a string, and this is of type {value.type}.',
                self.source.body.attributes[name].expression.span,
                hint='a lone "${x}" keeps the type of x: write tostring(x)',
            )
        return value.text


@dataclass(frozen=True)
class Evaluator:
    """Evaluates blocks.

    `known` are the variables that are neither locals nor data; `problems` is where mistakes are noted; `keywords` says
    whether a bare name that nothing defines stands for itself.
    """

    graph: Graph
    known: Mapping[str, Value]
    problems: Problems
    keywords: bool = False

    def attributes(self, body: Body) -> dict[str, Result]:
        """Return the values of a body's own attributes, without those that are null or mistaken."""
        values: dict[str, Result] = {}
        for name, attribute in body.attributes.items():
            if name != _FOR_EACH:
                with self.problems.noted():
                    values[name] = self._value(attribute.expression)
        return {name: value for name, value in values.items() if isinstance(value, Unavailable) or not value.is_null}

    def _value(self, expression: Expression) -> Result:
        if self.keywords and isinstance(expression, Variable) and not expression.traversal.steps:
            root = expression.traversal.root
            if root not in self.known and root not in ROOTS:
                return string(root)
        return self.graph.evaluate(expression, self.known)

    def block(self, block: Block) -> EvaluatedBlock:
        """Evaluate a block and the blocks inside it; a `dynamic` block is kept as it stands."""
        if block.type == _DYNAMIC:
            return EvaluatedBlock(block, {}, ())
        inner = Evaluator(self.graph, self.known, self.problems, keywords=True)
        outer = self if block.type == "env" else inner
        return EvaluatedBlock(block, outer.attributes(block.body), tuple(map(inner.block, block.body.blocks)))

    def instances(self, block: Block) -> Iterator[EvaluatedBlock]:
        """Evaluate a top-level block: once for each element of its `for_each`, where it has one."""
        for_each = block.body.attributes.get(_FOR_EACH)
        if for_each is None or block.type == _DYNAMIC:
            yield self.block(block)
            return
        elements: Iterable[tuple[Value, Value]] = ()
        with self.problems.noted():
            elements = self._elements(for_each)
        for key, value in elements:
            each = object_of({"key": key, "value": value})
            yield Evaluator(self.graph, {**self.known, "each": each}, self.problems, self.keywords).block(block)

    def _elements(self, for_each: Attribute) -> Iterable[tuple[Value, Value]]:
        found = self.graph.evaluate(for_each.expression, self.known)
        if isinstance(found, Unavailable):
            raise found.reason
        if found.is_null or found.type.kind not in (Kind.SET, Kind.TUPLE, Kind.OBJECT):
            what = "null" if found.is_null else f"{found.type} type"
            raise ProjectError(
                f"for_each does not support {what}",
                "It takes a set, a tuple or an object.",
                for_each.expression.span,
                hint="convert a list with toset()",
            )
        return found.elements()


def selected_envs(blocks: Iterable[Block], name: str) -> list[Block]:
    """Return the envs that may be called `name`: those with that one label, else those whose name says `atlas.env`."""
    envs = [block for block in blocks if block.type == "env"] if name else []
    labelled = [block for block in envs if block.labels == (name,)]
    return labelled or [block for block in envs if takes_any_name(block)]


def takes_any_name(env: Block) -> bool:
    """Whether an env has no label and its `name` itself mentions `atlas.env`; through a local does not count."""
    name = None if env.labels else env.body.attributes.get("name")
    return name is not None and any(
        traversal.root == "atlas" and isinstance(step, AttributeStep) and step.name == "env"
        for traversal in references(name.expression)
        for step in traversal.steps[:1]
    )


def env_name(env: EvaluatedBlock) -> str:
    """Return what an env that was selected turns out to be called; `ProjectError` where it has no name."""
    if env.source.labels:
        return env.source.labels[0]
    name = env.text("name")
    if isinstance(name, Unavailable):
        raise name.reason
    if not name:
        subject = env.source.body.attributes["name"].expression.span
        raise ProjectError("all envs must have names", "The name of this env is null or empty.", subject)
    return name


def block_references(blocks: Iterable[Block]) -> dict[str, Value]:
    """Return what blocks may refer to one another by: `TYPE.LABEL.ATTRIBUTE`, for attributes that are constants."""
    tree = _references([block for block in blocks if _FOR_EACH not in block.body.attributes], _NESTED)
    return {kind: value for kind, value in tree.items() if kind not in ROOTS}


def _references(blocks: Iterable[Block], depth: int) -> dict[str, Value]:
    kinds: dict[str, dict[str, dict[str, Value]]] = {}
    unlabelled: Counter[str] = Counter()
    for block in blocks:
        named = kinds.setdefault(block.type, {})
        name = block.labels[1] if len(block.labels) > 1 else "".join(block.labels)
        if not name:
            name = str(unlabelled[block.type])
            unlabelled[block.type] += 1
        inner = _references(block.body.blocks, depth - 1) if depth else {}
        fields = {"name": string(name), **_constants(block.body), **inner}
        if len(block.labels) > 1:
            named.setdefault(block.labels[0], {})[name] = object_of(fields)
        else:
            named[name] = fields
    return {kind: object_of({name: object_of(each) for name, each in named.items()}) for kind, named in kinds.items()}


def _constants(body: Body) -> dict[str, Value]:
    constants: dict[str, Value] = {}
    for name, attribute in body.attributes.items():
        with suppress(HclError):
            constants[name] = evaluate_expression(attribute.expression, _NOTHING)
    return constants
