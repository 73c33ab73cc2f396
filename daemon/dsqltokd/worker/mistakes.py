"""Telling a mistake in dsqltok's own code from what goes wrong outside, though both raise the same classes.

An answer that lacks something is a KeyError in botocore's parser; a KeyError in a file of ours is a bug. Whose it is
shows in the traceback: in the innermost frame that is not the standard library's. So a file of ours that reads an
answer must check what is there, and say so.
"""

from __future__ import annotations

import os
import sys
import traceback

from dsqltok.errors import DsqltokError

# Classes that no user's files, settings or network can raise in code that is right.
_KINDS = (AssertionError, AttributeError, LookupError, NameError, TypeError)
_OURS = ("dsqltok", "dsqltokd")


def own(error: Exception) -> DsqltokError | None:
    """Return the error that tells a mistake of ours, None where `error` is something else.

    Only class and place are told: the text of such an error may quote anything that the job held.
    """
    if not isinstance(error, _KINDS):
        return None
    package = place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        found = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if found not in sys.stdlib_module_names:
            package, place = found, f"{os.path.basename(frame.f_code.co_filename)}:{line}"
    if package not in _OURS:
        return None
    return DsqltokError(
        f"a worker failed ({type(error).__name__} at {place})", hint="this is a bug: please report it with this line"
    )
