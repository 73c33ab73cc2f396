"""Temporary credentials as AWS's services give them out, kept so that the endpoint can check what signs with them."""

from __future__ import annotations

import itertools
import secrets
import time
from typing import TYPE_CHECKING

from .sigv4 import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable


class Mint:
    """Makes temporary credentials and remembers them; may be used from any thread. `issued` is oldest first.

    `clock` tells the time in Unix seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.issued: list[Credentials] = []
        self._numbers = itertools.count(1)

    def make(self, life_s: float) -> Credentials:
        """Return new credentials that end, to the second as AWS tells it, `life_s` seconds from now."""
        access_key_id = f"ASIA{secrets.token_hex(4).upper()}{next(self._numbers):08}"
        made = Credentials(access_key_id, secrets.token_hex(20), secrets.token_hex(60), int(self._clock() + life_s))
        self.issued.append(made)
        return made

    def find(self, access_key_id: str) -> Credentials | None:
        """Return the credentials of an access key id, or None if they were not made here."""
        return next((each for each in list(self.issued) if each.access_key_id == access_key_id), None)
