"""The configuration as it is now: what is told of reading it again."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from dsqltokd.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _level() -> Iterator[None]:
    """Have what a configuration does to the log's level end with the test."""
    yield
    logging.getLogger("dsqltokd").setLevel(logging.NOTSET)


@pytest.mark.parametrize(("text", "told"), [("token_ttl = 800\n", "was read again"), ("nonsense\n", "goes on")])
def test_what_is_new_is_told_once(text: str, told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "config.toml"
    settings = Settings(str(path))
    path.write_text(text)
    for _ in range(3):
        asyncio.run(settings.reload())
    assert caplog.text.count(told) == 1


def test_a_mended_file_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "config.toml"
    settings = Settings(str(path))
    for text in ("nonsense\n", ""):
        path.write_text(text)
        asyncio.run(settings.reload())
    assert settings.error is None
    assert "was read again" in caplog.text
