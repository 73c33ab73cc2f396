"""cty's functions of lists, sets, maps, tuples and objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .arguments import of_one, whole_number
from .conversion import ConversionError, convert, unify
from .operators import equal
from .scope import Function, FunctionError, Parameter
from .types import BOOL, DYNAMIC, NUMBER, STRING, Kind, Type, list_type, object_type
from .values import FALSE, TRUE, Value, boolean, list_of, map_of, number, object_of, string, tuple_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence


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


def _has_names(value: Value) -> bool:
    """Whether all keys are strings, where cty has not looked at the type: in an empty list, and in a set of strings."""
    if value.is_null:
        return True
    return value.type.is_sequence and all(key.type == STRING and not key.is_null for key, _ in value.elements())


def _merge(mappings: Sequence[Value]) -> Value:
    types: set[Type] = set()
    merged: dict[str, Value] = {}
    untyped = False
    for each in mappings:
        untyped = untyped or each.type == DYNAMIC
        if not each.type.is_mapping and not (untyped and _has_names(each)):
            raise FunctionError(f'arguments must be maps or objects, got "{each.type}"')
        types.add(object_type({}) if each.is_null and each.type.kind is Kind.OBJECT else each.type)
        if not each.is_null:
            merged.update({key.text: item for key, item in each.elements()})
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


def _chunklist(values: Sequence[Value]) -> Value:
    whole, size_value = values
    size = whole_number(size_value, "invalid size")
    if size < 0:
        raise FunctionError("the size argument must be positive")
    items, element = whole.items, whole.type.element_type
    step = size or len(items) or 1
    return list_of(whole.type, [list_of(element, items[i : i + step]) for i in range(0, len(items), step)])


def _coalescelist(sequences: Sequence[Value]) -> Value:
    if not sequences:
        raise FunctionError("at least one argument is required")
    if any(each.type.kind not in (Kind.LIST, Kind.TUPLE) for each in sequences):
        raise FunctionError("coalescelist arguments must be lists or tuples")
    found = next((each for each in sequences if each.payload), None)
    if found is None:
        raise FunctionError("no non-null arguments")
    return found


def _zipmap(values: Sequence[Value]) -> Value:
    keys, sequence = values
    if sequence.type.kind not in (Kind.LIST, Kind.TUPLE):
        raise FunctionError("values argument must be a list or tuple value")
    if keys.length != sequence.length:
        raise FunctionError(f"number of keys ({keys.length}) does not match number of values ({sequence.length})")
    for index, key in enumerate(keys.items):
        if key.is_null:
            raise FunctionError(f"keys list has null value at index {index}")
    pairs = {key.text: value for key, value in zip(keys.items, sequence.items, strict=True)}
    return object_of(pairs) if sequence.type.element is None else map_of(sequence.type.element, pairs)


def _members(collection: Value) -> Collection[Value]:
    if collection.type.kind is Kind.OBJECT or not (collection.type.is_sequence or collection.type.is_mapping):
        raise FunctionError("collection must be a list, a map or a tuple")
    return collection.fields.values() if collection.type.is_mapping else collection.items


def _alltrue(collection: Value) -> Value:
    for item in _members(collection):
        if item.type == BOOL and item.is_null:
            raise FunctionError("an element is null, which is neither true nor false")
        if item.payload is not True:
            return FALSE
    return TRUE


def _empty(collection: Value) -> Value:
    return boolean(not _members(collection))


COLLECTION_FUNCTIONS = (
    of_one("length", Parameter("collection"), _length),
    Function("concat", (), Parameter("seqs"), _concat),
    Function("contains", (Parameter("list"), Parameter("value", allow_null=True)), None, _contains),
    of_one("keys", Parameter("inputMap"), _keys),
    of_one("values", Parameter("mapping"), _values),
    Function("merge", (), Parameter("maps", allow_null=True), _merge),
    Function("element", (Parameter("list"), Parameter("index", NUMBER)), None, _element),
    Function("index", (Parameter("collection"), Parameter("key")), None, _index),
    Function(
        "slice",
        (Parameter("list"), Parameter("start_index", NUMBER), Parameter("end_index", NUMBER)),
        None,
        _slice,
    ),
    of_one("reverse", Parameter("list"), _reverse),
    of_one("distinct", Parameter("list", list_type(DYNAMIC)), _distinct),
    of_one("flatten", Parameter("list"), _flatten),
    of_one("compact", Parameter("list", list_type(STRING)), _compact),
    of_one("alltrue", Parameter("collection"), _alltrue),
    of_one("empty", Parameter("collection"), _empty),
    Function("chunklist", (Parameter("list", list_type(DYNAMIC)), Parameter("size", NUMBER)), None, _chunklist),
    Function("coalescelist", (), Parameter("vals", allow_null=True), _coalescelist),
    Function("zipmap", (Parameter("keys", list_type(STRING)), Parameter("values")), None, _zipmap),
)
