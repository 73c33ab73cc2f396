"""What dsqltok writes into files of the user's that list passwords and services. Pure: bytes come in, bytes go out.

The rules:
- Ours stands before all else, since in a passfile the first line that matches counts, and each line or entry of ours
  follows a comment that says so. Nothing else marks it: wherever the user moves it, it is found.
- All other bytes stay as they are, whatever they are. What was put in and is taken out again leaves the file as it was.
- A file that is not there is None. One that would be empty, and was not there before us, is not to be there either: the
  comments say that it was made for them.
- Only what looks like ours is taken out: the line after a comment of ours where it ends in a token, and an entry with
  the name that is meant. Where the user has put a line of their own in its place, only the comment goes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dsqltok.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MADE = b" (it made this file, too)"
_LINE = b"# dsqltok keeps the next line fresh"
_ENTRY = b"# dsqltok keeps this entry"
_END = b"# end of dsqltok's entry"
_LINES = re.compile(
    rb"^" + re.escape(_LINE) + rb"(?P<made>" + re.escape(_MADE) + rb")?;[^\n]*(?:\n|\Z)"
    rb"(?:[^#\n][^\n]*\?Action=DbConnect[^\n]*(?:\n|\Z))?",
    re.MULTILINE,
)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


def line(host: str, port: str, user: str, token: str) -> str:
    """Return the line of a passfile that gives `token` for any database there.

    Raises `ConfigurationError` where a part is none that a line can hold.
    """
    parts = (host, port, user, token)
    if any(mark in part for part in parts for mark in "\r\n\0"):
        raise ConfigurationError("a passfile cannot hold a user with a line break", hint="connect as another user")
    host, port, user, token = (part.replace("\\", "\\\\").replace(":", "\\:") for part in parts)
    return f"{host}:{port}:*:{user}:{token}"


def with_lines(text: bytes | None, lines: Iterable[tuple[str, str]]) -> bytes | None:
    """Return a passfile with these lines of ours, each with the name of what it is for, and no others."""
    found = list(_LINES.finditer(text or b""))
    made = text is None or any(match["made"] for match in found)
    rest = _LINES.sub(b"", text or b"")
    ours = b"".join(_comment(_LINE, name, made=made) + _bytes(each) + b"\n" for name, each in lines)
    return None if made and not ours + rest else ours + rest


def with_entry(text: bytes | None, name: str, values: Mapping[str, str] | None) -> bytes | None:
    """Return a service file with an entry of ours of this name, or without one where `values` is None.

    Raises `ConfigurationError` where that would change what is in there already, or where it cannot be said.
    """
    pattern = _entry(name)
    found = list(pattern.finditer(text or b""))
    made = text is None or any(match["made"] for match in found)
    rest = pattern.sub(b"", text or b"")
    if values is None:
        return None if made and not rest else rest
    made = made or _ENTRY + _MADE + b";" in rest  # another entry of ours says so
    _check_entry(rest, name, values)
    head = _comment(_ENTRY, name, made=made) + _bytes(f"[{name}]\n")
    return head + b"".join(_bytes(f"{key}={value}\n") for key, value in values.items()) + _END + b"\n" + rest


def is_service_name(name: str) -> bool:
    """Tell whether an entry of this name can be asked for without a thought about quotes."""
    return _PLAIN_NAME.fullmatch(name) is not None


def _entry(name: str) -> re.Pattern[bytes]:
    return re.compile(
        rb"^" + re.escape(_ENTRY) + rb"(?P<made>" + re.escape(_MADE) + rb")?;[^\n]*\n"
        rb"\[" + re.escape(_bytes(name)) + rb"\]\r?\n(?:[a-z_]+=[^\n]*(?:\n|\Z))*"
        rb"(?:" + re.escape(_END) + rb"\r?(?:\n|\Z))?",
        re.MULTILINE,
    )


def _check_entry(rest: bytes, name: str, values: Mapping[str, str]) -> None:
    lines = [each.strip() for each in rest.split(b"\n")]
    if any(each.startswith(_bytes(f"[{name}]")) for each in lines):
        raise ConfigurationError(
            f'there is a service "{name}" already, which is not of dsqltok\'s making', hint="rename it, or the env"
        )
    first = next((each for each in lines if each and not each.startswith(b"#")), b"[")
    if not first.startswith(b"["):
        raise ConfigurationError(
            "there are lines before the first service, which belong to none", hint="remove them, or give them a [name]"
        )
    if any(value != value.strip() or any(mark in value for mark in "\r\n\0") for value in values.values()):
        raise ConfigurationError("a service cannot hold a value with a line break or with space around it")


def _comment(start: bytes, name: str, *, made: bool) -> bytes:
    # A name that a shell would not take as it is stands in no comment: without one, the command does it for all.
    words = f"dsqltok pgpass disable {name}" if _PLAIN_NAME.fullmatch(name) else "dsqltok pgpass disable"
    return start + (_MADE if made else b"") + b"; to remove it: " + words.encode() + b"\n"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
