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

from .access import element, step_into
from .calls import call
from .conditional import conditional
from .conversion import ConversionError, convert
from .cursor import too_deep
from .free_variables import key_name
from .gotext import quoted
from .loops import loop
from .operations import binary, unary
from .parts import evaluate_all
from .scope import EvaluationError, Scope, fail
from .source import Diagnostic
from .splats import splat, splat_item
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
    RelativeTraversal,
    Splat,
    SplatItem,
    Template,
    TemplateJoin,
    TemplateWrap,
    TupleConstructor,
    Unary,
    Variable,
)
from .types import DYNAMIC, STRING, NestingError, Type, object_type
from .values import Value, object_of, string, tuple_of

if TYPE_CHECKING:
    from collections.abc import Callable

_INTERPOLATION = "Invalid template interpolation value"


def evaluate_expression(expression: Expression, scope: Scope) -> Value:
    """Return the value of an expression. Raises EvaluationError, which is an HclError, and nothing else.

    Unless a function of the scope does; those are the caller's.
    """
    try:
        return evaluate_node(expression, scope)
    except RecursionError:
        raise EvaluationError(too_deep(expression.span)) from None


def evaluate_node(node: Expression, scope: Scope) -> Value:
    """Return the value of a node within an expression that is being evaluated."""
    try:
        return _HANDLERS[type(node)](node, scope)
    except NestingError as error:
        raise fail("Value too deep", f"{str(error).capitalize()}.", node.span) from None
    except EvaluationError as error:
        # What went wrong further down says nothing of this node's type, unless its handler set it.
        error.type = _RESULTS.get(type(node), error.type)
        raise


def _literal(node: Literal, _scope: Scope) -> Value:
    return node.value


def _variable(node: Variable, scope: Scope) -> Value:
    traversal = node.traversal
    value = scope.variable(traversal.root)
    if value is None:
        names = {name for each in scope.chain() for name in each.variables}
        suggestion = did_you_mean(traversal.root, names)
        detail = f"There is no variable named {quoted(traversal.root)}.{suggestion}"
        raise fail("Unknown variable", detail, traversal.root_span)
    for step in traversal.steps:
        value = step_into(value, step)
    return value


def _relative(node: RelativeTraversal, scope: Scope) -> Value:
    value = evaluate_node(node.source, scope)
    for step in node.steps:
        value = step_into(value, step)
    return value


def _index(node: Index, scope: Scope) -> Value:
    collection, key = evaluate_all([(node.collection, scope), (node.key, scope)], evaluate_node)
    return element(collection, key, node.bracket_span)


def _parentheses(node: Parentheses, scope: Scope) -> Value:
    return evaluate_node(node.inner, scope)


def _tuple(node: TupleConstructor, scope: Scope) -> Value:
    return tuple_of(evaluate_all(((element, scope) for element in node.elements), evaluate_node))


def _object(node: ObjectConstructor, scope: Scope) -> Value:
    attributes: dict[str, Value] = {}
    types: dict[str, Type] = {}
    problems: list[Diagnostic] = []
    all_keys = all_values = True
    for key, value in node.items:
        name = ""
        try:
            name = _key(key, scope)
        except EvaluationError as error:
            problems.extend(error.diagnostics)
            all_keys = False
        try:
            attributes[name] = evaluate_node(value, scope)
            types[name] = attributes[name].type
        except EvaluationError as error:
            problems.extend(error.diagnostics)
            types[name] = error.type
            all_values = False
    if not (all_keys and all_values):
        raise EvaluationError(*problems, type_=object_type(types) if all_keys else DYNAMIC)
    return object_of(attributes)


def _key(node: ObjectKey, scope: Scope) -> str:
    key = evaluate_node(node, scope)
    if key.is_null:
        raise fail("Null value as key", "Can't use a null value as a key.", node.span)
    try:
        return convert(key, STRING).text
    except ConversionError as error:
        raise fail("Incorrect key type", f"Can't use this value as a key: {error.message}.", node.span) from None


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
    for part in node.parts:
        try:
            value = evaluate_node(part, scope)
            if value.is_null:
                detail = "The expression result is null. Cannot include a null value in a string template."
                raise fail(_INTERPOLATION, detail, part.span)
            texts.append(convert(value, STRING).text)
        except EvaluationError as error:
            problems.extend(error.diagnostics)
        except ConversionError as error:
            detail = f"Cannot include the given value in a string template: {error.message}."
            problems.append(Diagnostic(_INTERPOLATION, detail, part.span))
    if len(texts) < len(node.parts):
        raise EvaluationError(*problems)
    return string("".join(texts))


def _join(node: TemplateJoin, scope: Scope) -> Value:
    # The parts of the loop's tuple are templates, whose values are strings.
    return string("".join(part.text for part in evaluate_node(node.tuple, scope).items))


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
_RESULTS: dict[type[Expression], Type] = {
    Template: STRING,
    TemplateJoin: STRING,
    **dict.fromkeys((Variable, RelativeTraversal, Index, FunctionCall, ObjectKey), DYNAMIC),
}
