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

from types import MappingProxyType
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
from dsqltokd.hcl.gotext import quoted
from dsqltokd.hcl.suggest import did_you_mean

from .errors import NotRunError, ProjectError, Unavailable
from .hints import misspelt

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

_SOURCES = ("data", "docker")
DEFINED_BY = {"local": "locals", "data": "data", "docker": "docker", "var": "variable"}
"""The type of the blocks that define what follows these roots."""


_NOTHING: Mapping[str, Value] = MappingProxyType(dict.fromkeys(_DEPTH, object_of({})))
"""What an expression sees that refers to no local and no data source."""


class _References:
    """What an expression refers to: all of it, and the locals and data sources that it names.

    `whole` says whether it also refers to all locals or to all data sources, or to all of a type.
    """

    def __init__(self, expression: Expression) -> None:
        self.all = references(expression)
        self._to_nodes = [(each, _address(each)) for each in self.all if each.root in _DEPTH]
        self.addresses = [address for _, address in self._to_nodes if address is not None]
        self.whole = len(self.addresses) < len(self._to_nodes)

    def named(self) -> Iterator[Address]:
        """Yield the addresses. Raises `ProjectError` at a reference that has none."""
        for traversal, address in self._to_nodes:
            if address is None:
                raise _unnamed(traversal)
            yield address


class Graph:
    """The project's locals and data sources, and the evaluation of everything that refers to them."""

    def __init__(self, blocks: Iterable[Block], scope: Scope, sources: Mapping[str, DataSource]) -> None:
        self._scope = scope
        self._sources = sources
        self._nodes: dict[Address, Attribute | Block] = {}
        self._results: dict[Address, Result] = {}
        self._failed: dict[Address, HclError] = {}
        self._found: dict[Expression, _References] = {}
        self._everything: tuple[int, Mapping[str, Value]] = (0, _NOTHING)
        self._blocks = tuple(blocks)
        for block in self._blocks:
            self._add(block)

    def _add(self, block: Block) -> None:
        if block.type == "locals":
            # The last of two locals or data blocks of one name wins.
            self._nodes |= {("local", name): attribute for name, attribute in block.body.attributes.items()}
        elif block.type in _SOURCES:
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
        self._settle(self._references(expression).addresses)
        return self._value(expression, variables)

    def _references(self, expression: Expression) -> _References:
        found = self._found.get(expression)
        if found is None:
            found = self._found[expression] = _References(expression)
        return found

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
        if isinstance(node, Block) and self._source(node) is None:
            return iter(())
        within = [node.expression] if isinstance(node, Attribute) else expressions(node.body)
        return (address for expression in within for address in self._references(expression).named())

    def _source(self, block: Block) -> DataSource | None:
        return self._sources.get(block.labels[0] if block.type == "data" else block.type)

    def _node_value(self, address: Address) -> Result:
        node = self._nodes[address]
        if isinstance(node, Attribute):
            return self._value(node.expression, {})
        source = self._source(node)
        if source is None:
            return Unavailable(_unsupported(node, self._sources), ".".join(address))
        addresses = [each for within in expressions(node.body) for each in self._references(within).addresses]
        return self._blocked(addresses) or source(node, self._known_value)

    def _known_value(self, expression: Expression) -> Value:
        value = self._value(expression, {})
        if isinstance(value, Unavailable):
            raise value.reason
        return value

    def _value(self, expression: Expression, variables: Mapping[str, Value]) -> Result:
        """Evaluate an expression whose references are settled."""
        found = self._references(expression)
        blocked = self._blocked(found.addresses)
        if blocked is not None:
            return blocked
        try:
            return evaluate_expression(expression, Scope({**self._visible(found), **variables}, {}, self._scope))
        except HclError as error:
            raise self._explained(error, found.all) from None

    def _blocked(self, addresses: Iterable[Address]) -> Unavailable | None:
        results = map(self._results.get, addresses)
        return next((result for result in results if isinstance(result, Unavailable)), None)

    def _visible(self, found: _References) -> Mapping[str, Value]:
        """Return `local`, `data` and the like with what these references name, or whole where one names no part."""
        if not found.whole:
            return self._roots(found.addresses) if found.addresses else _NOTHING
        # Results are only ever added. That all of them are made into one object again for each expression that sees it
        # whole would take time quadratic in the size of the project.
        if self._everything[0] != len(self._results):
            self._everything = (len(self._results), self._roots(self._results))
        return self._everything[1]

    def _roots(self, addresses: Iterable[Address]) -> dict[str, Value]:
        known = {address: result for address in addresses if isinstance(result := self._results.get(address), Value)}
        local_values: dict[str, Value] = {}
        sources: dict[str, dict[str, dict[str, Value]]] = {}
        for address, value in known.items():
            if len(address) == _DEPTH["local"] + 1:
                local_values[address[1]] = value
            else:
                root, kind, name = address
                sources.setdefault(root, {}).setdefault(kind, {})[name] = value
        return {
            **_NOTHING,
            "local": object_of(local_values),
            **{
                root: object_of({kind: object_of(values) for kind, values in kinds.items()})
                for root, kinds in sources.items()
            },
        }

    def _explained(self, error: HclError, found: Iterable[Traversal]) -> HclError:
        """Return the error, with more to say where it is about something of the project that does not exist."""
        missing = [
            (traversal.span, address)
            for traversal in found
            if (address := _address(traversal) or _variable(traversal)) is not None and not self._exists(address)
        ]
        return HclError(*(self._explained_diagnostic(diagnostic, missing) for diagnostic in error.diagnostics))

    def _exists(self, address: Address) -> bool:
        if address[0] != "var":
            return address in self._nodes
        variables = self._scope.variable("var")
        return variables is not None and address[1] in variables.fields

    def _explained_diagnostic(self, diagnostic: Diagnostic, missing: Iterable[tuple[Span, Address]]) -> Diagnostic:
        for span, address in missing:
            if not _within(diagnostic.subject, span):
                continue
            meant = self._meant(address)
            if address[0] in _SOURCES:
                return Diagnostic("Unknown data source", f"{'.'.join(address)} does not exist.{meant}", span)
            if "Did you mean" not in diagnostic.detail:
                return Diagnostic(diagnostic.summary, diagnostic.detail + meant, diagnostic.subject)
        return diagnostic

    def _meant(self, address: Address) -> str:
        """Return a suggestion for what does not exist: its name, its type, or a block that was to define it."""
        root, *kind, name = address
        siblings = [other[-1] for other in self._nodes if other[:-1] == address[:-1]]
        if kind and kind[0] not in self._sources:
            kinds = {other[1] for other in self._nodes if other[0] == root}
            return did_you_mean(name, siblings) or did_you_mean(kind[0], kinds)
        slip = misspelt(self._blocks, (DEFINED_BY[root], *kind), name)
        return did_you_mean(name, siblings) if slip is None else f" Did you mean {quoted(slip[0])} in line {slip[1]}?"

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


def _address(traversal: Traversal) -> Address | None:
    """Return what a reference names, or None if it is not to a local or data source, or does not name a single one."""
    steps = traversal.steps[: _DEPTH.get(traversal.root, 0)]
    names = [step.name for step in steps if isinstance(step, AttributeStep)]
    return (traversal.root, *names) if names and len(names) == _DEPTH[traversal.root] else None


def _variable(traversal: Traversal) -> Address | None:
    step = traversal.steps[0] if traversal.root == "var" and traversal.steps else None
    return (traversal.root, step.name) if isinstance(step, AttributeStep) else None


def _unnamed(traversal: Traversal) -> ProjectError:
    wanted = "local.NAME" if traversal.root == "local" else f"{traversal.root}.TYPE.NAME"
    return ProjectError(
        "Unsupported reference",
        f"Locals and data blocks refer to one another as {wanted}.",
        traversal.span,
        hint=f"write {wanted}",
    )


def _within(inner: Span, outer: Span) -> bool:
    return outer.start.byte <= inner.start.byte and inner.end.byte <= outer.end.byte


def _unsupported(block: Block, supported: Iterable[str]) -> NotRunError:
    what = f'{block.type} "{block.labels[0]}"'
    meant = did_you_mean(block.labels[0], supported) if block.type == "data" else ""
    return NotRunError(
        "Unsupported data source",
        f"dsqltok does not run {what}, and what was asked for depends on it.{meant}",
        block.span,
        hint='use data "aws_dsql_token", getenv() or --var for what the url needs',
    )
