"""URLs as Go's `net/url` takes them apart and puts them together again, which is not always what went in.

Rule 1: user and path are kept decoded and escaped anew; the path as it was written is used again if it says the same.
Rule 2: what one part of a URL must escape, another need not; see `Part`.
Rule 3: no message quotes any part of a URL, for it may hold a password.
"""

from __future__ import annotations

import re
from enum import Enum

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_UNRESERVED = _LETTERS + _LETTERS.upper() + "0123456789-_.~"


class Part(Enum):
    """The parts of a URL, each with what stands in it unescaped besides letters, digits and `-_.~`."""

    USER = "$&+,;="
    HOST = "!$&'()*+,;=:[]<>\""
    PATH = "$&+,/:;=@"
    QUERY = ""
    FRAGMENT = "$&+,/:;=?@!()*"

    @property
    def plain(self) -> bytes:
        """All bytes that need no escape there."""
        return _PLAIN[self]


_PLAIN = {part: (_UNRESERVED + part.value).encode() for part in Part}
_BAD_ESCAPE = r"%(?![0-9a-fA-F]{2})"
_ESCAPE = rb"%([0-9a-fA-F]{2})"
_CONTROL = r"[\x00-\x1f\x7f]"
_SCHEME = r"[a-zA-Z][a-zA-Z0-9+.-]*:"
_USERINFO = r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*"
_PORT = r"(?::[0-9]*)?"
_ESCAPED_IN_HOST = r"%(?!25)[0-7]"
_NOT_IN_HOST = rf"[\x00-\x7f](?<![{re.escape(_UNRESERVED + Part.HOST.value)}%])"
_BYTES = ("utf-8", "surrogateescape")
_MOST_PARAMETERS = 10_000


class UrlError(ValueError):
    """A text that Go does not take for a URL."""


class Url:
    """A URL in its parts. `user` and `password` are decoded, None for none; so are `host`, `path` and `fragment`."""

    def __init__(self) -> None:
        self.scheme = ""
        self.opaque = ""
        self.user: str | None = None
        self.password: str | None = None
        self.host = ""
        self.path = ""
        self.query = ""
        self.fragment = ""
        self.raw_path = ""
        self.raw_fragment = ""
        self.force_query = False
        self.omit_host = False

    def __str__(self) -> str:
        text = f"{self.scheme}:" if self.scheme else ""
        if self.opaque:
            text += self.opaque
        else:
            text += self._authority()
            path = _as_written(self.raw_path, self.path, Part.PATH)
            if path and not path.startswith("/") and self.host:
                text += "/"
            if not text and ":" in path.partition("/")[0]:
                text += "./"
            text += path
        if self.force_query or self.query:
            text += f"?{self.query}"
        if self.fragment:
            text += f"#{_as_written(self.raw_fragment, self.fragment, Part.FRAGMENT)}"
        return text

    def _authority(self) -> str:
        if not (self.scheme or self.host or self.user is not None):
            return ""
        if self.omit_host and not self.host and self.user is None:
            return ""
        if not (self.host or self.path or self.user is not None):
            return ""
        user = "" if self.user is None else escape(self.user, Part.USER)
        if self.password is not None:
            user += f":{escape(self.password, Part.USER)}"
        return f"//{user}{'@' if self.user is not None else ''}{escape(self.host, Part.HOST)}"


def parse_url(text: str) -> Url:
    """Take a URL apart. Raises UrlError."""
    rest, _, fragment = text.partition("#")
    if re.search(_CONTROL, rest):
        raise UrlError("invalid control character in the url")
    url = Url()
    if rest == "*":
        url.path = "*"
    else:
        _parse(rest, url)
    url.fragment = unescape(fragment)
    url.raw_fragment = fragment
    return url


def _parse(text: str, url: Url) -> None:
    if text.startswith(":"):
        raise UrlError("missing protocol scheme")
    scheme = re.match(_SCHEME, text)
    rest = text[scheme.end() :] if scheme else text
    url.scheme = scheme[0][:-1].lower() if scheme else ""
    if rest.endswith("?") and rest.count("?") == 1:
        url.force_query, rest = True, rest[:-1]
    else:
        rest, _, url.query = rest.partition("?")
    if not rest.startswith("/"):
        if url.scheme:
            url.opaque = rest
            return
        if ":" in rest.partition("/")[0]:
            raise UrlError("the first path segment cannot contain a colon")
    if rest.startswith("//") and (url.scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        _parse_authority(authority, url)
        rest = slash + path
    elif url.scheme and rest.startswith("/"):
        url.omit_host = True
    url.path = unescape(rest)
    url.raw_path = rest


def _parse_authority(authority: str, url: Url) -> None:
    userinfo, at, host = authority.rpartition("@")
    url.host = _host(url.scheme, host)
    if not at:
        return
    if not re.fullmatch(_USERINFO, userinfo):
        raise UrlError("a character in user or password is not escaped")
    user, colon, password = userinfo.partition(":")
    url.user = unescape(user)
    url.password = unescape(password) if colon else None


def _host(scheme: str, text: str) -> str:
    bracket = text.rfind("[")
    if bracket > 0:
        raise UrlError("invalid address in brackets")
    if bracket == 0:
        return _bracketed(text)
    # Databases have lists of hosts, each with a port, so only http is strict about colons.
    place = text.find(":") if scheme in ("http", "https") else text.rfind(":")
    if place >= 0 and not re.fullmatch(_PORT, text[place:]):
        raise UrlError("invalid port after host")
    return _unescape_host(text)


def _bracketed(text: str) -> str:
    address, bracket, port = text[1:].rpartition("]")
    if not bracket:
        raise UrlError("missing ']' in host")
    if not re.fullmatch(_PORT, port):
        raise UrlError("invalid port after host")
    before, percent, zone = address.partition("%25")
    # In a zone an escape may stand for what could be written without one, and for a space.
    if percent and any(code not in Part.HOST.plain and code not in b" %" for code in unescape(zone).encode(*_BYTES)):
        raise UrlError("invalid escape in the zone of a host")
    address = _unescape_host(before) + unescape(percent + zone)
    from ipaddress import AddressValueError, IPv6Address  # noqa: PLC0415 - 4 ms that few projects need

    try:
        IPv6Address(address)
    except AddressValueError:
        raise UrlError("invalid address in brackets") from None
    return f"[{address}]{port}"


def _unescape_host(text: str) -> str:
    if re.search(_ESCAPED_IN_HOST, text):
        raise UrlError("invalid escape in host")
    if re.search(_NOT_IN_HOST, text):
        raise UrlError("invalid character in host")
    return unescape(text)


def unescape(text: str) -> str:
    """Decode what is escaped. Raises UrlError."""
    if "%" not in text:
        return text
    if re.search(_BAD_ESCAPE, text):
        raise UrlError("invalid escape: % must be followed by two hexadecimal digits")
    return re.sub(_ESCAPE, lambda match: bytes([int(match[1], 16)]), text.encode(*_BYTES)).decode(*_BYTES)


def escape(text: str, part: Part) -> str:
    """Escape all that cannot stand in this part; in a query a space becomes a plus."""
    plain = part.plain
    escaped = "".join(chr(code) if code in plain else f"%{code:02X}" for code in text.encode(*_BYTES))
    return escaped.replace("%20", "+") if part is Part.QUERY else escaped


def _as_written(raw: str, decoded: str, part: Part) -> str:
    """Return the text as it was written if that is valid and still means the same."""
    if raw and _may_stand(raw, part) and unescape(raw) == decoded:
        return raw
    return "*" if decoded == "*" and part is Part.PATH else escape(decoded, part)


def _may_stand(raw: str, part: Part) -> bool:
    return all(code in part.plain or code in b"!$&'()*+,;=:@[]%" for code in raw.encode(*_BYTES))


def set_parameter(query: str, name: str, value: str) -> str:
    """Return the query with one value for the parameter, sorted by name; pairs that Go cannot read are lost."""
    values: dict[str, list[str]] = {}
    pairs = query.split("&") if query.count("&") < _MOST_PARAMETERS else []
    for pair in pairs:
        if not pair or ";" in pair:
            continue
        try:
            key, item = (unescape(part.replace("+", " ")) for part in _cut(pair))
        except UrlError:
            continue
        values.setdefault(key, []).append(item)
    values[name] = [value]
    ordered = sorted(values.items(), key=lambda pair: pair[0].encode(*_BYTES))
    return "&".join(f"{escape(key, Part.QUERY)}={escape(item, Part.QUERY)}" for key, items in ordered for item in items)


def _cut(pair: str) -> tuple[str, str]:
    key, _, value = pair.partition("=")
    return key, value
