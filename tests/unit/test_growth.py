"""The bench's fit of how a cost grows."""

from __future__ import annotations

import pytest

from bench import growth

SIZES = (1, 10, 100, 1000, 10_000)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.3, 2.0])
@pytest.mark.parametrize("fixed", [0.0, 5.0, 20.0])
def test_the_exponent_is_found_whatever_the_fixed_part_is(exponent: float, fixed: float) -> None:
    costs = {size: fixed + 0.5 * size**exponent for size in SIZES}
    noisy = {size: cost * (1.02 if number % 2 else 0.98) for number, (size, cost) in enumerate(costs.items())}
    assert growth.exponent(noisy) == pytest.approx(exponent, abs=0.15)


def test_what_hardly_grows_has_no_exponent() -> None:
    assert growth.exponent({1: 64, 10: 70, 100: 63, 1000: 71}) == 0


def test_what_is_worse_than_linear_misses_its_goal() -> None:
    assert growth.row("something", {size: 1.0 + size**1.5 for size in SIZES}, "s").verdict == "MISSED"
    assert growth.row("something", {size: 1.0 + size for size in SIZES}, "s").verdict == "met"
