"""Splats: `source[*]…` and `source.*…`.

A list or set gives a list, a tuple gives a tuple. Anything else is taken for a tuple of itself, a null for an empty
one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .access import index_type, step_type
from .budget import spend
from .parts import evaluate_all, untyped
from .scope import EvaluationError, ItemScope, Scope, fail
from .syntax import Expression, Index, RelativeTraversal, Splat, SplatItem
from .types import DYNAMIC, Kind, Type, list_type, tuple_type
from .values import Value, list_of, tuple_of

if TYPE_CHECKING:
    from .calls import Evaluator


def splat(node: Splat, scope: Scope, evaluate: Evaluator) -> Value:
    """Return the value of a splat. Raises EvaluationError of all elements that fail."""
    source = untyped(node.source, scope, evaluate)
    if source.is_null and not source.type.is_sequence:
        return tuple_of([])
    if source.is_null:
        detail = "Splat expressions (with the * symbol) cannot be applied to null sequences."
        raise fail("Splat of null value", detail, node.source.span)
    elements = source.items if source.type.is_sequence else (source,)
    spend(len(elements), node.span)
    makes_list = source.type.kind in (Kind.LIST, Kind.SET)
    try:
        scopes = [ItemScope(node.item, each, scope) for each in elements]
        results = evaluate_all([(node.each, each) for each in scopes], evaluate)
    except EvaluationError as error:
        error.type = list_type(DYNAMIC) if makes_list else error.type
        raise
    if not makes_list:
        return tuple_of(results)
    if not results:
        return list_of(_each_type(node.each, source.type.element_type), [])
    if len({result.type for result in results}) > 1:
        detail = (
            "The second level of splat expression produced elements of different types, which cannot make a list. A "
            "for expression makes a tuple of them."
        )
        raise fail("Invalid nested splat expressions", detail, node.each.span)
    return list_of(results[0].type, results)


def _each_type(each: Expression, item: Type) -> Type:
    """Return the type a splat's `each` would have for an element of a type, if there was one."""
    match each:
        case RelativeTraversal():
            found = _each_type(each.source, item)
            for step in each.steps:
                found = step_type(found, step)
            return found
        case Index():
            found = _each_type(each.collection, item)
            return found if found == DYNAMIC else index_type(found, each.bracket_span)
        case Splat():
            source = _each_type(each.source, item)
            return _splat_type(each, source)
    return item


def _splat_type(node: Splat, source: Type) -> Type:
    if source.element is not None and source.is_sequence:
        return Type(Kind.LIST, _each_type(node.each, source.element))
    if source.kind is Kind.TUPLE:
        return tuple_type([_each_type(node.each, each) for each in source.elements])
    return DYNAMIC  # a null would make no elements of it, any other value one


def splat_item(node: SplatItem, scope: Scope) -> Value:
    """Return the element that a splat is about to look into."""
    for each in scope.chain():
        if isinstance(each, ItemScope) and each.item is node:
            return each.element
    raise AssertionError("a splat's item outside its splat")  # the parser makes none
