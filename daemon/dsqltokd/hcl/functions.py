"""The functions of the language that need nothing of the world: cty's, HCL's `try` and `can`, YAML's and Atlas's own.

Each is Go's to the letter. Unlike cty's, no message quotes a value, since a value may be a secret. Functions that read
files or the environment are the caller's. What takes time to load, such as a compiled pattern, is loaded by the first
call that needs it: an evaluation begins with the import of all this, and most call hardly anything.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from .arguments import of_one, to_value
from .calls import try_each
from .collection_functions import COLLECTION_FUNCTIONS
from .conversion import ConversionError, convert, convertible
from .csv_functions import CSV_FUNCTIONS
from .date_functions import DATE_FUNCTIONS
from .format_functions import FORMAT_FUNCTIONS
from .json_functions import JSON_FUNCTIONS
from .number_functions import NUMBER_FUNCTIONS
from .regex_functions import REGEX_FUNCTIONS
from .scope import EvaluationError, Function, FunctionError, LazyFunction, Parameter
from .set_functions import SET_FUNCTIONS
from .text_functions import TEXT_FUNCTIONS
from .types import BOOL, DYNAMIC, NUMBER, STRING, Type, list_type, set_type
from .url_functions import URL_FUNCTIONS
from .values import FALSE, TRUE, Value, object_of, string
from .yaml_functions import YAML_FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_ALLOWED = {
    BOOL: 'bool; only the strings "true" or "false" are allowed',
    NUMBER: "number; given string must be a decimal representation of a number",
}


def _to(name: str, wanted: Type) -> Function:
    """Return the function that converts to a type when asked to."""

    def call(value: Value) -> Value:
        given = value.type
        if not convertible(given, wanted):
            raise FunctionError(f"cannot convert {given} to {wanted.wanted}", 0)
        try:
            return convert(value, wanted)
        except ConversionError:
            target = _ALLOWED.get(wanted, wanted.wanted) if given == STRING else wanted.wanted
            raise FunctionError(f"cannot convert {given} to {target}", 0) from None

    return of_one(name, Parameter("v", DYNAMIC, allow_null=True), call)


def _can(expressions: Sequence[Callable[[], Value]]) -> Value:
    try:
        expressions[0]()
    except EvaluationError as error:
        if not error.diagnostics:
            raise
        return FALSE
    return TRUE


def _sql(text: str) -> Value:
    """Return a raw expression, which Atlas keeps as a type of its own; like that, an object is no string."""
    if not text:
        raise FunctionError("empty expression")
    return object_of({"sql": string(text)})


_ALL: tuple[Function | LazyFunction, ...] = (
    _to("tostring", STRING),
    _to("tonumber", NUMBER),
    _to("tobool", BOOL),
    _to("tolist", list_type(DYNAMIC)),
    _to("toset", set_type(DYNAMIC)),
    LazyFunction("try", (), Parameter("expressions"), try_each),
    LazyFunction("can", (Parameter("expression"),), None, _can),
    # Atlas also prints the value, for whom it may concern; here nobody reads the output, and it could be a secret.
    of_one("print", Parameter("print"), lambda value: value),
    to_value("sql", ("def",), _sql),
    *TEXT_FUNCTIONS,
    *NUMBER_FUNCTIONS,
    *FORMAT_FUNCTIONS,
    *DATE_FUNCTIONS,
    *REGEX_FUNCTIONS,
    *URL_FUNCTIONS,
    *COLLECTION_FUNCTIONS,
    *SET_FUNCTIONS,
    *JSON_FUNCTIONS,
    *CSV_FUNCTIONS,
    *YAML_FUNCTIONS,
)
FUNCTIONS: Mapping[str, Function | LazyFunction] = MappingProxyType({function.name: function for function in _ALL})
"""All of them, by name."""
