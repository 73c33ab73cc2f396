"""How a session begins: what the server is asked for, and what is done where it says no. Pure.

The rules:
1. A session is the env's user's, in the env's database, unless the client names others on purpose. What a client sends
   where nobody told it anything (the name of the account, or nothing) is no purpose.
2. A token that is refused as such is replaced by a fresh one, once; a cluster that wakes up is waited for, the client
   being told; a startup parameter that the server does not take is left out, the client being told.
3. Whatever else the server says reaches the client as it is, with our hint after the server's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsqltokd.pgproxy.wire import Response

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0)
"""Seconds to wait, one after the other, for a cluster that wakes up."""

_DENIED = "access denied"
_WAKING = "waking up cluster"
_TOO_FAST = "53400"
_HOPELESS = re.compile(r"wrong user to action mapping|is not authorized", re.IGNORECASE)
# The quoted, or the last, word of what PostgreSQL and DSQL say of a parameter that they do not take.
_PARAMETER = re.compile(r"parameter:? \W*([A-Za-z_][A-Za-z0-9_.]*)", re.IGNORECASE)
# Not the parameter but what the client wants of it is refused (a value that is none, a role that it may not have): a
# session without that would be another than the client asked for.
_CLIENTS_OWN = ("22", "42501")
_ESSENTIAL = ("user", "database", "client_encoding")
_WORD = re.compile(r"(?:\\.|[^\s\\])+", re.DOTALL)  # of the parameter `options`, as PostgreSQL splits it


@dataclass(frozen=True, slots=True)
class Env:
    """What a session is for: the env's user and database, and the startup parameters that its url has."""

    user: str
    database: str
    parameters: Mapping[str, str]


def asked(sent: Mapping[str, str], env: Env, account: str) -> dict[str, str]:
    """Return the startup parameters for the server, where the client of `account` sent these."""
    user = sent.get("user", "")
    database = sent.get("database", "")
    unsaid = ("", account)
    found = {**env.parameters, **sent}
    found["user"] = env.user if user in unsaid else user
    found["database"] = env.database if database in (*unsaid, user) else database
    return found


@dataclass(frozen=True, slots=True)
class Retry:
    """The server said no, and may say yes: after a pause, to a fresh token, or without a startup parameter.

    `notice` is for the client to hear.
    """

    pause: float = 0.0
    fresh: bool = False
    without: str = ""
    notice: str = ""


def verdict(said: Response, sent: Mapping[str, str], before: Sequence[Retry]) -> Retry | None:
    """Return how to try again after a refusal, None where it is final. `before` are the retries so far."""
    text = f"{said.message} {said.hint}"
    if _WAKING in text or said.code == _TOO_FAST:
        pauses = sum(retry.pause > 0 for retry in before)
        what = "the cluster is waking up" if _WAKING in text else "connections are being opened too fast"
        told = "" if pauses else f"{what}: waiting for it"
        return Retry(pause=PAUSES[pauses], notice=told) if pauses < len(PAUSES) else None
    if _DENIED in text and not _HOPELESS.search(text):
        return None if any(retry.fresh for retry in before) else Retry(fresh=True)
    name = _refused_parameter(said, sent)
    told = f"the server does not take the startup parameter {name}: it was left out"
    return Retry(without=name, notice=told) if name else None


def without(sent: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return startup parameters but those of these names, which `options` may set, too."""
    found = {name: value for name, value in sent.items() if name not in names}
    if names and "options" in found:
        kept = [switch for name, switch in _switches(found.pop("options")) if name not in names]
        found |= {"options": " ".join(kept)} if kept else {}
    return found


def _refused_parameter(said: Response, sent: Mapping[str, str]) -> str:
    if said.code.startswith(_CLIENTS_OWN):
        return ""
    set_by_options = [name for name, _ in _switches(sent.get("options", ""))]
    names = {name.lower(): name for name in [*set_by_options, *sent] if name not in ("", *_ESSENTIAL)}
    found = (names.get(match[1].lower(), "") for match in _PARAMETER.finditer(said.message))
    return next(filter(None, found), "")


def _switches(options: str) -> Iterator[tuple[str, str]]:
    """Return which parameter each switch of `options` sets, if one, with the switch itself."""
    words = iter(_WORD.findall(options))
    for word in words:
        value = next(words, "") if word == "-c" else word[2:] if word.startswith(("-c", "--")) else ""
        name, equals, _ = value.partition("=")
        yield name.replace("-", "_") if equals else "", f"-c {value}" if word == "-c" else word


def explained(said: Response, message: str, hint: str, ours: str) -> Response:
    """Return what the server says, in these words of its own, with our hint after its own, and nothing else of it."""
    hints = filter(None, (hint, ours and f"dsqltok: {ours}"))
    kept = {letter: said.fields[letter] for letter in "SVC" if letter in said.fields}
    return Response({**kept, "M": message, "H": "; ".join(hints)})
