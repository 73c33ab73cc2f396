"""Why a type does not convert to another, in cty's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .gotext import quoted
from .types import BOOL, NUMBER, STRING, Kind, Type

if TYPE_CHECKING:
    from collections.abc import Iterable


class Convertible(Protocol):
    """`conversion.convertible`, which knows this module and so cannot be imported here."""

    def __call__(self, given: Type, wanted: Type, *, safe: bool = False) -> bool:
        """Whether a conversion exists."""


def mismatch(given: Type, wanted: Type, convertible: Convertible) -> str:
    """Say what is wrong with `given` where `wanted` is needed, given that it does not convert."""
    if given.kind is wanted.kind is Kind.OBJECT:
        return _objects(given, wanted, convertible)
    if not given.is_collection and _same_family(given, wanted) and wanted.is_collection:
        return _structure(given, wanted, convertible)
    if given.is_collection and wanted.is_collection and _same_family(given, wanted):
        inner = mismatch(given.element_type, wanted.element_type, convertible)
        return f"incorrect {wanted.kind.value} element type: {inner}"
    if wanted.is_collection and (given.is_collection or given.kind in (Kind.TUPLE, Kind.OBJECT)):
        return f"{wanted.wanted} required"
    if _names_say_little(given, wanted):
        return f"{wanted.wanted} required"
    return f"{wanted} required, but have {given}"


def _same_family(given: Type, wanted: Type) -> bool:
    return given.is_mapping == wanted.is_mapping and given.is_sequence == wanted.is_sequence


def _objects(given: Type, wanted: Type, convertible: Convertible) -> str:
    have = given.attributes
    missing = [quoted(name) for name in wanted.attributes if name not in have]
    if missing:
        names = missing[0]
        if len(missing) > 1:
            comma = "," if len(missing) > 2 else ""  # noqa: PLR2004 - two are joined by the word alone
            names = f"{', '.join(missing[:-1])}{comma} and {missing[-1]}"
        return f"attribute {names} is required" if len(missing) == 1 else f"attributes {names} are required"
    for name, want in wanted.attribute_items:
        if have[name] != want and not convertible(have[name], want):
            return f"attribute {quoted(name)}: {mismatch(have[name], want, convertible)}"
    return "incorrect object attributes"


def _structure(given: Type, wanted: Type, convertible: Convertible) -> str:
    if wanted.element_type.kind is Kind.DYNAMIC:
        return f"all {wanted.kind.value} elements must have the same type"
    parts: Iterable[tuple[str, Type]] = ((quoted(name), part) for name, part in given.attribute_items)
    if given.kind is Kind.TUPLE:
        parts = ((str(index), part) for index, part in enumerate(given.elements))
    for place, part in parts:
        if part != wanted.element_type and not convertible(part, wanted.element_type):
            return f"element {place}: {mismatch(part, wanted.element_type, convertible)}"
    return f"all elements must be {wanted.element_type.wanted}"


def _names_say_little(given: Type, wanted: Type) -> bool:
    """Whether to name the type that was given would be no help, as where both are objects."""
    if given.is_primitive != wanted.is_primitive or wanted == STRING:
        return False
    return {given, wanted} != {BOOL, NUMBER}
