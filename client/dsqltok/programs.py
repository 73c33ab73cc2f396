"""Where the programs of this installation are."""

import os
import sys

from dsqltok import errors


def installed(name: str) -> str:
    """Return the absolute path of an installed program of ours. Raises `UnavailableError` where it is not found.

    It is the path by which the user started `dsqltok`, so far as possible: that one outlives an upgrade.
    """
    for directory in (os.path.dirname(os.path.abspath(sys.argv[0])), os.path.dirname(sys.executable)):
        program = os.path.join(directory, name)
        if os.access(program, os.X_OK) and os.path.isfile(program):
            return program
    raise errors.UnavailableError(f"{name} is not beside dsqltok", hint="reinstall dsqltok", retryable=False)
