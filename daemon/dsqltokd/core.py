"""The core at work: its log, its configuration, its loop. Imported once it is known that this process is the daemon."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import TYPE_CHECKING

from dsqltok import paths
from dsqltokd import hardening, log
from dsqltokd.limits import Limits
from dsqltokd.registry import Registry
from dsqltokd.service import Service
from dsqltokd.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dsqltokd.place import Place
    from dsqltokd.process import Process
    from dsqltokd.systemd import Notifier

_CONNECTIONS = 1024
_OTHER_FILES = 256  # that are left for workers' pipes and watches, where there are so many
_LOG_PATIENCE = 1.0


def run(
    place: Place,
    notifier: Notifier,
    environment: Mapping[str, str],
    started: Iterable[tuple[str, Process]],
    ready: Callable[[], None],
) -> None:
    """Serve at `place` until the end, which is the process's. `started` are workers that are there already.

    Raises what keeps it from listening, as `Service.run` does.
    """
    written = log.start()
    settings = Settings(paths.config_file())
    registry = Registry(os.path.join(paths.state_dir(), "projects.json"))

    async def serve() -> None:
        files = hardening.raise_file_limit()
        service = Service(
            settings=settings,
            place=place,
            registry=registry,
            environment=dict(environment),
            limits=Limits(connections=min(_CONNECTIONS, max(files // 2, files - _OTHER_FILES))),
            notifier=notifier,
            started=started,
        )
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, service.reload)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.stop)
        await service.run(ready)
        # asyncio.run would wait for a thread that is stuck in a dead mount, and keep the process.
        written.stop(_LOG_PATIENCE)
        os._exit(0)

    asyncio.run(serve())


def decline() -> None:
    """Log that another daemon serves."""
    written = log.start()
    logging.getLogger(__name__).info("another dsqltokd serves already")
    written.stop(_LOG_PATIENCE)
