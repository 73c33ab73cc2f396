"""cty's functions of sets."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

from .conversion import ConversionError, convert, unify
from .scope import Function, FunctionError, Parameter
from .types import DYNAMIC, Kind, Type, set_type, tuple_type
from .values import Value, list_of, set_of, tuple_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Items = Sequence[Value]

_LARGEST_PRODUCT = 100_000
"""How many tuples a product may have. cty has no limit, and a machine's memory no room for a fourth power of 1000."""

_ANY_SET = set_type(DYNAMIC)


def _operation(name: str, combine: Callable[[Items, Items], Items], *, many: bool = True) -> Function:
    def call(values: Sequence[Value]) -> Value:
        common = _common_set([value for value in values if value.items or value.type != _ANY_SET])
        first, *others = [_as(value, common, index) for index, value in enumerate(values)]
        items: Items = first.items
        for other in others:
            items = combine(items, other.items)
        return set_of(common.element_type, items)

    if many:
        return Function(name, (Parameter("first_set", _ANY_SET),), Parameter("other_sets", _ANY_SET), call)
    return Function(name, (Parameter("a", _ANY_SET), Parameter("b", _ANY_SET)), None, call)


def _common_set(sets: list[Value]) -> Type:
    if not sets:
        return _ANY_SET
    element = unify([each.type.element_type for each in sets])
    if element is None:
        raise FunctionError("given sets must all have compatible element types")
    return set_type(element)


def _as(value: Value, wanted: Type, index: int) -> Value:
    try:
        return convert(value, wanted)
    except ConversionError as error:
        raise FunctionError(error.message, index) from None


def _union(left: Items, right: Items) -> Items:
    return [*left, *right]


def _intersection(left: Items, right: Items) -> Items:
    allowed = frozenset(right)
    return [item for item in left if item in allowed]


def _difference(left: Items, right: Items) -> Items:
    excluded = frozenset(right)
    return [item for item in left if item not in excluded]


def _setproduct(values: Sequence[Value]) -> Value:
    if len(values) < 2:  # noqa: PLR2004 - a product has two factors
        raise FunctionError("at least two arguments are required")
    types = [_factor(value, index) for index, value in enumerate(values)]
    if math.prod(value.length for value in values) > _LARGEST_PRODUCT:
        raise FunctionError(f"the product has more than {_LARGEST_PRODUCT} elements")
    factors = [[convert(item, wanted) for item in value.items] for value, wanted in zip(values, types, strict=True)]
    tuples = [tuple_of(items) for items in product(*factors)]
    element = tuples[0].type if tuples else tuple_type(types)
    if any(value.type.kind is Kind.SET for value in values):
        return set_of(element, tuples)
    return list_of(element, tuples)


def _factor(value: Value, index: int) -> Type:
    """Return the type of a factor's elements."""
    if not value.type.is_sequence:
        raise FunctionError("a set or a list is required", index)
    if value.type.is_collection:
        return value.type.element_type
    common = unify(list(value.type.elements)) if value.items else DYNAMIC
    if common is None:
        raise FunctionError("all elements must be of the same type", index)
    return common


SET_FUNCTIONS = (
    _operation("setunion", _union),
    _operation("setintersection", _intersection),
    _operation("setsubtract", _difference, many=False),
    Function("setproduct", (), Parameter("sets"), _setproduct),
)
