"""The functions of YAML. What they do is loaded when one of them is called, as most projects have no YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .arguments import of_one, to_value
from .scope import Function, Parameter
from .types import STRING
from .values import Value, null, string

if TYPE_CHECKING:
    from collections.abc import Sequence


def _yamldecode(text: str) -> Value:
    from .yaml_values import decode  # noqa: PLC0415 - see above

    return decode(text)


def _yamlencode(value: Value) -> Value:
    from .yaml_values import encode  # noqa: PLC0415 - see above

    return string(encode(value))


def _yamlmerge(values: Sequence[Value]) -> Value:
    from .yaml_merge import merge  # noqa: PLC0415 - see above

    if len(values) <= 1:
        return values[0] if values else null(STRING)
    return string(merge([None if value.is_null else value.text for value in values]))


YAML_FUNCTIONS = (
    to_value("yamldecode", ("src",), _yamldecode),
    of_one("yamlencode", Parameter("value", allow_null=True), _yamlencode),
    Function("yamlmerge", (), Parameter("values", STRING, allow_null=True), _yamlmerge),
)
