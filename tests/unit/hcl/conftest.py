"""Short ways to evaluate a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dsqltokd.hcl import (
    FUNCTIONS,
    Diagnostic,
    HclError,
    Scope,
    Value,
    evaluate_expression,
    from_python,
    parse_expression,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Evaluated = Callable[..., Value]
    FirstMistake = Callable[..., Diagnostic]


def _value(text: str, **variables: Any) -> Value:
    scope = Scope({name: from_python(value) for name, value in variables.items()}, FUNCTIONS)
    return evaluate_expression(parse_expression(text.encode(), "f"), scope)


@pytest.fixture
def value() -> Evaluated:
    """Evaluate an expression with the given variables and all functions."""
    return _value


@pytest.fixture
def mistake() -> FirstMistake:
    """Return the first diagnostic of an expression that has no value."""

    def first(text: str, **variables: Any) -> Diagnostic:
        with pytest.raises(HclError) as caught:
            _value(text, **variables)
        return caught.value.diagnostics[0]

    return first
