"""A keyring for a daemon of the bench: an unlocked gnome-keyring on a bus of its own, as the tests have it."""

from __future__ import annotations

import contextlib
import importlib.util
from dataclasses import replace
from typing import TYPE_CHECKING

from standin import secretservice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.place import Home

Service = secretservice.SecretService


def lacking() -> str:
    """Say what this machine, or the Python that runs the bench, has not; nothing where there can be a keyring."""
    without = [name for name in ("jeepney", "secretstorage") if importlib.util.find_spec(name) is None]
    return secretservice.missing() or (f"no {' and no '.join(without)} in the bench's own Python" if without else "")


@contextlib.contextmanager
def keyring(home: Home) -> Iterator[tuple[Home, Service]]:
    """Run a keyring; give a home whose daemon uses it, and it. No daemon may run at `home`."""
    before = home.config.read_text()
    with Service() as service:
        home.config.write_text("")
        try:
            yield replace(home, environment={**home.environment, **service.environment}), service
        finally:
            home.config.write_text(before)
