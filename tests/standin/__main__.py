"""The stand-in as a program: `python -m standin`, for demos and for trying clients by hand.

It prints one line when it is ready, `{"address": …, "port": …, "ca_file": …}`, and then answers each line of stdin:
    {"add": {"access_key_id": …, "secret_access_key": …, "session_token": …, "expires_at": …}}   issue credentials
    {"logins": {}}                                                                               list accepted logins
The last two members of `add` may be left out; `expires_at` is in Unix seconds. It runs until stdin ends or SIGTERM
comes, and leaves nothing behind. Secrets come by stdin so that they show in no process list.
"""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
from typing import NoReturn

from .endpoint import DsqlStandin
from .ledger import Ledger
from .sigv4 import Credentials


def main() -> None:
    """Run until stdin ends or SIGTERM or SIGINT comes."""
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _leave)
    ledger = Ledger()
    with DsqlStandin(ledger) as standin:
        _say({"address": standin.address, "port": standin.port, "ca_file": str(standin.ca_file)})
        for line in sys.stdin:
            _say(_answer(line, ledger, standin))


def _leave(_number: int, _frame: object) -> NoReturn:
    # A second signal must not interrupt the cleaning up that this one begins.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, signal.SIG_IGN)
    sys.exit(0)


def _answer(line: str, ledger: Ledger, standin: DsqlStandin) -> dict[str, object]:
    try:
        request = json.loads(line)
        if "logins" in request:
            return {"logins": [dataclasses.asdict(login) for login in standin.logins]}
        ledger.add(Credentials(**request["add"]))
        return {"added": request["add"]["access_key_id"]}
    except (ValueError, TypeError, KeyError):
        return {"error": 'not understood: say {"add": {…}} or {"logins": {}}'}


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
