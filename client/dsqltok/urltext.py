"""A url in the words that another client wants: with its scheme, with parameters of its own. Pure.

The url is one that the daemon gave out: no `?` before its query, no `#`, nothing that would have to be escaped. What is
not asked for stays as it is, to the byte.
"""

import os
import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from dsqltok import errors

# SQLAlchemy names the driver behind a plus sign.
_SCHEME = re.compile(r"dsql|postgres|postgresql(\+[a-z0-9_]+)?")


def with_scheme(url: str, scheme: str) -> str:
    """Return the url with another scheme. Raises `UsageError` for one that no client takes such a url with."""
    if scheme.startswith("jdbc:"):
        raise errors.UsageError(
            "a jdbc url has no user and no password before its host",
            hint="give pgJDBC the token that dsqltok get prints as its password",
        )
    if not _SCHEME.fullmatch(scheme):
        raise errors.UsageError(
            f'there is no scheme "{scheme}"', hint="use dsql, postgres, postgresql or postgresql+DRIVER"
        )
    return scheme + "://" + url.partition("://")[2]


def with_parameters(url: str, given: list[str]) -> str:
    """Return the url with each `NAME=VALUE` as a parameter, in place of the one of that name where there is one.

    Raises `UsageError` for a text without `=` or name.
    """
    place, _, query = url.partition("?")
    pairs = query.split("&") if query else []
    for text in given:
        name, equals, value = map(os.fsencode, text.partition("="))
        if not equals or not name:
            raise errors.UsageError("--param takes NAME=VALUE", hint="such as --param application_name=psql")
        pairs = _replaced(pairs, name, f"{quote_from_bytes(name, safe='')}={quote_from_bytes(value, safe='')}")
    return f"{place}?{'&'.join(pairs)}"


def _replaced(pairs: list[str], name: bytes, pair: str) -> list[str]:
    """Return the pairs with `pair` in place of the first of that name, and without any other, or else at the end."""
    places = [at for at, each in enumerate(pairs) if unquote_to_bytes(each.partition("=")[0]) == name]
    if not places:
        return [*pairs, pair]
    return [pair if at == places[0] else each for at, each in enumerate(pairs) if at not in places[1:]]
