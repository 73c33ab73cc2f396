"""The types of values: cty's, which HCL's values are made of.

Primitive types are STRING, NUMBER and BOOL. Collections (list, set, map) hold elements of one type, structures (tuple,
object) a type for each place. DYNAMIC is the type of a null nobody has said more about, and as an element type stands
for "any". Types compare by structure. They are bounded in depth and size, and with them the values they describe.
"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_TYPE_DEPTH = 150
"""How deeply types, and so values, may nest. HCL has no limit; here every walk over a value is recursive."""

MAX_TYPE_SIZE = 500_000
"""Of how many types a type may be made. A value that holds another one twice doubles it, and so on and on; it takes no
memory to speak of, but whoever walks over it never comes to an end."""


class Kind(Enum):
    """The families of types, by the name they have in messages."""

    __hash__ = object.__hash__  # Enum's own is written in Python, and types are looked up by kind all the time

    STRING = "string"
    NUMBER = "number"
    BOOL = "bool"
    DYNAMIC = "dynamic"
    LIST = "list"
    SET = "set"
    MAP = "map"
    TUPLE = "tuple"
    OBJECT = "object"


class LimitError(ValueError):
    """A value beyond what there is room for; `summary` is what to say of it, the text is the limit."""

    summary = "Value too large"


class NestingError(LimitError):
    """A value nests deeper than `MAX_TYPE_DEPTH`."""

    summary = "Value too deep"

    def __init__(self) -> None:
        super().__init__(f"values may not nest deeper than {MAX_TYPE_DEPTH} levels")


class Type:
    """A cty type. Make one by the constants and functions of this module, not directly; it never changes.

    `element` is a collection's element type, `elements` a tuple's types, `attributes` an object's, ordered by name.
    `str()` gives the friendly name that messages use, such as `list of string`; an object is just `object` there.
    """

    __slots__ = ("_hash", "attribute_items", "depth", "element", "elements", "kind", "size")

    def __init__(
        self,
        kind: Kind,
        element: Type | None = None,
        elements: tuple[Type, ...] = (),
        attribute_items: tuple[tuple[str, Type], ...] = (),
    ) -> None:
        inner = [element] if element else elements or [each for _, each in attribute_items]
        self.depth: int = 1 + max([each.depth for each in inner], default=0)
        if self.depth > MAX_TYPE_DEPTH:
            raise NestingError
        self.size: int = 1 + sum([each.size for each in inner])
        if self.size > MAX_TYPE_SIZE:
            raise LimitError(f"values may not have more than {MAX_TYPE_SIZE} elements")
        self.kind = kind
        self.element = element
        self.elements = elements
        self.attribute_items = attribute_items
        # Kept, because a structural hash of a type that shares its parts would take time exponential in its depth.
        self._hash = hash((kind, element, elements, attribute_items))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Type) and self._hash == other._hash and self._parts() == other._parts()

    def __hash__(self) -> int:
        return self._hash

    def _parts(self) -> tuple[object, ...]:
        return (self.kind, self.element, self.elements, self.attribute_items)

    def __str__(self) -> str:
        name: str = self.kind.value
        return name if self.element is None else f"{name} of {self.element}"

    @property
    def wanted(self) -> str:
        """Its friendly name as what is required of a value, where DYNAMIC means any type."""
        if self.kind is Kind.DYNAMIC:
            return "any type"
        if self.element is None:
            return str(self)
        element = "any single type" if self.element is DYNAMIC else self.element.wanted
        return f"{self.kind.value} of {element}"

    @property
    def attributes(self) -> Mapping[str, Type]:
        """An object type's attributes, ordered by name."""
        return MappingProxyType(dict(self.attribute_items))

    @property
    def element_type(self) -> Type:
        """A collection's element type; to ask another type for it is a mistake in the program."""
        if self.element is None:
            raise TypeError(f"{self} has no element type")
        return self.element

    @property
    def is_primitive(self) -> bool:
        """Whether this is string, number or bool."""
        return self.kind in _PRIMITIVE

    @property
    def is_number(self) -> bool:
        """Whether this is number."""
        return self.kind is Kind.NUMBER

    @property
    def is_collection(self) -> bool:
        """Whether this is a list, set or map."""
        return self.element is not None

    @property
    def is_sequence(self) -> bool:
        """Whether values have elements without names: a list, set or tuple."""
        return self.kind in _SEQUENCE

    @property
    def is_mapping(self) -> bool:
        """Whether values have elements by name: a map or object."""
        return self.kind in _MAPPING


_PRIMITIVE = frozenset({Kind.STRING, Kind.NUMBER, Kind.BOOL})
_SEQUENCE = frozenset({Kind.LIST, Kind.SET, Kind.TUPLE})
_MAPPING = frozenset({Kind.MAP, Kind.OBJECT})

STRING = Type(Kind.STRING)
NUMBER = Type(Kind.NUMBER)
BOOL = Type(Kind.BOOL)
DYNAMIC = Type(Kind.DYNAMIC)


def list_type(element: Type) -> Type:
    """Return the type of lists of `element`."""
    return Type(Kind.LIST, element)


def set_type(element: Type) -> Type:
    """Return the type of sets of `element`."""
    return Type(Kind.SET, element)


def map_type(element: Type) -> Type:
    """Return the type of maps from strings to `element`."""
    return Type(Kind.MAP, element)


def tuple_type(elements: Iterable[Type]) -> Type:
    """Return the type of tuples with these element types, in this order."""
    return Type(Kind.TUPLE, elements=tuple(elements))


def object_type(attributes: Mapping[str, Type]) -> Type:
    """Return the type of objects with these attributes."""
    return Type(Kind.OBJECT, attribute_items=tuple(sorted(attributes.items(), key=lambda item: item[0])))
