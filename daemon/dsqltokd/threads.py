"""The threads of a library, which may have none to give, and may end by themselves."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading


def begin(thread: threading.Thread) -> None:
    """Start it, unless that was done. Raises `OSError` where there is no thread to be had; it can be tried again."""
    if thread.ident is None:
        try:
            thread.start()
        except RuntimeError as error:
            raise OSError(errno.EAGAIN, str(error)) from error


def is_over(thread: threading.Thread) -> bool:
    """Tell whether it was started and has ended."""
    return thread.ident is not None and not thread.is_alive()
