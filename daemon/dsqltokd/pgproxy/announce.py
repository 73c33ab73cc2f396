"""Telling the core which gates there are and what passes through them, and hearing from it that another takes over.

The core need not be there: a proxy without it serves on, and tells the next one.
"""

from __future__ import annotations

import asyncio
import collections
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
_MOST_ASKED = 100  # cancellations that wait for the core
_ASKED_SECONDS = 5.0  # that they do: later, another query would be cancelled
_PAUSE = 2.0  # between two reports, and two attempts to reach the core


class Announcer:
    """Reports `describe()` to the core whenever it has changed.

    `heed` is given what the core says: `share` where another proxy is to listen beside this one, `leave` once it does
    and takes over, `cancel` with the key of a session that another proxy was asked to cancel, and does not have.
    """

    def __init__(self, describe: Callable[[], dict[str, Any]], heed: Callable[[str, dict[str, Any]], None]) -> None:
        self._describe = describe
        self._heed = heed
        self._writer: asyncio.StreamWriter | None = None
        self._asked: collections.deque[tuple[float, bytes]] = collections.deque(maxlen=_MOST_ASKED)

    def ask_others(self, key: bytes) -> None:
        """Have other proxies cancel what the session of `key` does: soon, where the core is to be reached first."""
        self._asked.append((asyncio.get_running_loop().time(), key))
        self._pass_on()

    def _pass_on(self) -> None:
        oldest = asyncio.get_running_loop().time() - _ASKED_SECONDS
        while self._writer is not None and not self._writer.is_closing() and self._asked:
            asked, key = self._asked.popleft()
            if asked > oldest:
                self._write(self._writer, "proxy.cancel", {"key": key.hex()})

    def _write(self, writer: asyncio.StreamWriter, method: str, params: dict[str, Any]) -> None:
        writer.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n")

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
                    self._write(writer, "proxy.announce", report)
                    await writer.drain()
                    self._writer = writer
                    self._pass_on()
                await asyncio.wait([listening], timeout=_PAUSE)
        finally:
            self._writer = None
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            message = json.loads(line)
            if "method" in message:
                self._heed(message["method"], message["params"])
            elif "error" in message:
                _log.warning("the daemon: %s", errors.from_data(message["error"].get("data") or {}).message)
