"""What a proxy tells the core, and when."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from dsqltok import paths
from dsqltokd.pgproxy.announce import Announcer
from unit.ahead import play_ahead, put_ahead

if TYPE_CHECKING:
    from pathlib import Path

REPORT = {"pid": 1, "gates": []}


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "dsqltok").mkdir(mode=0o700)


def told(late: float, key: bytes) -> list[dict[str, Any]]:
    """Return the first two things that a core is told which is there so late after a cancellation was asked for."""
    lines: list[bytes] = []

    async def scene() -> None:
        enough = asyncio.Event()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            lines.append(await reader.readline())
            if late:
                announcer.ask_others(b"later")
            lines.append(await reader.readline())
            enough.set()
            writer.close()

        announcer = Announcer(lambda: REPORT, lambda *_: None)
        announcer.ask_others(key)
        put_ahead(late)
        async with await asyncio.start_unix_server(listen, paths.socket_path()):
            running = asyncio.create_task(announcer.run())
            await enough.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    play_ahead(scene(), still=True)
    return [json.loads(line) for line in lines]


def test_a_cancellation_that_comes_before_the_core_is_reached_is_passed_on() -> None:
    first, second = told(0, b"key")
    assert (first["method"], first["params"]) == ("proxy.announce", REPORT)
    assert (second["method"], second["params"]) == ("proxy.cancel", {"key": b"key".hex()})


def test_one_that_would_come_too_late_is_dropped() -> None:
    _, second = told(6, b"key")
    assert second["params"] == {"key": b"later".hex()}
