"""Which arguments a block takes: the checks that HashiCorp's decoder makes, in its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsqltokd.hcl import ConversionError, convert
from dsqltokd.hcl.suggest import did_you_mean

from .errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from dsqltokd.hcl import Attribute, Block, Expression, Type, Value


def check_body(block: Block, *, allowed: Collection[str], required: Iterable[str]) -> Mapping[str, Attribute]:
    """Return the block's attributes; `ProjectError` for one not `allowed`, a `required` one missing, a block inside."""
    attributes = block.body.attributes
    for name, attribute in attributes.items():
        if name not in allowed:
            raise ProjectError(
                "Unsupported argument",
                f'An argument named "{name}" is not expected here.{did_you_mean(name, allowed)}',
                attribute.name_span,
                hint=f"{' '.join((block.type, *block.labels[:1]))} takes {', '.join(allowed)}",
            )
    for inner in block.body.blocks:
        raise ProjectError(
            "Unsupported block type", f'Blocks of type "{inner.type}" are not expected here.', inner.type_span
        )
    for name in required:
        if name not in attributes:
            raise ProjectError(
                "Missing required argument",
                f'The argument "{name}" is required, but no definition was found.',
                block.span,
                hint=f"add {name} = … to it",
            )
    return attributes


def typed_value(attribute: Attribute, wanted: Type, evaluate: Callable[[Expression], Value]) -> Value:
    """Return the attribute's value converted to `wanted`, never null; `ProjectError` where it cannot be."""
    value = evaluate(attribute.expression)
    subject = attribute.expression.span
    if value.is_null:
        raise ProjectError(
            "Unsuitable value type",
            f'The argument "{attribute.name}" is null: a null value is not allowed.',
            subject,
            hint=f"leave {attribute.name} out instead",
        )
    try:
        return convert(value, wanted)
    except ConversionError as error:
        raise ProjectError(
            "Unsuitable value type",
            f'Unsuitable value for "{attribute.name}": {error}.',
            subject,
            hint=f"{attribute.name} takes a {wanted}",
        ) from None
