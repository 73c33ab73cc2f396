"""HashiCorp's own HCL, started once for a test process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.oracle import Oracle, running_oracle

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """Run the oracle."""
    with running_oracle() as answering:
        yield answering
