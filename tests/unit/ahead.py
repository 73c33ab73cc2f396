"""An event loop whose time a test puts ahead, so that nobody waits for a timer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Ahead(asyncio.SelectorEventLoop):
    """Its time is the usual one and `seconds` more."""

    seconds = 0.0

    def time(self) -> float:
        return super().time() + self.seconds


class Still(Ahead):
    """Its time stands still but for `seconds`."""

    def time(self) -> float:
        return self.seconds


def put_ahead(seconds: float) -> None:
    """Have so many seconds pass at once in the loop that runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Ahead)
    loop.seconds += seconds


def play_ahead(scene: Coroutine[Any, Any, None], *, still: bool = False) -> None:
    """Run a scene in such a loop; `still` has no time pass by itself."""
    with asyncio.Runner(loop_factory=Still if still else Ahead) as runner:
        runner.run(scene)
