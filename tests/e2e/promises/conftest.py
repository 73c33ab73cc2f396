"""The promises of the README, each kept against a fault that a test makes happen, again and again.

`make test` makes each fault happen a few times, `make soak` (`--soak`) often, and prints a table of how often that was
and how often the promise was broken. A test says both numbers, and looks at its promise through `faults`:

    @pytest.mark.promise("what a user may rely on", fault="what goes wrong", short=5, long=1000)
    def test_…(faults: Faults, …) -> None:
        for _ in faults:
            … make it happen …
            faults.hold(so_it_is, "what is not so otherwise")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from helper import HeldHelper
from promise import Faults
from standin import dated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from desk import Desk
    from standin.ledger import Ledger


@pytest.fixture
def faults(request: pytest.FixtureRequest) -> Iterator[Faults]:
    """Count the faults of one promise's test; the test fails at its end where a promise did not hold."""
    mark = request.node.get_closest_marker("promise")
    counted = Faults(mark.kwargs["long" if request.config.getoption("soak") else "short"])
    yield counted
    row = (mark.args[0], mark.kwargs["fault"], counted.happened, len(counted.violations))
    request.node.user_properties.append(("promise", row))
    assert counted.happened, "no fault was made to happen"
    assert not counted.violations, "\n".join(counted.violations[:10])


@pytest.fixture
def renewing(desk: Desk, ledger: Ledger) -> Desk:
    """Give a desk whose default profile has a helper that gives new credentials, of 15 minutes, each time it is run."""
    ledger.also_ask(dated.find)
    helper = desk.write(desk.root / "helper", dated.program(900), mode=0o755)
    desk.aws(config=f"[default]\ncredential_process = {helper}\n", credentials="[other]\n")
    return desk


@pytest.fixture
def helper(desk: Desk, ledger: Ledger) -> HeldHelper:
    """Give a credential_process of new credentials, of 15 minutes, that notes its runs and may be held up."""
    ledger.also_ask(dated.find)
    return HeldHelper(desk)
