"""cty's functions of lists, sets, maps, tuples and objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .conversion import ConversionError, convert, unify
from .operators import equal
from .scope import Function, FunctionError, Parameter
from .types import DYNAMIC, NUMBER, STRING, Kind, Type, list_type, object_type
from .values import Value, boolean, list_of, map_of, number, object_of, string, tuple_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


def _one(name: str, parameter: Parameter, compute: Callable[[Value], Value]) -> Function:
    return Function(name, (parameter,), None, lambda values: compute(values[0]))


def whole_number(value: Value, what: str, argument_index: int | None = None) -> int:
    """Return a number as an integer of 64 bits. Raises FunctionError with `what` before cty's words."""
    if value.decimal == value.decimal.to_integral_value() and _SMALLEST <= value.decimal <= _LARGEST:
        return int(value.decimal)
    raise FunctionError(f"{what}: value must be a whole number, between {_SMALLEST} and {_LARGEST}", argument_index)


def _length(collection: Value) -> Value:
    if not (collection.type.is_sequence or collection.type.kind is Kind.MAP):
        raise FunctionError("collection must be a list, a map or a tuple")
    return number(collection.length)


def _concat(sequences: Sequence[Value]) -> Value:
    if not sequences:
        raise FunctionError("at least one argument is required")
    common = unify([each.type for each in sequences]) if all(_is_list(each) for each in sequences) else None
    if common is not None and common.kind is Kind.LIST:
        return _concat_lists(sequences, common)
    for index, each in enumerate(sequences):
        if each.type.kind not in (Kind.LIST, Kind.TUPLE):
            raise FunctionError(f"all arguments must be lists or tuples; got {each.type}", index)
    return tuple_of([item for each in sequences for item in each.items])


def _is_list(value: Value) -> bool:
    return value.type.kind is Kind.LIST


def _concat_lists(lists: Sequence[Value], common: Type) -> Value:
    items: list[Value] = []
    for index, each in enumerate(lists):
        try:
            items.extend(convert(each, common).items)
        except ConversionError as error:
            raise FunctionError(error.message, index) from None
    return list_of(items[0].type if items else common.element_type, items)


def _contains(values: Sequence[Value]) -> Value:
    sequence, wanted = values
    if not sequence.type.is_sequence:
        raise FunctionError("argument must be list, tuple, or set")
    return boolean(any(equal(wanted, item) for item in sequence.items))


def _keys(mapping: Value) -> Value:
    if not mapping.type.is_mapping:
        raise FunctionError("must have map or object type", 0)
    names = [string(name) for name in mapping.fields]
    return list_of(STRING, names) if mapping.type.kind is Kind.MAP else tuple_of(names)


def _values(mapping: Value) -> Value:
    if not mapping.type.is_mapping:
        raise FunctionError("values() requires a map as the first argument")
    items = mapping.fields.values()
    return list_of(mapping.type.element_type, items) if mapping.type.kind is Kind.MAP else tuple_of(items)


def _merge(mappings: Sequence[Value]) -> Value:
    types: set[Type] = set()
    merged: dict[str, Value] = {}
    for each in mappings:
        if not each.type.is_mapping and each.type != DYNAMIC:
            raise FunctionError(f'arguments must be maps or objects, got "{each.type}"')
        types.add(object_type({}) if each.is_null and each.type.kind is Kind.OBJECT else each.type)
        if not each.is_null:
            merged.update(each.fields)
    if len(types) == 1 and (only := types.pop()).kind is Kind.MAP:
        return map_of(only.element_type, merged)
    return object_of(merged)


def _element(values: Sequence[Value]) -> Value:
    sequence, index = values
    if sequence.type.kind not in (Kind.LIST, Kind.TUPLE):
        raise FunctionError(f"cannot read elements from {sequence.type}")
    place = whole_number(index, "invalid index")
    if not sequence.items:
        raise FunctionError("cannot use element function with an empty list")
    return sequence.items[place % len(sequence.items)]


_KEYS = {Kind.TUPLE: NUMBER, Kind.LIST: NUMBER, Kind.MAP: STRING}


def _index(values: Sequence[Value]) -> Value:
    collection, key = values
    kind = collection.type.kind
    if kind not in _KEYS:
        raise FunctionError("collection must be a list, a map or a tuple")
    if key.type != _KEYS[kind]:
        raise FunctionError(f"key for {kind.value} must be {_KEYS[kind]}")
    if kind is Kind.MAP and key.text in collection.fields:
        return collection.fields[key.text]
    if kind is Kind.MAP:
        raise FunctionError("invalid index")
    if kind is Kind.LIST:
        place = key.decimal
        if place != place.to_integral_value() or not 0 <= place < len(collection.items):
            raise FunctionError("invalid index")
        return collection.items[int(place)]
    place_in_tuple = whole_number(key, "invalid key for tuple")
    if not 0 <= place_in_tuple < len(collection.items):
        raise FunctionError(f"key must be between 0 and {len(collection.items)} inclusive")
    return collection.items[place_in_tuple]


def _slice(values: Sequence[Value]) -> Value:
    sequence, first, last = values
    if sequence.type.kind is Kind.SET:
        raise FunctionError(
            "cannot slice a set, because its elements do not have indices; explicitly convert to a list if the "
            "ordering of the result is not important",
            0,
        )
    if sequence.type.kind not in (Kind.LIST, Kind.TUPLE):
        raise FunctionError("must be a list or tuple value", 0)
    start = _bound(first, "start", 1, sequence)
    end = _bound(last, "end", 2, sequence)
    if start > end:
        raise FunctionError("start index must not be greater than end index", 1)
    return _alike(sequence, sequence.items[start:end])


def _bound(value: Value, which: str, argument_index: int, sequence: Value) -> int:
    bound = whole_number(value, f"invalid {which} index", argument_index)
    if bound < 0:
        raise FunctionError(f"{which} index must not be less than zero", argument_index)
    if bound > sequence.length:
        raise FunctionError(f"{which} index must not be greater than the length of the list", argument_index)
    return bound


def _alike(sequence: Value, items: Sequence[Value]) -> Value:
    """Return a list of what came from a list or set, a tuple of what came from a tuple."""
    return tuple_of(items) if sequence.type.element is None else list_of(sequence.type.element, items)


def _reverse(sequence: Value) -> Value:
    if not sequence.type.is_sequence:
        raise FunctionError(f"can only reverse list or tuple values, not {sequence.type}", 0)
    return _alike(sequence, sequence.items[::-1])


def _distinct(sequence: Value) -> Value:
    return list_of(sequence.type.element_type, dict.fromkeys(sequence.items))


def _flatten(sequence: Value) -> Value:
    if not sequence.type.is_sequence:
        raise FunctionError("can only flatten lists, sets and tuples")
    return tuple_of(_flat(sequence))


def _flat(sequence: Value) -> Iterator[Value]:
    for item in sequence.items:
        if item.type.is_sequence and not item.is_null:
            yield from _flat(item)
        else:
            yield item


def _compact(sequence: Value) -> Value:
    return list_of(STRING, [item for item in sequence.items if item.payload])


COLLECTION_FUNCTIONS = (
    _one("length", Parameter("collection"), _length),
    Function("concat", (), Parameter("seqs"), _concat),
    Function("contains", (Parameter("list"), Parameter("value", allow_null=True)), None, _contains),
    _one("keys", Parameter("inputMap"), _keys),
    _one("values", Parameter("mapping"), _values),
    Function("merge", (), Parameter("maps", allow_null=True), _merge),
    Function("element", (Parameter("list"), Parameter("index", NUMBER)), None, _element),
    Function("index", (Parameter("collection"), Parameter("key")), None, _index),
    Function(
        "slice",
        (Parameter("list"), Parameter("start_index", NUMBER), Parameter("end_index", NUMBER)),
        None,
        _slice,
    ),
    _one("reverse", Parameter("list"), _reverse),
    _one("distinct", Parameter("list", list_type(DYNAMIC)), _distinct),
    _one("flatten", Parameter("list"), _flatten),
    _one("compact", Parameter("list", list_type(STRING)), _compact),
)
