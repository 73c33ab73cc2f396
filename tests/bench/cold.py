"""From exec to the first answer where no daemon runs: the client starts one, has it answer, and prints the token.

Against a script that makes the same token with boto3. The daemon is stopped after each, which does not count.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bench import figures, keyring, runs, startup
from bench.figures import Row, at_most

if TYPE_CHECKING:
    from bench.place import Home, Installation

_PAIRS = 15
_STATIC, _KEYRING = "dsqltok get, no daemon: static keys", "dsqltok get, no daemon: token from the keyring"
_GOALS = {_STATIC: at_most(1.3), _KEYRING: at_most(0.8)}


def measure(installation: Installation, home: Home) -> list[Row]:
    """Measure with the project's directory as the working directory, and no daemon at `home`."""
    rows = [_row(_STATIC, installation, home)]
    lacking = keyring.lacking()
    if lacking:
        return [*rows, figures.missing(_KEYRING, "a boto3 script", _GOALS[_KEYRING], lacking)]
    with keyring.keyring(home) as (used, service):
        # The first daemon has nothing to find there, and stores what it gets.
        runs.once(startup.get(installation, "").argv, used.environment)
        runs.once(_stop(installation), used.environment)
        if "X-Amz-Signature" not in (service.entry() or ""):
            raise RuntimeError("the daemon has stored no token")
        signed = _refreshes(used)
        rows.append(_row(_KEYRING, installation, used))
        if _refreshes(used) != signed:
            raise RuntimeError("what the keyring holds was not used")
    return rows


def _row(what: str, installation: Installation, home: Home) -> Row:
    get, boto3 = startup.get(installation, what), startup.boto3_script(installation)
    return startup.compare(get, boto3, home, _PAIRS, _GOALS[what], warm_ups=1, after=_stop(installation))


def _stop(installation: Installation) -> list[str]:
    return [installation.dsqltok, "stop"]


def _refreshes(home: Home) -> int:
    """Return how many refreshes the daemons that clients have started at this home have logged."""
    texts = [path.read_text(errors="replace") for path in home.state.glob("dsqltokd.log*")]
    return sum(len(re.findall("refreshed [0-9]+ tokens", text)) for text in texts)
