"""`dsqltok proxy`: the proxy's process, in the place of this one."""

import os
import sys

from dsqltok import arguments, launch


def _proxy(_options: "arguments.Options") -> int:
    """Run the proxy. It reads the same words again."""
    os.execv(sys.executable, [sys.executable, *launch.isolation(), "-m", "dsqltokd.pgproxy", *sys.argv[2:]])  # noqa: S606 - ours


COMMANDS = {"proxy": _proxy}
