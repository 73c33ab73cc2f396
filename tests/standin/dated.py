"""Temporary credentials whose name says when they end: a ledger of what each was worth, without having to keep one.

The program for credential_process that makes them goes by its own clock, so that it may run under a stepped one.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from .sigv4 import Credentials

_PREFIX = "ASIADATED"
_PROGRAM = f"""#!/bin/sh
end=$(($(date +%s) + {{life_s}}))
key={_PREFIX}$end
printf '{{{{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "secret of %s",' $key $key
printf ' "SessionToken": "session of %s", "Expiration": "%s"}}}}\\n' $key "$(date -u -d "@$end" +%Y-%m-%dT%H:%M:%SZ)"
"""


def make(expires_at: float) -> Credentials:
    """Return credentials that end at `expires_at`, in Unix seconds and cut to whole ones."""
    found = find(f"{_PREFIX}{int(expires_at)}")
    if found is None:
        raise ValueError(expires_at)
    return found


def find(access_key_id: str) -> Credentials | None:
    """Return the credentials of an access key id, None where it is none of these."""
    end = access_key_id.removeprefix(_PREFIX)
    if end == access_key_id or not end.isdecimal():
        return None
    return Credentials(access_key_id, f"secret of {access_key_id}", f"session of {access_key_id}", float(end))


def program(life_s: int) -> str:
    """Return a program that prints credentials which end `life_s` seconds after it ran."""
    return _PROGRAM.format(life_s=life_s)


def access_key_id(token: str) -> str:
    """Return the access key id that a token was signed with."""
    return parse_qs(token.partition("?")[2])["X-Amz-Credential"][0].partition("/")[0]
