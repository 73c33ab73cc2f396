"""The functions of the language that need nothing of the world: cty's standard library and HCL's `try` and `can`.

Each is Go's to the letter; what is not here yet is not there at all. Unlike cty's, no message quotes a value, since a
value may be a secret. Functions that read files or the environment are the caller's.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from .calls import try_each
from .collection_functions import COLLECTION_FUNCTIONS
from .conversion import ConversionError, convert, convertible
from .gotext import SPACES
from .json_functions import JSON_FUNCTIONS
from .scope import EvaluationError, Function, FunctionError, LazyFunction, Parameter
from .types import BOOL, DYNAMIC, NUMBER, STRING, Type, list_type, set_type
from .values import FALSE, TRUE, Value, list_of, number, string

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_DOTTED_CAPITAL_I = "\u0130"


def _of_strings(name: str, parameters: Sequence[str], compute: Callable[..., str]) -> Function:
    """Return a function of strings that gives a string."""
    params = tuple(Parameter(parameter, STRING) for parameter in parameters)
    return Function(name, params, None, lambda values: string(compute(*(value.text for value in values))))


def _upper(text: str) -> str:
    return "".join(map(_simple_upper, text))


def _simple_upper(char: str) -> str:
    """Return the one character that Unicode's simple mapping gives: Go leaves `ß` alone, Python makes two of it."""
    upper = char.upper()
    title = char.title()
    return upper if len(upper) == 1 else title if len(title) == 1 else char


def _lower(text: str) -> str:
    return "".join("i" if char == _DOTTED_CAPITAL_I else char.lower() for char in text)


def _urlescape(text: str) -> str:
    return quote_plus(text, safe="", errors="surrogateescape")


def _split(values: Sequence[Value]) -> Value:
    separator, text = (value.text for value in values)
    parts = text.split(separator) if separator else list(text)
    return list_of(STRING, [string(part) for part in parts])


def _join(values: Sequence[Value]) -> Value:
    separator, *lists = values
    if not lists:
        raise FunctionError("at least one list is required")
    texts: list[str] = []
    for place, each in enumerate(lists, 1):
        for index, item in enumerate(each.items):
            if item.is_null:
                which = f" of list {place}" if len(lists) > 1 else ""
                raise FunctionError(f"element {index}{which} is null; cannot concatenate null values", place)
            texts.append(item.text)
    return string(separator.text.join(texts))


def _of_number(name: str, compute: Callable[[Value], Value]) -> Function:
    return Function(name, (Parameter("num", NUMBER),), None, lambda values: compute(values[0]))


def _whole(rounding: str) -> Callable[[Value], Value]:
    return lambda value: number(int(value.decimal.to_integral_value(rounding)))


def _extreme(name: str, choose: Callable[..., Value]) -> Function:
    def call(values: Sequence[Value]) -> Value:
        if not values:
            raise FunctionError("must pass at least one number")
        return choose(values, key=lambda value: value.decimal)

    return Function(name, (), Parameter("numbers", NUMBER), call)


_ALLOWED = {
    BOOL: 'bool; only the strings "true" or "false" are allowed',
    NUMBER: "number; given string must be a decimal representation of a number",
}


def _to(name: str, wanted: Type) -> Function:
    """Return the function that converts to a type when asked to."""

    def call(values: Sequence[Value]) -> Value:
        given = values[0].type
        if not convertible(given, wanted):
            raise FunctionError(f"cannot convert {given} to {wanted.wanted}", 0)
        try:
            return convert(values[0], wanted)
        except ConversionError:
            target = _ALLOWED.get(wanted, wanted.wanted) if given == STRING else wanted.wanted
            raise FunctionError(f"cannot convert {given} to {target}", 0) from None

    return Function(name, (Parameter("v", DYNAMIC, allow_null=True),), None, call)


def _can(expressions: Sequence[Callable[[], Value]]) -> Value:
    try:
        expressions[0]()
    except EvaluationError as error:
        if not error.diagnostics:
            raise
        return FALSE
    return TRUE


_ALL: tuple[Function | LazyFunction, ...] = (
    _of_strings("upper", ("str",), _upper),
    _of_strings("lower", ("str",), _lower),
    _of_strings("trim", ("str", "cutset"), str.strip),
    _of_strings("trimspace", ("str",), lambda text: text.strip(SPACES)),
    _of_strings("trimprefix", ("str", "prefix"), str.removeprefix),
    _of_strings("trimsuffix", ("str", "suffix"), str.removesuffix),
    _of_strings("replace", ("str", "substr", "replace"), str.replace),
    _of_strings("urlescape", ("string",), _urlescape),
    Function("split", (Parameter("separator", STRING), Parameter("str", STRING)), None, _split),
    Function("join", (Parameter("separator", STRING),), Parameter("lists", list_type(STRING)), _join),
    _of_number("abs", lambda value: number(value.decimal.copy_abs())),
    _of_number("ceil", _whole(ROUND_CEILING)),
    _of_number("floor", _whole(ROUND_FLOOR)),
    _extreme("min", min),
    _extreme("max", max),
    _to("tostring", STRING),
    _to("tonumber", NUMBER),
    _to("tobool", BOOL),
    _to("tolist", list_type(DYNAMIC)),
    _to("toset", set_type(DYNAMIC)),
    LazyFunction("try", (), Parameter("expressions"), try_each),
    LazyFunction("can", (Parameter("expression"),), None, _can),
    *COLLECTION_FUNCTIONS,
    *JSON_FUNCTIONS,
)
FUNCTIONS: Mapping[str, Function | LazyFunction] = MappingProxyType({function.name: function for function in _ALL})
"""All of them, by name."""
