"""The workers that the first answer takes, where a client waits for it: they get ready while the core does.

A client that starts the daemon wants a token. So its project is to be evaluated, and what the keyring holds is to be
looked at, or, without a keyring, a token to be signed. With one, a worker for that starts once nothing was found there.
"""

from __future__ import annotations

from dsqltok import paths
from dsqltokd import process

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Mapping

    from dsqltokd.process import Process


def begin(environment: Mapping[str, str]) -> list[tuple[str, Process]]:
    """Start the workers; return them with their kinds. What cannot be started the job itself will miss."""
    started: list[tuple[str, Process]] = []
    try:
        started.append(("project", process.start("project", environment)))
        second = "aws" if _without_keyring() else "keystore"
        started.append((second, process.start(second, environment)))
    except OSError:
        pass
    return started


def _without_keyring() -> bool:
    try:
        with open(paths.config_file(), "rb") as file:
            text = file.read()
        if b"keyring" not in text:
            return False
        import tomllib  # noqa: PLC0415 - it takes long, and most files do not name the setting

        return bool(tomllib.loads(text.decode()).get("keyring") == "none")
    except (OSError, ValueError):
        return False  # there is none, or a client will hear what is wrong with it
