"""Conversion of values between types, and the type that several types have in common: cty's rules.

Rule 1: whether a conversion exists is a question to the types alone (`convertible`); only then values are looked at,
which may still fail ("a number is required").
Rule 2: a conversion is safe if it fails for no value. Strings to numbers and booleans, lists to sets, and maps to
objects are unsafe; HCL uses them all.
Rule 3: DYNAMIC as a wanted type takes anything as it is; as a wanted element type it means "one type, find it".
Rule 4: structures turn into collections by unifying the types of their parts, never the other way round, but for a map
that becomes an object of known attributes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from .conversion_messages import mismatch
from .decimals import NumberError, number_text
from .numbers import parse_number
from .types import DYNAMIC, NUMBER, STRING, Kind, Type, list_type, map_type, object_type, set_type, tuple_type
from .values import FALSE, TRUE, Value, list_of, map_of, null, number, object_of, set_of, string, tuple_of

if TYPE_CHECKING:
    from collections.abc import Callable

Path = tuple[str | int, ...]
"""Names and indexes from a value down into it."""


class ConversionError(ValueError):
    """A value that cannot have the wanted type. `path` leads to the part of it that is the trouble."""

    def __init__(self, message: str, path: Path = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


def convert(value: Value, wanted: Type) -> Value:
    """Return the value as one of the type `wanted`. Raises ConversionError in cty's words.

    Where DYNAMIC stands in `wanted` the result has a type found for the value.
    """
    if value.type == wanted:
        return value
    if not convertible(value.type, wanted):
        raise ConversionError(mismatch(value.type, wanted, convertible))
    return _convert(value, wanted, ())


def unify(types: list[Type]) -> Type | None:
    """Return the type that values of all these types convert to, the nearest one; None if there is none."""
    return _unify(tuple(types), safe=False)


@lru_cache(maxsize=4096)
def convertible(given: Type, wanted: Type, *, safe: bool = False) -> bool:
    """Whether a conversion exists. A value of the type may still fail it, unless `safe` ones only are asked for."""
    if wanted.kind is Kind.DYNAMIC:
        return True
    if given.kind is Kind.DYNAMIC:
        return not safe
    if given.is_primitive and wanted.is_primitive:
        return wanted in (given, STRING) or (given == STRING and not safe)
    return _structures_convertible(given, wanted, safe)


def _structures_convertible(given: Type, wanted: Type, safe: bool) -> bool:
    pair = (given.kind, wanted.kind)
    if pair == (Kind.OBJECT, Kind.OBJECT):
        have = given.attributes
        return all(name in have and _part(have[name], want, safe) for name, want in wanted.attribute_items)
    if pair == (Kind.TUPLE, Kind.TUPLE):
        return len(given.elements) == len(wanted.elements) and all(
            _part(have, want, safe) for have, want in zip(given.elements, wanted.elements, strict=True)
        )
    if pair == (Kind.MAP, Kind.OBJECT):
        return not safe and all(_part(given.element_type, want, safe) for _, want in wanted.attribute_items)
    return wanted.is_collection and _to_collection(given, wanted, safe)


def _part(given: Type, wanted: Type, safe: bool) -> bool:
    return given == wanted or convertible(given, wanted, safe=safe)


def _to_collection(given: Type, wanted: Type, safe: bool) -> bool:
    map_wanted = wanted.kind is Kind.MAP
    if given.is_mapping != map_wanted or not (given.is_mapping or given.is_sequence):
        return False
    if given.is_collection:
        loses_order = (given.kind, wanted.kind) == (Kind.LIST, Kind.SET)
        return not (loses_order and safe) and _part(given.element_type, wanted.element_type, safe)
    parts = given.elements or tuple(kind for _, kind in given.attribute_items)
    element = wanted.element_type
    if element.kind is Kind.DYNAMIC and parts:
        common = _unify(parts, safe)
        if common is None or (common.kind is Kind.DYNAMIC and not map_wanted and set(parts) != {DYNAMIC}):
            return False
        element = common
    return all(_part(part, element, safe) for part in parts)


def _convert(value: Value, wanted: Type, path: Path) -> Value:
    """Convert where a conversion exists."""
    if wanted.kind is Kind.DYNAMIC or value.type == wanted:
        return value
    if value.is_null:
        return null(_filled_in(value.type, wanted))
    if wanted.is_primitive:
        return _primitive(value, wanted, path)
    return _STRUCTURED[wanted.kind](value, wanted, path)


def _primitive(value: Value, wanted: Type, path: Path) -> Value:
    if wanted == STRING:
        return string(number_text(value.decimal) if value.type == NUMBER else str(value.payload).lower())
    if wanted == NUMBER:
        return _number_from(value.text, path)
    if value.text in ("true", "1"):
        return TRUE
    if value.text in ("false", "0"):
        return FALSE
    lower = value.text.lower()
    hint = f'; to convert from string, use lowercase "{lower}"' if lower in ("true", "false") else ""
    raise ConversionError(f"a bool is required{hint}", path)


def _number_from(text: str, path: Path) -> Value:
    try:
        parsed = parse_number(text)
    except NumberError as error:
        raise ConversionError(str(error), path) from None
    if parsed is None:
        raise ConversionError("a number is required", path)
    return number(parsed)


def _parts(value: Value) -> list[tuple[str | int, Value]]:
    return list(value.fields.items()) if value.type.is_mapping else list(enumerate(value.items))


def _to_object(value: Value, wanted: Type, path: Path) -> Value:
    for name, _ in wanted.attribute_items:
        if name not in value.fields:
            raise ConversionError(f'map has no element for required attribute "{name}"', path)
    return object_of({name: _convert(value.fields[name], want, (*path, name)) for name, want in wanted.attribute_items})


def _to_tuple(value: Value, wanted: Type, path: Path) -> Value:
    pairs = zip(value.items, wanted.elements, strict=True)
    return tuple_of([_convert(item, want, (*path, index)) for index, (item, want) in enumerate(pairs)])


def _element_type(value: Value, wanted: Type) -> Type:
    """Return the element type to aim at: the wanted one, or the common one of a structure's parts."""
    if wanted.element_type.kind is not Kind.DYNAMIC or value.type.is_collection or not value.length:
        return wanted.element_type
    types = value.type.elements or tuple(kind for _, kind in value.type.attribute_items)
    return _unify(types, safe=False) or DYNAMIC


def _elements(value: Value, wanted: Type, path: Path) -> tuple[Type, list[tuple[str | int, Value]]]:
    """Return the one type that the converted elements have, and them."""
    element = _element_type(value, wanted)
    converted = [(place, _convert(item, element, (*path, place))) for place, item in _parts(value)]
    if not converted:
        empty = value.type.element if element.kind is Kind.DYNAMIC else None
        return empty or element, []
    types = {item.type for _, item in converted}
    if len(types) == 1:
        return types.pop(), converted
    common = _unify(tuple(item.type for _, item in converted), safe=False)
    if common is None:
        raise ConversionError("cannot find a common base type for all elements", path)
    unified = (
        converted if wanted.kind is Kind.SET else [(p, _convert(item, common, (*path, p))) for p, item in converted]
    )
    if len({item.type for _, item in unified}) > 1:
        raise ConversionError(f"element types must all match for conversion to {wanted.kind.value}", path)
    return unified[0][1].type, unified


def _to_list(value: Value, wanted: Type, path: Path) -> Value:
    element, parts = _elements(value, wanted, path)
    return list_of(element, [item for _, item in parts])


def _to_set(value: Value, wanted: Type, path: Path) -> Value:
    element, parts = _elements(value, wanted, path)
    return set_of(element, [item for _, item in parts])


def _to_map(value: Value, wanted: Type, path: Path) -> Value:
    element, parts = _elements(value, wanted, path)
    return map_of(element, {str(name): item for name, item in parts})


_STRUCTURED: dict[Kind, Callable[[Value, Type, Path], Value]] = {
    Kind.OBJECT: _to_object,
    Kind.TUPLE: _to_tuple,
    Kind.LIST: _to_list,
    Kind.SET: _to_set,
    Kind.MAP: _to_map,
}


def _filled_in(given: Type, wanted: Type) -> Type:
    """Return the type `wanted` of a null, its DYNAMIC parts replaced by what the type `given` says of them."""
    if given.kind is Kind.DYNAMIC or wanted.kind is Kind.DYNAMIC:
        return wanted if given.kind is Kind.DYNAMIC else given
    if wanted.kind is Kind.TUPLE:
        return tuple_type(map(_filled_in, given.elements, wanted.elements))
    if wanted.kind is Kind.OBJECT:
        have = given.attributes
        if given.is_collection:
            have = dict.fromkeys(wanted.attributes, given.element_type)
        return object_type({name: _filled_in(have[name], want) for name, want in wanted.attribute_items})
    if not wanted.is_collection:
        return wanted
    element = given.element
    if element is None:
        element = _unify(given.elements or tuple(kind for _, kind in given.attribute_items), safe=False) or DYNAMIC
    return _COLLECTIONS[wanted.kind](_filled_in(element, wanted.element_type))


_WITH_PARTS = {Kind.LIST, Kind.SET, Kind.MAP, Kind.TUPLE, Kind.OBJECT}
_COLLECTIONS = {Kind.LIST: list_type, Kind.SET: set_type, Kind.MAP: map_type}


# Unification


@lru_cache(maxsize=4096)
def _unify(types: tuple[Type, ...], safe: bool) -> Type | None:
    kinds = {kind.kind for kind in types}
    known = kinds - {Kind.DYNAMIC}
    if len(known) == 1 and known <= _WITH_PARTS:
        return DYNAMIC if Kind.DYNAMIC in kinds else _unify_alike(types, types[0].kind, safe)
    if known in ({Kind.MAP, Kind.OBJECT}, {Kind.LIST, Kind.TUPLE}):
        as_collections = _structures_as_collections(types, safe)
        if as_collections is not None:
            return as_collections
    elif Kind.OBJECT in known and Kind.TUPLE in known:
        return None
    return next((want for want in _by_preference(types) if all(_part(given, want, safe) for given in types)), None)


def _unify_alike(types: tuple[Type, ...], kind: Kind, safe: bool) -> Type | None:
    """Unify types of one kind that has parts."""
    if kind in _COLLECTIONS:
        element = _unify(tuple(given.element_type for given in types), safe)
        return None if element is None else _COLLECTIONS[kind](element)
    shapes = {tuple(given.attributes) if kind is Kind.OBJECT else len(given.elements) for given in types}
    if len(shapes) > 1:
        return _to_common_collection(types, kind, safe)
    columns = zip(*(_part_types(given) for given in types), strict=True)
    parts = [_unify(column, safe) for column in columns]
    if None in parts:
        return None
    found = [part for part in parts if part is not None]
    whole = (
        object_type(dict(zip(types[0].attributes, found, strict=True))) if kind is Kind.OBJECT else tuple_type(found)
    )
    return whole if all(_part(given, whole, safe) for given in types) else _to_common_collection(types, kind, safe)


def _part_types(structure: Type) -> tuple[Type, ...]:
    return structure.elements or tuple(kind for _, kind in structure.attribute_items)


def _to_common_collection(types: tuple[Type, ...], kind: Kind, safe: bool) -> Type | None:
    parts = tuple(part for given in types for part in _part_types(given))
    element = _unify(parts, safe) if parts else None
    if element is None:
        return None
    whole = map_type(element) if kind is Kind.OBJECT else list_type(element)
    return whole if all(_part(given, whole, safe) for given in types) else None


def _structures_as_collections(types: tuple[Type, ...], safe: bool) -> Type | None:
    structures = tuple(given for given in types if given.kind in (Kind.TUPLE, Kind.OBJECT))
    common = _to_common_collection(structures, structures[0].kind, safe)
    if common is None:
        return None
    found = _unify(tuple(common if given in structures else given for given in types), safe)
    return found if found is not None and found.is_collection else None


def _by_preference(types: tuple[Type, ...]) -> list[Type]:
    """Order types so that one comes before another that converts to it and is less general."""
    followers: list[list[int]] = [[] for _ in types]
    waiting_for = [0] * len(types)
    for left in range(len(types)):
        for right in range(left + 1, len(types)):
            order = _compare(types[left], types[right])
            if order:
                first, second = (left, right) if order < 0 else (right, left)
                followers[first].append(second)
                waiting_for[second] += 1
    ready = [index for index, count in enumerate(waiting_for) if not count]
    for index in ready:
        for follower in followers[index]:
            waiting_for[follower] -= 1
            if not waiting_for[follower]:
                ready.append(follower)
    return [types[index] for index in ready]


def _compare(left: Type, right: Type) -> int:
    """Return -1 if `left` is the more general type, 1 if `right` is, 0 if neither or nobody can say."""
    if DYNAMIC in (left, right):
        return (left is DYNAMIC or left == DYNAMIC) - (right == DYNAMIC)
    if left.is_primitive and right.is_primitive:
        return (right == STRING) - (left == STRING) if left != right else 0
    if left.is_collection and left.kind is right.kind:
        return _compare(left.element_type, right.element_type)
    if left.kind is right.kind:
        return _compare_parts(left, right)
    ranks = _GENERALITY.get(left.kind), _GENERALITY.get(right.kind)
    if None in ranks or left.is_mapping != right.is_mapping:
        return 0
    return -1 if (ranks[0] or 0) > (ranks[1] or 0) else 1


_GENERALITY = {Kind.TUPLE: 1, Kind.LIST: 2, Kind.SET: 0, Kind.OBJECT: 1, Kind.MAP: 2}


def _compare_parts(left: Type, right: Type) -> int:
    if tuple(left.attributes) != tuple(right.attributes) or len(left.elements) != len(right.elements):
        return 0
    orders = {_compare(one, other) for one, other in zip(_part_types(left), _part_types(right), strict=True)}
    return sum(orders)
