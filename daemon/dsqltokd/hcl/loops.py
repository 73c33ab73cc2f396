"""`for` expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .budget import spend
from .conversion import ConversionError, convert
from .parts import attempt, is_structure, untyped
from .scope import EvaluationError, Scope, UnknownScope, fail
from .types import BOOL, DYNAMIC, STRING, Type, object_type, tuple_type
from .values import TRUE, Value, null, number, object_of, string, tuple_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .calls import Evaluator
    from .syntax import Expression, For

    _Element = tuple[Value, Value | EvaluationError]

_CONDITION = "Invalid 'for' condition"
_NULL_CONDITION = "The value of the 'if' clause must not be null."
_KEY = "Invalid object key"


def loop(node: For, scope: Scope, evaluate: Evaluator) -> Value:
    """Return the tuple or object that a `for` makes. Raises EvaluationError of the first element that fails."""
    collection = attempt(node.collection, scope, evaluate)
    if not isinstance(collection, EvaluationError):
        return _made_of(node, collection, scope, evaluate)
    before = collection.diagnostics
    try:
        result = _made_of(node, collection, scope, evaluate)
    except EvaluationError as error:
        raise EvaluationError(*before, *error.diagnostics, type_=error.type, value=error.value) from None
    raise EvaluationError(*before, type_=result.type, value=result)


def _made_of(node: For, collection: Value | EvaluationError, scope: Scope, evaluate: Evaluator) -> Value:
    elements = _elements(node.collection, collection)
    if elements is not None:
        spend(_length(collection), node.span)
    if node.condition is not None:
        _check(node, node.condition, scope, evaluate)
    if elements is None:
        raise EvaluationError
    inner = _included_scopes(node, elements, scope, evaluate)
    return _tuple(node, inner, evaluate) if node.key is None else _object(node, node.key, inner, evaluate)


def _length(collection: Value | EvaluationError) -> int:
    if isinstance(collection, Value):
        return collection.length
    return len(collection.type.elements) + len(collection.type.attribute_items)


def _elements(node: Expression, collection: Value | EvaluationError) -> Iterable[_Element] | None:
    """Return the keys and elements; of a tuple or object that failed, elements not known; None if there is no telling.

    Raises EvaluationError for what has no elements.
    """
    of = collection.type
    if isinstance(collection, EvaluationError):
        if of == DYNAMIC:
            raise EvaluationError
    elif collection.is_null:
        detail = "A null value cannot be used as the collection in a 'for' expression."
        raise fail("Iteration over null value", detail, node.span)
    if not (of.is_sequence or of.is_mapping):
        detail = f"A value of type {of} cannot be used as the collection in a 'for' expression."
        raise fail("Iteration over non-iterable value", detail, node.span)
    if isinstance(collection, Value):
        return collection.elements()
    if not is_structure(node, collection):
        return None
    if of.is_mapping:
        return [(string(name), EvaluationError(type_=each)) for name, each in of.attribute_items]
    return [(number(index), EvaluationError(type_=each)) for index, each in enumerate(of.elements)]


def _check(node: For, condition: Expression, scope: Scope, evaluate: Evaluator) -> None:
    """Find the mistakes in a condition that any element would show, so that they show even if there is none."""
    names = {name: DYNAMIC for name in (node.key_name, node.value_name) if name is not None}
    try:
        result = evaluate(condition, UnknownScope(names, scope))
    except EvaluationError as error:
        try:
            _as_bool(null(error.type), condition)
        except EvaluationError as more:
            raise EvaluationError(*error.diagnostics, *more.diagnostics) from None
        if error.diagnostics:
            raise EvaluationError(*error.diagnostics) from None
    else:
        if result.is_null:
            raise fail("Condition is null", _NULL_CONDITION, condition.span)
        _as_bool(result, condition)


def _included_scopes(node: For, elements: Iterable[_Element], scope: Scope, evaluate: Evaluator) -> Iterator[Scope]:
    for key, value in elements:
        names = {} if node.key_name is None else {node.key_name: key}
        if isinstance(value, EvaluationError):
            names.pop(node.value_name, None)
            inner: Scope = UnknownScope({node.value_name: value.type}, scope, names)
        else:
            names[node.value_name] = value
            inner = Scope(names, parent=scope)
        if node.condition is None or _included(node.condition, inner, evaluate):
            yield inner


def _included(condition: Expression, scope: Scope, evaluate: Evaluator) -> bool:
    result = untyped(condition, scope, evaluate)
    if result.is_null:
        raise fail(_CONDITION, _NULL_CONDITION, condition.span)
    return _as_bool(result, condition) == TRUE


def _as_bool(result: Value, condition: Expression) -> Value:
    try:
        return convert(result, BOOL)
    except ConversionError as error:
        raise fail(_CONDITION, f"The 'if' clause value is invalid: {error.message}.", condition.span) from None


def _tuple(node: For, inner: Iterator[Scope], evaluate: Evaluator) -> Value:
    results = _Results(node.value, evaluate)
    for scope in inner:
        results.add(scope)
    results.check(tuple_type(results.types))
    return tuple_of(results.values)


def _object(node: For, key: Expression, inner: Iterator[Scope], evaluate: Evaluator) -> Value:
    groups: dict[str, _Results] = {}
    duplicate: EvaluationError | None = None
    for scope in inner:
        name = _name(key, scope, evaluate)
        group = groups.setdefault(name, _Results(node.value, evaluate))
        if group.types and not node.group:
            duplicate = duplicate or _duplicate(key)
        else:
            group.add(scope)
    whole = object_type({name: _type_of(node, group) for name, group in groups.items()})
    for group in groups.values():
        group.check(whole)
    if duplicate is not None:
        duplicate.type = whole
        raise duplicate
    if node.group:
        return object_of({name: tuple_of(group.values) for name, group in groups.items()})
    return object_of({name: group.values[0] for name, group in groups.items()})


def _type_of(node: For, group: _Results) -> Type:
    return tuple_type(group.types) if node.group else group.types[0]


def _duplicate(key: Expression) -> EvaluationError:
    return fail(
        "Duplicate object key",
        "Two different items produced the same key in this 'for' expression. To group their values by key, write an "
        "ellipsis (...) after the value expression.",
        key.span,
    )


class _Results:
    """The values of one part in many scopes, their types, and the first error in place of one."""

    def __init__(self, node: Expression, evaluate: Evaluator) -> None:
        self._node = node
        self._evaluate = evaluate
        self._error: EvaluationError | None = None
        self.values: list[Value] = []
        self.types: list[Type] = []

    def add(self, scope: Scope) -> None:
        try:
            self.values.append(self._evaluate(self._node, scope))
            self.types.append(self.values[-1].type)
        except EvaluationError as error:
            self._error = self._error or error
            self.types.append(error.type)
            if error.value is not None:
                self.values.append(error.value)

    def check(self, whole: Type) -> None:
        """Raise the error if there was one; `whole` is the type that all values would have made."""
        if self._error is not None:
            self._error.type = whole
            self._error.value = tuple_of(self.values) if len(self.values) == len(self.types) else None
            raise self._error


def _name(key: Expression, scope: Scope, evaluate: Evaluator) -> str:
    name = untyped(key, scope, evaluate)
    if name.is_null:
        raise fail(_KEY, "Key expression in 'for' expression must not produce a null value.", key.span)
    try:
        return convert(name, STRING).text
    except ConversionError as error:
        raise fail(_KEY, f"The key expression produced an invalid result: {error.message}.", key.span) from None
