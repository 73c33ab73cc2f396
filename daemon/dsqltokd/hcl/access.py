"""Looking into values: `.name` and `[key]`.

What can be looked up is a matter of types first, so that an empty list's elements can be asked too; only then of
values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .conversion import ConversionError, convert
from .gotext import quoted
from .scope import EvaluationError, fail
from .source import Diagnostic
from .suggest import did_you_mean
from .syntax import AttributeStep, Step
from .types import DYNAMIC, NUMBER, STRING, Kind, Type
from .values import Value, null, object_of, tuple_of

if TYPE_CHECKING:
    from .source import Span

_NO_INDEX = "Invalid index"
_NO_ELEMENT = "The given key does not identify an element in this collection value"
_NO_ATTRIBUTE = "Unsupported attribute"


def step_into(value: Value, step: Step) -> Value:
    """Return what one literal step leads to. Raises EvaluationError at the step."""
    if isinstance(step, AttributeStep):
        return attribute(value, step.name, step.span)
    return element(value, step.key, step.span)


def step_type(of: Type, step: Step) -> Type:
    """Return the type that a step into any value of a type leads to, DYNAMIC where the value decides."""
    if of.kind is Kind.DYNAMIC:
        return DYNAMIC
    if of.kind in (Kind.OBJECT, Kind.TUPLE):
        hollow = object_of({name: null(kind) for name, kind in of.attribute_items})
        return step_into(hollow if of.kind is Kind.OBJECT else tuple_of(map(null, of.elements)), step).type
    return attribute_type(of, step.name, step.span) if isinstance(step, AttributeStep) else index_type(of, step.span)


def step_after(error: EvaluationError, step: Step) -> EvaluationError:
    """Return the error of a value that a step leads into: with its type, and with what any value would show wrong."""
    try:
        return EvaluationError(*error.diagnostics, type_=step_type(error.type, step))
    except EvaluationError as more:
        return EvaluationError(*error.diagnostics, *more.diagnostics)


def index_after(of: Type, error: EvaluationError, where: Span) -> EvaluationError:
    """Return the error of a key into a value of a type: with the element's type, and what is wrong in any case."""
    if DYNAMIC in (of, error.type):
        return EvaluationError(*error.diagnostics)
    try:
        found = index_type(of, where)
        convert(null(error.type), STRING if of.is_mapping else NUMBER)
    except EvaluationError as more:
        return EvaluationError(*error.diagnostics, *more.diagnostics)
    except ConversionError as more:
        return EvaluationError(*error.diagnostics, _no_element(more, where))
    return EvaluationError(*error.diagnostics, type_=found)


def attribute(value: Value, name: str, where: Span) -> Value:
    """Return an attribute of an object or an element of a map by its name."""
    if value.is_null:
        raise fail(
            "Attempt to get attribute from null value",
            "This value is null, so it does not have any attributes.",
            where,
        )
    if value.type.is_mapping and name in value.fields:
        return value.fields[name]
    attribute_type(value.type, name, where)
    suggestion = did_you_mean(name, value.fields)
    raise fail(
        "Missing map element", f"This map does not have an element with the key {quoted(name)}.{suggestion}", where
    )


def attribute_type(of: Type, name: str, where: Span) -> Type:
    """Return the type of an attribute of any value of a type. Raises EvaluationError if values have none such."""
    if of.kind is Kind.MAP:
        return of.element_type
    if of.kind is not Kind.OBJECT:
        raise fail(_NO_ATTRIBUTE, _no_attributes(of, name), where)
    found = of.attributes.get(name)
    if found is None:
        suggestion = did_you_mean(name, of.attributes)
        detail = f"This object does not have an attribute named {quoted(name)}.{suggestion}"
        raise fail(_NO_ATTRIBUTE, detail, where)
    return found


def _no_attributes(of: Type, name: str) -> str:
    if of.is_primitive:
        return f"Can't access attributes on a primitive-typed value ({of})."
    if of.element is not None and of.element.kind is Kind.OBJECT:
        which = f"attribute {quoted(name)}" if name in of.element.attributes else "an attribute"
        one = "for a specific element of the list, or " if of.kind is Kind.LIST else ""
        return (
            f"Can't access attributes on a {of.kind.value} of objects. Did you mean to access {which} {one}across all "
            f"elements of the {of.kind.value}?"
        )
    return "This value does not have any attributes."


def element(value: Value, key: Value, where: Span) -> Value:
    """Return an element of a list or tuple by its index, of a map or object by its name."""
    if value.is_null:
        raise fail("Attempt to index null value", "This value is null, so it does not have any indices.", where)
    if key.is_null:
        raise fail(_NO_INDEX, "Can't use a null value as an indexing key.", where)
    index_type(value.type, where)
    try:
        wanted = convert(key, STRING if value.type.is_mapping else NUMBER)
    except ConversionError as error:
        raise EvaluationError(_no_element(error, where)) from None
    if not value.type.is_mapping:
        return _by_index(value, wanted, where)
    if wanted.text not in value.fields:
        by_number = value.type.kind is Kind.OBJECT and key.type == NUMBER
        hint = " An object only supports looking up attributes by name, not by numeric index." if by_number else ""
        raise fail(_NO_INDEX, f"{_NO_ELEMENT}.{hint}", where)
    return value.fields[wanted.text]


def _no_element(reason: ConversionError, where: Span) -> Diagnostic:
    return Diagnostic(_NO_INDEX, f"{_NO_ELEMENT}: {reason.message}.", where)


def index_type(of: Type, where: Span) -> Type:
    """Return the type of the elements of any value of a type, DYNAMIC if they differ. Raises EvaluationError."""
    if of.kind is Kind.SET:
        raise fail(
            _NO_INDEX,
            "Elements of a set are identified only by their value and don't have any separate index or key to select "
            "with, so it's only possible to perform operations across all elements of the set.",
            where,
        )
    if not (of.is_sequence or of.is_mapping):
        raise fail(_NO_INDEX, "This value does not have any indices.", where)
    return of.element or DYNAMIC


def _by_index(value: Value, index: Value, where: Span) -> Value:
    place = index.decimal
    if place != place.to_integral_value():
        reason = "indexing a sequence requires a whole number, but the given index has a fractional part"
    elif place < 0:
        reason = "a negative number is not a valid index for a sequence"
    elif not value.items:
        reason = "the collection has no elements"
    elif place >= len(value.items):
        reason = "the given index is greater than or equal to the length of the collection"
    else:
        return value.items[int(place)]
    raise fail(_NO_INDEX, f"{_NO_ELEMENT}: {reason}.", where)
