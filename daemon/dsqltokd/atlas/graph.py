"""The locals and data sources of a project, each evaluated at most once and only if something asks for it.

The rules, which are Atlas's unless said otherwise:
1. Before an expression is evaluated, everything it refers to is: both arms of a conditional and the inside of `try()`
   count, so a data source that fails there fails the whole.
2. In a local or a data block a reference has to name what it means (`local.a`, `data.T.N`): the order of evaluation
   follows from it. Atlas crashes on `local["a"]` there; here it is a positioned error.
3. References are followed with an explicit stack. A project may chain as many locals as it likes.
4. Where a data source does not run here, its value and all that is made of it is `Unavailable`, and the expression is
   not evaluated: HCL's unknown values are not needed for it.
5. What failed is not tried again, nor is what refers to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from dsqltokd.hcl import (
    Attribute,
    AttributeStep,
    Block,
    Diagnostic,
    HclError,
    Scope,
    Value,
    evaluate_expression,
    object_of,
    references,
)
from dsqltokd.hcl.suggest import did_you_mean

from .errors import NotRunError, ProjectError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dsqltokd.hcl import Body, Expression, Span, Traversal

    from .errors import Problems

    DataSource: TypeAlias = Callable[[Block, Callable[[Expression], Value]], "Result"]
    """Evaluates a data block with the given function and returns the block's value; raises HclError."""

Address: TypeAlias = tuple[str, ...]
Result: TypeAlias = Value | Unavailable

_DEPTH = {"local": 1, "data": 2, "docker": 2}
"""How many names follow these roots in a reference. A `docker` block is a data source of Atlas's paid build."""


class Graph:
    """The project's locals and data sources, and the evaluation of everything that refers to them."""

    def __init__(self, blocks: Iterable[Block], scope: Scope, sources: Mapping[str, DataSource]) -> None:
        self._scope = scope
        self._sources = sources
        self._nodes: dict[Address, Attribute | Block] = {}
        self._results: dict[Address, Result] = {}
        self._failed: dict[Address, HclError] = {}
        for block in blocks:
            self._add(block)

    def _add(self, block: Block) -> None:
        if block.type == "locals":
            # The last of two locals or data blocks of one name wins.
            self._nodes |= {("local", name): attribute for name, attribute in block.body.attributes.items()}
        elif block.type in _DEPTH:
            if len(block.labels) != _DEPTH[block.type]:
                raise ProjectError(
                    f"Invalid {block.type} block", f"A {block.type} block has two labels: type and name.", block.span
                )
            self._nodes[(block.type, *block.labels)] = block

    def evaluate_locals(self, problems: Problems) -> dict[str, Result]:
        """Evaluate every local, in the order of the file, and return those that have a value by name."""
        names = [address for address in self._nodes if address[0] == "local"]
        for address in names:
            with problems.noted():
                self._settle([address])
        return {address[1]: self._results[address] for address in names if address in self._results}

    def sources(self) -> list[str]:
        """Return the data sources that were evaluated, in the order of that, as `data.TYPE.NAME`."""
        known = ((address, result) for address, result in self._results.items() if address[0] != "local")
        return [".".join(address) for address, result in known if isinstance(result, Value)]

    def run(self, *address: str) -> Result:
        """Evaluate one local or data source that exists, and return its value."""
        self._settle([address])
        return self._results[address]

    def evaluate(self, expression: Expression, variables: Mapping[str, Value]) -> Result:
        """Evaluate an expression outside of locals and data sources, with these variables beside the project's own."""
        found = references(expression)
        self._settle(filter(None, map(_address, found)))
        return self._value(expression, found, variables)

    def _settle(self, wanted: Iterable[Address]) -> None:
        """Evaluate what is wanted and not evaluated yet, after everything it refers to."""
        for first in wanted:
            if first in self._failed:
                raise self._failed[first]
            if first not in self._results and first in self._nodes:
                path = {first: self._needs(first)}
                try:
                    self._walk(path)
                except HclError as error:
                    self._failed |= dict.fromkeys(path, error)
                    raise

    def _walk(self, path: dict[Address, Iterator[Address]]) -> None:
        """Evaluate what is on the path, after everything that it refers to, last one first."""
        while path:
            current = next(reversed(path))
            following = next(path[current], None)
            if following is None:
                self._results[current] = self._node_value(current)
                del path[current]
            elif following in path:
                raise self._cycle([*path, following])
            elif following in self._failed:
                raise self._failed[following]
            elif following in self._nodes and following not in self._results:
                path[following] = self._needs(following)

    def _needs(self, address: Address) -> Iterator[Address]:
        """Return what a local or data source refers to; nothing for a source that does not run here."""
        node = self._nodes[address]
        if isinstance(node, Attribute):
            return map(_named, _to_nodes([node.expression]))
        if self._source(node) is None:
            return iter(())
        return map(_named, _to_nodes(expressions(node.body)))

    def _source(self, block: Block) -> DataSource | None:
        return self._sources.get(block.labels[0] if block.type == "data" else block.type)

    def _node_value(self, address: Address) -> Result:
        node = self._nodes[address]
        if isinstance(node, Attribute):
            return self._value(node.expression, references(node.expression), {})
        source = self._source(node)
        if source is None:
            return Unavailable(_unsupported(node), ".".join(address))
        blocked = self._blocked(_to_nodes(expressions(node.body)))
        return blocked or source(node, self._known_value)

    def _known_value(self, expression: Expression) -> Value:
        value = self._value(expression, references(expression), {})
        if isinstance(value, Unavailable):
            raise value.reason
        return value

    def _value(self, expression: Expression, found: Iterable[Traversal], variables: Mapping[str, Value]) -> Result:
        """Evaluate an expression whose references are settled."""
        found = tuple(found)
        blocked = self._blocked(found)
        if blocked is not None:
            return blocked
        try:
            return evaluate_expression(expression, Scope({**self._visible(found), **variables}, {}, self._scope))
        except HclError as error:
            raise self._explained(error, found) from None

    def _blocked(self, found: Iterable[Traversal]) -> Unavailable | None:
        results = (self._results.get(address) for address in map(_address, found) if address)
        return next((result for result in results if isinstance(result, Unavailable)), None)

    def _visible(self, found: Iterable[Traversal]) -> dict[str, Value]:
        """Return `local`, `data` and the like with what these references name, or whole where one names no part."""
        whole = any(traversal.root in _DEPTH and _address(traversal) is None for traversal in found)
        wanted = self._results if whole else filter(None, map(_address, found))
        known = {address: result for address in wanted if isinstance(result := self._results.get(address), Value)}
        sources: dict[str, dict[str, dict[str, Value]]] = {root: {} for root in _DEPTH if root != "local"}
        for root, kind, *name in known:
            if root != "local":
                sources[root].setdefault(kind, {})[name[0]] = known[root, kind, name[0]]
        return {
            "local": object_of({address[1]: value for address, value in known.items() if address[0] == "local"}),
            **{
                root: object_of({kind: object_of(values) for kind, values in kinds.items()})
                for root, kinds in sources.items()
            },
        }

    def _explained(self, error: HclError, found: Iterable[Traversal]) -> HclError:
        """Return the error, with more to say where it is about a local or data source that does not exist."""
        missing = [
            (traversal.span, address)
            for traversal in found
            if (address := _address(traversal)) is not None and address not in self._nodes
        ]
        return HclError(*(self._explained_diagnostic(diagnostic, missing) for diagnostic in error.diagnostics))

    def _explained_diagnostic(self, diagnostic: Diagnostic, missing: Iterable[tuple[Span, Address]]) -> Diagnostic:
        for span, address in missing:
            if not _within(diagnostic.subject, span):
                continue
            siblings = [other[-1] for other in self._nodes if other[:-1] == address[:-1]]
            meant = did_you_mean(address[-1], siblings)
            if address[0] != "local":
                return Diagnostic("Unknown data source", f"{'.'.join(address)} does not exist.{meant}", span)
            return Diagnostic(diagnostic.summary, diagnostic.detail + meant, diagnostic.subject)
        return diagnostic

    def _cycle(self, path: list[Address]) -> ProjectError:
        names = [".".join(address) for address in path[path.index(path[-1]) :]]
        node = self._nodes[path[-1]]
        subject = node.name_span if isinstance(node, Attribute) else node.span
        return ProjectError(f'cyclic reference to "{names[0]}"', f"It refers to itself: {' → '.join(names)}.", subject)


def expressions(body: Body) -> Iterator[Expression]:
    """Yield every expression in a body and in the blocks inside it."""
    for attribute in body.attributes.values():
        yield attribute.expression
    for block in body.blocks:
        yield from expressions(block.body)


def _to_nodes(within: Iterable[Expression]) -> list[Traversal]:
    return [found for expression in within for found in references(expression) if found.root in _DEPTH]


def _address(traversal: Traversal) -> Address | None:
    """Return what a reference names, or None if it is not to a local or data source, or does not name a single one."""
    steps = traversal.steps[: _DEPTH.get(traversal.root, 0)]
    names = [step.name for step in steps if isinstance(step, AttributeStep)]
    return (traversal.root, *names) if names and len(names) == _DEPTH[traversal.root] else None


def _named(traversal: Traversal) -> Address:
    address = _address(traversal)
    if address is None:
        wanted = "local.NAME" if traversal.root == "local" else f"{traversal.root}.TYPE.NAME"
        raise ProjectError(
            "Unsupported reference",
            f"Locals and data blocks refer to one another as {wanted}.",
            traversal.span,
            hint=f"write {wanted}",
        )
    return address


def _within(inner: Span, outer: Span) -> bool:
    return outer.start.byte <= inner.start.byte and inner.end.byte <= outer.end.byte


def _unsupported(block: Block) -> NotRunError:
    what = f'{block.type} "{block.labels[0]}"'
    return NotRunError(
        "Unsupported data source",
        f"dsqltok does not run {what}, and what was asked for depends on it.",
        block.span,
        hint='use data "aws_dsql_token", getenv() or --var for what the url needs',
    )
