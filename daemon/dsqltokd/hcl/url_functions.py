"""Atlas's functions of URLs: `url.Parse`, one part changed, and `String()`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .arguments import of_strings
from .scope import Function, FunctionError, Parameter
from .types import STRING
from .urls import Part, Url, UrlError, escape, parse_url, set_parameter
from .values import Value, string

if TYPE_CHECKING:
    from collections.abc import Sequence


def _parsed(text: str) -> Url:
    try:
        return parse_url(text)
    except UrlError as error:
        raise FunctionError(f"not a valid url: {error}") from None


def _urlsetpath(text: str, path: str) -> str:
    url = _parsed(text)
    url.path = path
    return str(url)


def _urlqueryset(text: str, key: str, value: str) -> str:
    url = _parsed(text)
    url.query = set_parameter(url.query, key, value)
    return str(url)


def _urluserinfo(values: Sequence[Value]) -> Value:
    text, user, *passwords = values
    url = _parsed(text.text)
    url.user = user.text
    url.password = passwords[0].text if passwords and not passwords[0].is_null else None
    return string(str(url))


URL_FUNCTIONS = (
    of_strings("urlescape", ("string",), lambda text: escape(text, Part.QUERY)),
    of_strings("urlsetpath", ("url", "path"), _urlsetpath),
    of_strings("urlqueryset", ("url", "key", "value"), _urlqueryset),
    Function(
        "urluserinfo",
        (Parameter("url", STRING), Parameter("user", STRING)),
        Parameter("pass", STRING, allow_null=True),
        _urluserinfo,
    ),
)
