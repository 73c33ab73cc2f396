"""Syntax tree to value.

Rule 1: where an expression has several parts, all are evaluated and all their mistakes told, in the order of the text.
Rule 2: an error carries the type the value would have had (`EvaluationError.type`), as HashiCorp's evaluator goes on
with an unknown value of that type. So the arm of a conditional that is not taken may fail, but its type still counts,
and `true || x` is true whatever becomes of x. An error without diagnostics is just that: an unknown value.
Rule 3: a chain of binary operators is walked in a loop, since it leans to the left however long it is. Everything else
nests no deeper than the parser allows. What still hits the bottom of Python's stack becomes a diagnostic.

Today's HCL (2.25) is the model, not 2.18.1, which Atlas uses. Where they differ, and where this is unlike either, is
listed in docs/atlas-hcl.md.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .access import element, index_after, step_after, step_into
from .budget import ExhaustedError, begin
from .calls import call
from .conditional import conditional
from .conversion import ConversionError, convert
from .cursor import too_deep
from .free_variables import key_name
from .gotext import quoted
from .loops import loop
from .operations import binary, unary
from .parts import attempt, evaluate_all, is_structure
from .scope import EvaluationError, Scope, fail
from .source import Diagnostic, Span
from .splats import splat, splat_item
from .suggest import did_you_mean
from .syntax import (
    Binary,
    Conditional,
    Expression,
    For,
    FunctionCall,
    Index,
    IndexStep,
    Literal,
    ObjectConstructor,
    ObjectKey,
    Parentheses,
    RelativeTraversal,
    Splat,
    SplatItem,
    Step,
    Template,
    TemplateJoin,
    TemplateWrap,
    TupleConstructor,
    Unary,
    Variable,
)
from .types import DYNAMIC, STRING, LimitError, Type, object_type
from .values import Value, null, object_of, string, tuple_of

if TYPE_CHECKING:
    from collections.abc import Callable

_INTERPOLATION = "Invalid template interpolation value"


def evaluate_expression(expression: Expression, scope: Scope) -> Value:
    """Return the value of an expression. Raises EvaluationError, which is an HclError, and nothing else.

    Unless a function of the scope does; those are the caller's.
    """
    begin()
    try:
        return evaluate_node(expression, scope)
    except RecursionError:
        raise EvaluationError(too_deep(expression.span)) from None
    except ExhaustedError as error:
        raise EvaluationError(error.diagnostic) from None


def evaluate_node(node: Expression, scope: Scope) -> Value:
    """Return the value of a node within an expression that is being evaluated."""
    try:
        return _HANDLERS[type(node)](node, scope)
    except LimitError as error:
        raise fail(error.summary, f"{str(error).capitalize()}.", node.span) from None
    except EvaluationError as error:
        # What went wrong further down says nothing of this node's type, unless its handler set it.
        error.type = _RESULTS.get(type(node), error.type)
        error.value = error.value if type(node) in _MAY_BE_KNOWN else None
        raise


def _literal(node: Literal, _scope: Scope) -> Value:
    return node.value


def _variable(node: Variable, scope: Scope) -> Value:
    traversal = node.traversal
    try:
        value = scope.variable(traversal.root)
    except EvaluationError as error:
        raise _stepped(error, traversal.steps) from None
    if value is None:
        names = {name for each in scope.chain() for name in each.variables}
        suggestion = did_you_mean(traversal.root, names)
        detail = f"There is no variable named {quoted(traversal.root)}.{suggestion}"
        raise fail("Unknown variable", detail, traversal.root_span)
    for step in traversal.steps:
        value = step_into(value, step)
    return value


def _relative(node: RelativeTraversal, scope: Scope) -> Value:
    try:
        value = evaluate_node(node.source, scope)
    except EvaluationError as error:
        raise _stepped(error, node.steps) from None
    for step in node.steps:
        value = step_into(value, step)
    return value


def _stepped(error: EvaluationError, steps: tuple[Step, ...]) -> EvaluationError:
    for step in steps:
        error = step_after(error, step)
    return error


def _index(node: Index, scope: Scope) -> Value:
    collection = attempt(node.collection, scope, evaluate_node)
    key = attempt(node.key, scope, evaluate_node)
    where = node.bracket_span
    if isinstance(key, EvaluationError):
        before = collection.diagnostics if isinstance(collection, EvaluationError) else ()
        raise index_after(collection.type, EvaluationError(*before, *key.diagnostics, type_=key.type), where)
    if isinstance(collection, EvaluationError):
        raise step_after(collection, IndexStep(key, where))
    return element(collection, key, where)


def _parentheses(node: Parentheses, scope: Scope) -> Value:
    return evaluate_node(node.inner, scope)


def _tuple(node: TupleConstructor, scope: Scope) -> Value:
    return tuple_of(evaluate_all(((element, scope) for element in node.elements), evaluate_node))


def _object(node: ObjectConstructor, scope: Scope) -> Value:
    attributes: dict[str, Value] = {}
    types: dict[str, Type] = {}
    problems: list[Diagnostic] = []
    all_keys = all_values = True
    for key, item in node.items:
        found = attempt(key, scope, evaluate_node)
        value = attempt(item, scope, evaluate_node)
        problems += [each for part in (found, value) if isinstance(part, EvaluationError) for each in part.diagnostics]
        try:
            name = _key(found, key.span)
        except EvaluationError as error:
            problems += error.diagnostics
            all_keys = False
            continue
        types[name] = value.type
        if isinstance(value, EvaluationError):
            all_values = False
        else:
            attributes[name] = value
    if not (all_keys and all_values):
        raise EvaluationError(*problems, type_=object_type(types) if all_keys else DYNAMIC)
    return object_of(attributes)


def _key(key: Value | EvaluationError, where: Span) -> str:
    """Return a key as text. Raises EvaluationError, without diagnostics if those of the key have been told."""
    if isinstance(key, EvaluationError):
        raise EvaluationError
    if key.is_null:
        raise fail("Null value as key", "Can't use a null value as a key.", where)
    try:
        return convert(key, STRING).text
    except ConversionError as error:
        raise fail("Incorrect key type", f"Can't use this value as a key: {error.message}.", where) from None


def _object_key(node: ObjectKey, scope: Scope) -> Value:
    name = key_name(node)
    if name is not None:
        return string(name)
    if isinstance(node.wrapped, Variable):
        raise fail(
            "Ambiguous attribute key",
            "To use what this refers to as the key, put it in parentheses. To use it as a name, put it in quotes.",
            node.span,
        )
    return evaluate_node(node.wrapped, scope)


def _template(node: Template, scope: Scope) -> Value:
    texts: list[str] = []
    problems: list[Diagnostic] = []
    known = True
    for part in node.parts:
        value = attempt(part, scope, evaluate_node)
        if isinstance(value, EvaluationError):
            problems += value.diagnostics
            known = known and (value.value is not None or is_structure(part, value))
        text, mistake = _text(part, value)
        if mistake:
            problems.append(Diagnostic(_INTERPOLATION, mistake, part.span))
        if not problems:
            texts.append(text)
    # What follows the first mistake is left out by HashiCorp's evaluator too.
    whole = string("".join(texts))
    if problems or not known:
        raise EvaluationError(*problems, value=whole if known else None)
    return whole


def _text(part: Expression, value: Value | EvaluationError) -> tuple[str, str]:
    """Return the text of a template's part, or why it can have none."""
    if isinstance(value, EvaluationError):
        if not is_structure(part, value):
            return "", ""
        value = null(value.type)
    elif value.is_null:
        return "", "The expression result is null. Cannot include a null value in a string template."
    try:
        return convert(value, STRING).text, ""
    except ConversionError as error:
        return "", f"Cannot include the given value in a string template: {error.message}."


def _join(node: TemplateJoin, scope: Scope) -> Value:
    try:
        return _joined(evaluate_node(node.tuple, scope))
    except EvaluationError as error:
        error.value = None if error.value is None else _joined(error.value)
        raise


def _joined(parts: Value) -> Value:
    # The parts of the loop's tuple are templates, whose values are strings.
    return string("".join(part.text for part in parts.items))


def _wrap(node: TemplateWrap, scope: Scope) -> Value:
    return evaluate_node(node.wrapped, scope)


_HANDLERS: dict[type[Expression], Callable[[Any, Scope], Value]] = {
    Literal: _literal,
    Variable: _variable,
    RelativeTraversal: _relative,
    Index: _index,
    FunctionCall: partial(call, evaluate=evaluate_node),
    Conditional: partial(conditional, evaluate=evaluate_node),
    For: partial(loop, evaluate=evaluate_node),
    Parentheses: _parentheses,
    Binary: partial(binary, evaluate=evaluate_node),
    Unary: partial(unary, evaluate=evaluate_node),
    TupleConstructor: _tuple,
    ObjectConstructor: _object,
    ObjectKey: _object_key,
    Splat: partial(splat, evaluate=evaluate_node),
    SplatItem: splat_item,
    Template: _template,
    TemplateJoin: _join,
    TemplateWrap: _wrap,
}
_MAY_BE_KNOWN = (Template, TemplateJoin, TemplateWrap, For, Parentheses, Conditional)
_RESULTS: dict[type[Expression], Type] = {
    Template: STRING,
    TemplateJoin: STRING,
    **dict.fromkeys((FunctionCall, ObjectKey), DYNAMIC),
}
