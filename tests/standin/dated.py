"""Temporary credentials whose name says when they end: a ledger of what each was worth, without having to keep one.

The program for credential_process that makes them goes by its own clock, so that it may run under a stepped one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from .sigv4 import Credentials

if TYPE_CHECKING:
    from pathlib import Path

_PREFIX = "ASIADATED"
_LASTING = "end=$(($(date +%s) + {life_s}))\n"
_TOLD = """set -- $(cat {orders})
case $1 in
for) end=$(($(date +%s) + $2)) ;;
until) end=$2 ;;
*) echo "this helper was told to fail" >&2; exit 1 ;;
esac
echo "$(date +%s) $end" >> {runs}
"""
_PRINTING = f"""key={_PREFIX}$end
printf '{{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "secret of %s",' $key $key
printf ' "SessionToken": "session of %s", "Expiration": "%s"}}\\n' $key "$(date -u -d "@$end" +%Y-%m-%dT%H:%M:%SZ)"
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
    return "#!/bin/sh\n" + _LASTING.format(life_s=life_s) + _PRINTING


def told(orders: Path, runs: Path) -> str:
    """Return a program that does what a file says: `for SECONDS`, `until UNIX-TIME`, or anything else, which fails.

    Of each run that does not fail it notes, in the file `runs`, when that was and when the credentials end.
    """
    return "#!/bin/sh\n" + _TOLD.format(orders=orders, runs=runs) + _PRINTING


def access_key_id(token: str) -> str:
    """Return the access key id that a token was signed with."""
    return parse_qs(token.partition("?")[2])["X-Amz-Credential"][0].partition("/")[0]
