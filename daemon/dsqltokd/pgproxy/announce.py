"""Telling the core which gates there are and what passes through them, and hearing from it that another takes over.

The core need not be there: a proxy without it serves on, and tells the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from typing import TYPE_CHECKING, Any

from dsqltok import errors, paths
from dsqltokd import peers

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)
_PAUSE = 2.0  # between two reports, and two attempts to reach the core


class Announcer:
    """Reports `describe()` to the core whenever it has changed.

    `share` is called where another proxy is to listen beside this one, `leave` once it does, and takes over.
    """

    def __init__(
        self, describe: Callable[[], dict[str, Any]], share: Callable[[], None], leave: Callable[[], None]
    ) -> None:
        self._describe = describe
        self._share = share
        self._leave = leave

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            with contextlib.suppress(OSError, EOFError, ValueError):
                reader, writer = await asyncio.open_unix_connection(paths.socket_path())
                try:
                    if peers.uid(writer.get_extra_info("socket")) == os.getuid():
                        await self._report(reader, writer)
                finally:
                    writer.close()
            await asyncio.sleep(_PAUSE)

    async def _report(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listening = asyncio.create_task(self._listen(reader))
        said = None
        try:
            while not listening.done():
                report = self._describe()
                if report != said:
                    said = report
                    request = {"jsonrpc": "2.0", "id": 1, "method": "proxy.announce", "params": report}
                    writer.write(json.dumps(request).encode() + b"\n")
                    await writer.drain()
                await asyncio.wait([listening], timeout=_PAUSE)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            message = json.loads(line)
            if message.get("method") == "share":
                self._share()
            elif message.get("method") == "leave":
                _log.info("another proxy takes over")
                self._leave()
            elif "error" in message:
                _log.warning("the daemon: %s", errors.from_data(message["error"].get("data") or {}).message)
