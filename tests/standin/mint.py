"""Temporary credentials as AWS's services give them out, kept so that the endpoint can check what signs with them."""

from __future__ import annotations

import itertools
import secrets
import time

from .sigv4 import Credentials


class Mint:
    """Makes temporary credentials and remembers them; may be used from any thread. `issued` is oldest first."""

    def __init__(self) -> None:
        self.issued: list[Credentials] = []
        self._numbers = itertools.count(1)

    def make(self, life_s: float) -> Credentials:
        """Return new credentials that end, to the second as AWS tells it, `life_s` seconds from now."""
        access_key_id = f"ASIA{secrets.token_hex(4).upper()}{next(self._numbers):08}"
        made = Credentials(access_key_id, secrets.token_hex(20), secrets.token_hex(60), int(time.time() + life_s))
        self.issued.append(made)
        return made

    def find(self, access_key_id: str) -> Credentials | None:
        """Return the credentials of an access key id, or None if they were not made here."""
        return next((each for each in list(self.issued) if each.access_key_id == access_key_id), None)
