"""Function calls: finding the function, preparing its arguments, and placing its complaints."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Protocol

from .conversion import ConversionError, convert
from .decimals import NumberError
from .gotext import quoted
from .scope import EvaluationError, Function, FunctionError, LazyFunction, Parameter, Scope, fail
from .source import Diagnostic, Span, join_spans
from .suggest import did_you_mean
from .syntax import (
    Binary,
    Conditional,
    Expression,
    For,
    FunctionCall,
    Index,
    Literal,
    ObjectConstructor,
    ObjectKey,
    Parentheses,
    Splat,
    Template,
    TemplateJoin,
    TupleConstructor,
    Unary,
)
from .types import LimitError
from .values import Value, null

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


UNKNOWN_FUNCTION = "Call to unknown function"
_EXPANDING = "Invalid expanding argument value"
_ARGUMENT = "Invalid function argument"


class Evaluator(Protocol):
    """`evaluate.evaluate_node`, which knows this module and so cannot be imported here."""

    def __call__(self, node: Expression, scope: Scope) -> Value:
        """Return the value of an expression."""


def call(node: FunctionCall, scope: Scope, evaluate: Evaluator) -> Value:
    """Return the value of a function call. Raises EvaluationError, about an argument where the argument is at fault."""
    function = scope.function(node.name)
    if function is None:
        _unknown_function(node, scope)
    arguments = list(node.arguments)
    if node.expand_final:
        arguments[-1:] = _expanded(arguments[-1], scope, evaluate)
    parameters = _parameters(function, node, arguments)
    try:
        if isinstance(function, LazyFunction):
            return function.call([_Closure(argument, scope, evaluate) for argument in arguments])
        return function.call(_values(arguments, parameters, scope, evaluate))
    except FunctionError as error:
        _complaint(node, arguments, parameters, error)
    except (ConversionError, NumberError, LimitError) as error:
        _complaint(node, arguments, parameters, FunctionError(str(error)))


class _Closure:
    """An argument that is evaluated when it is called."""

    def __init__(self, node: Expression, scope: Scope, evaluate: Evaluator) -> None:
        self._node = node
        self._scope = scope
        self._evaluate = evaluate

    def __call__(self) -> Value:
        return self._evaluate(self._node, self._scope)


def _unknown_function(node: FunctionCall, scope: Scope) -> NoReturn:
    names = {name for each in scope.chain() for name in each.functions}
    if not names:
        raise fail("Function calls not allowed", "Functions may not be called here.", node.span)
    space, colons, name = node.name.rpartition("::")
    detail = f"There is no function named {quoted(name)}"
    if colons:
        inside = {other.removeprefix(space + colons) for other in names if other.startswith(space + colons)}
        detail += f" in namespace {space}{colons}.{did_you_mean(name, inside, space + colons)}"
        if not inside:
            detail = f"There are no functions in namespace {quoted(space + colons)}."
    else:
        detail += f".{did_you_mean(name, names)}"
    raise fail(UNKNOWN_FUNCTION, detail, node.name_span)


def _expanded(last: Expression, scope: Scope, evaluate: Evaluator) -> list[Expression]:
    value = evaluate(last, scope)
    if value.is_null:
        raise fail(_EXPANDING, "The expanding argument (indicated by ...) must not be null.", last.span)
    if not value.type.is_sequence:
        raise fail(
            _EXPANDING,
            "The expanding argument (indicated by ...) must be of a tuple, list, or set type.",
            last.span,
        )
    return [Literal(last.span, item) for item in value.items]


def _parameters(function: Function | LazyFunction, node: FunctionCall, arguments: list[Expression]) -> list[Parameter]:
    """Return the parameter of each argument. Raises EvaluationError if there are too few or too many."""
    parameters, variadic = list(function.params), function.variadic
    if len(arguments) < len(parameters):
        at_least = " at least" if variadic else ""
        raise fail(
            "Not enough function arguments",
            f"Function {quoted(node.name)} expects{at_least} {len(parameters)} argument(s). "
            f"Missing value for {quoted(parameters[len(arguments)].name)}.",
            node.close_span,
        )
    if variadic is None and len(arguments) > len(parameters):
        raise fail(
            "Too many function arguments",
            f"Function {quoted(node.name)} expects only {len(parameters)} argument(s).",
            start_span(arguments[len(parameters)]),
        )
    return parameters + ([variadic] * (len(arguments) - len(parameters)) if variadic else [])


def _values(arguments: list[Expression], parameters: list[Parameter], scope: Scope, evaluate: Evaluator) -> list[Value]:
    values: list[Value] = []
    problems: list[Diagnostic] = []
    for argument, parameter in zip(arguments, parameters, strict=True):
        try:
            values.append(_argument(argument, parameter, scope, evaluate))
        except EvaluationError as error:
            problems.extend(error.diagnostics)
    if len(values) < len(arguments):
        raise EvaluationError(*problems)
    for index, (value, parameter) in enumerate(zip(values, parameters, strict=True)):
        if value.is_null and not parameter.allow_null:
            raise FunctionError("argument must not be null", index)
    return values


def _argument(argument: Expression, parameter: Parameter, scope: Scope, evaluate: Evaluator) -> Value:
    unknown: EvaluationError | None = None
    try:
        value = evaluate(argument, scope)
    except EvaluationError as error:
        unknown, value = error, null(error.type)
    try:
        converted = convert(value, parameter.type)
    except ConversionError as error:
        before = unknown.diagnostics if unknown else ()
        raise EvaluationError(*before, _about(argument, parameter, error.message)) from None
    if unknown is not None:
        raise unknown
    return converted


def _about(argument: Expression, parameter: Parameter, message: str) -> Diagnostic:
    detail = f"Invalid value for {quoted(parameter.name)} parameter: {message}."
    return Diagnostic(_ARGUMENT, detail, start_span(argument))


def _complaint(
    node: FunctionCall, arguments: list[Expression], parameters: list[Parameter], error: FunctionError
) -> NoReturn:
    index = error.argument_index
    if index is not None and index < len(arguments):
        raise EvaluationError(_about(arguments[index], parameters[index], error.message)) from None
    detail = f"Call to function {quoted(node.name)} failed: {error.message}."
    raise fail("Error in function call", detail, start_span(node)) from None


def try_each(expressions: Sequence[Callable[[], Value]]) -> Value:
    """HCL's `try`: the value of the first expression that has one."""
    if not expressions:
        raise FunctionError("at least one argument is required")
    problems: list[Diagnostic] = []
    for expression in expressions:
        try:
            return expression()
        except EvaluationError as error:
            if not error.diagnostics:
                raise
            problems.extend(error.diagnostics)
    lines = [f"- {problem.summary} (at {problem.subject})\n  {problem.detail}\n" for problem in problems]
    raise FunctionError(
        f"no expression succeeded:\n{''.join(lines)}\nAt least one expression must produce a successful result"
    )


def start_span(  # noqa: C901 - one case for each form
    node: Expression,
) -> Span:
    """Return where an expression begins, as HCL points at it: an opening bracket, a name, the first operand."""
    while True:
        match node:
            case Binary():
                node = node.left
            case Conditional():
                node = node.condition
            case Parentheses():
                node = node.inner
            case ObjectKey():
                node = node.wrapped
            case Template():
                node = node.parts[0]
            case TemplateJoin():
                node = node.tuple
            case FunctionCall():
                return join_spans(node.name_span, node.open_span)
            case Index() | TupleConstructor() | ObjectConstructor() | For():
                return node.open_span
            case Splat():
                return node.marker_span
            case Unary():
                return node.operator_span
            case _:
                return node.span
