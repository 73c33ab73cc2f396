"""The proxy's process: `python -m dsqltokd.pgproxy`, with the words of `dsqltok proxy`.

It writes a line to stdout for each entrance once it takes clients; its log goes where the daemon's goes. SIGTERM ends
it; SIGHUP, where systemd has its sockets, has another take its place.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from dsqltok import arguments, report
from dsqltokd import hardening, log
from dsqltokd.pgproxy import listening
from dsqltokd.pgproxy.proxy import Proxy
from dsqltokd.pgproxy.selecting import Selector
from dsqltokd.systemd import Notifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dsqltokd.pgproxy.listening import Entrance

_LOG_PATIENCE = 1.0


def main() -> None:
    """Run the proxy and exit."""
    try:
        code = _run(sys.argv[1:])
    except BaseException as error:  # noqa: BLE001 - whatever it is, the user gets an explanation and an exit code
        code = report.explain(error)
    os._exit(code)


def _run(words: Sequence[str]) -> int:
    given = {**os.environ}  # of which what is systemd's is taken out below
    os.umask(0o077)
    hardening.protect_memory()
    hardening.raise_file_limit()
    options = arguments.parse("proxy", list(words))
    inherited = listening.handed_over()
    written = log.start()
    selector = Selector()
    # It is not closed, which would wait for a name server that hangs: the process ends all the same.
    asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)).run(
        _serve(options, inherited, selector, given)
    )
    written.stop(_LOG_PATIENCE)
    return 0


async def _serve(
    options: dict[str, Any], inherited: Sequence[Entrance], selector: Selector, given: dict[str, str]
) -> None:
    notifier = Notifier()
    proxy = Proxy(options, inherited, selector, lambda line: arguments.write(line + "\n"))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, proxy.leave)
    if inherited:
        loop.add_signal_handler(signal.SIGHUP, proxy.hand_over, given, notifier.succeeded_by)
    await proxy.run()


if __name__ == "__main__":
    main()
