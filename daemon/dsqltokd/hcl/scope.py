"""What an expression can see when it is evaluated: variables, functions, and what errors there are to tell of."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .source import Diagnostic, HclError, Span
from .types import DYNAMIC, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .syntax import Expression
    from .values import Value


class EvaluationError(HclError):
    """An expression without a value. `type` is the type its value would have had, DYNAMIC where nobody knows.

    The type matters where the error does not: in the arm of a conditional that is not taken. Within this package, an
    error without diagnostics stands for a value that is not known (see `UnknownScope`), and `value` is set if it is
    known in spite of the error: that of a template without the parts that are no text. HashiCorp's evaluator goes on
    with it, which shows where an operand that is not known would be forgiven: `true || "x${[]}"` is a mistake.
    """

    def __init__(self, *diagnostics: Diagnostic, type_: Type = DYNAMIC, value: Value | None = None) -> None:
        super().__init__(*diagnostics)
        self.type = type_
        self.value = value


class FunctionError(Exception):
    """A function's refusal of its arguments; of one of them, if `argument_index` says so.

    The message is lower case without a full stop, as in cty; the evaluator makes a sentence of it.
    """

    def __init__(self, message: str, argument_index: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.argument_index = argument_index


class Parameter:
    """A function's parameter. An argument is converted to its type; a null is refused unless `allow_null`."""

    __slots__ = ("allow_null", "name", "type")

    def __init__(self, name: str, type_: Type = DYNAMIC, *, allow_null: bool = False) -> None:
        self.name = name
        self.type = type_
        self.allow_null = allow_null


class Function:
    """A function of HCL: `call` gets the arguments converted, as many as there are parameters or more if variadic.

    `call` raises FunctionError for arguments it cannot use.
    """

    __slots__ = ("call", "name", "params", "variadic")

    def __init__(
        self,
        name: str,
        params: tuple[Parameter, ...],
        variadic: Parameter | None,
        call: Callable[[Sequence[Value]], Value],
    ) -> None:
        self.name = name
        self.params = params
        self.variadic = variadic
        self.call = call


class LazyFunction:
    """A function that decides itself which of its arguments are evaluated, as `try` and `can` do.

    `call` gets each argument as something to call; that raises EvaluationError.
    """

    __slots__ = ("call", "name", "params", "variadic")

    def __init__(
        self,
        name: str,
        params: tuple[Parameter, ...],
        variadic: Parameter | None,
        call: Callable[[Sequence[Callable[[], Value]]], Value],
    ) -> None:
        self.name = name
        self.params = params
        self.variadic = variadic
        self.call = call


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Scope:
    """Variables and functions by name; what is not here is looked for in the parent."""

    __slots__ = ("functions", "parent", "variables")

    def __init__(
        self,
        variables: Mapping[str, Value] = _NOTHING,
        functions: Mapping[str, Function | LazyFunction] = _NOTHING,
        parent: Scope | None = None,
    ) -> None:
        self.variables = variables
        self.functions = functions
        self.parent = parent

    def chain(self) -> list[Scope]:
        """Return this scope, its parent, and so on."""
        scopes: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            scopes.append(scope)
            scope = scope.parent
        return scopes

    def variable(self, name: str) -> Value | None:
        """Return the nearest variable of this name. Raises EvaluationError if that is not known."""
        for scope in self.chain():
            if name in scope.variables:
                return scope.variables[name]
            if isinstance(scope, UnknownScope) and name in scope.unknown:
                raise EvaluationError(type_=scope.unknown[name])
        return None

    def function(self, name: str) -> Function | LazyFunction | None:
        """Return the nearest function of this name."""
        return next((scope.functions[name] for scope in self.chain() if name in scope.functions), None)


class ItemScope(Scope):
    """The scope in which a splat's `each` is evaluated for one element, which `item` stands for."""

    __slots__ = ("element", "item")

    def __init__(self, item: Expression, element: Value, parent: Scope) -> None:
        super().__init__(parent=parent)
        self.item = item
        self.element = element


class UnknownScope(Scope):
    """The scope of a loop's element that is not known: what there is of it is its type.

    It failed, or there is none yet and the loop's condition is but checked.
    """

    __slots__ = ("unknown",)

    def __init__(self, unknown: Mapping[str, Type], parent: Scope, variables: Mapping[str, Value] = _NOTHING) -> None:
        super().__init__(variables, parent=parent)
        self.unknown = unknown


def fail(summary: str, detail: str, subject: Span, type_: Type = DYNAMIC) -> EvaluationError:
    """Return the error of one diagnostic."""
    return EvaluationError(Diagnostic(summary, detail, subject), type_=type_)
