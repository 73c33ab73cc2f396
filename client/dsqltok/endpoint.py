"""Which host names a token may be signed for, and the region in them.

A token is worth something only for the exact name in it, and the name goes on into DNS, TLS and a signature: so it is
checked before any of that happens. Nothing here quotes the name: it may have come out of a file or the environment.
"""

from __future__ import annotations

import string

_LABEL = frozenset(string.ascii_lowercase + string.digits + "-")
_MAX_NAME = 253  # octets, RFC 1035 without the root's dot
_MAX_LABEL = 63
_EXAMPLE = "abc123.dsql.us-east-1.on.aws"
_ALONE = f"write the host name alone, such as {_EXAMPLE}"


class EndpointError(ValueError):
    """An endpoint or region that no token can be signed for; `hint` says what to write instead."""

    def __init__(self, message: str, hint: str = _ALONE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def host_name(endpoint: str) -> str:
    """Return the host name in `endpoint` in lower case, as DNS, TLS and AWS compare it.

    Accepted is a full ASCII host name of at least two labels and nothing else: `EndpointError` for a scheme, port,
    path, user, address, trailing dot, international name, white space or control characters. A name outside AWS's own
    pattern is accepted (a private DNS name); it just has no region in it.
    """
    if not endpoint:
        raise EndpointError("the endpoint is empty", f"give the cluster's host name, such as {_EXAMPLE}")
    if not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
        raise EndpointError("the endpoint holds white space, control characters or letters outside ascii")
    _refuse_url_parts(endpoint)
    name = endpoint.lower()
    if len(name) > _MAX_NAME:
        raise EndpointError(f"the endpoint is longer than a host name's {_MAX_NAME} characters")
    labels = name.split(".")
    if not all(map(_is_label, labels)):
        raise EndpointError("the endpoint is not a host name")
    if len(labels) == 1:
        raise EndpointError("the endpoint is not a full host name")
    if labels[-1].isdigit():
        raise EndpointError("the endpoint is an address, not a host name")
    return name


def _refuse_url_parts(endpoint: str) -> None:
    for mark, what in (("://", "a scheme"), ("@", "a user"), ("/", "a path"), ("?", "a query"), (":", "a port")):
        if mark in endpoint:
            raise EndpointError(f"the endpoint has {what}")


def _is_label(label: str) -> bool:
    plain = 0 < len(label) <= _MAX_LABEL and _LABEL.issuperset(label)
    # `xn--` is an international name in its ASCII form: AWS gives out none, and one can look like another.
    return plain and not label.startswith(("-", "xn--")) and not label.endswith("-")


def region_in(host: str) -> str | None:
    """Return the region that stands in a host name in lower case, by AWS's pattern `.dsql*.REGION.on.aws`, or None."""
    match host.split("."):
        case [_, *_, service, region, "on", "aws"] if service.startswith("dsql"):
            return region
    return None


def signing_region(host: str, region: str | None) -> str | None:
    """Return the region to sign for: the one asked for, else the host name's own, else None (the AWS configuration's).

    `EndpointError` where `region` is not written as a region is, or where the host name says another one: the server
    refuses such a token.
    """
    own = region_in(host)
    if region is None:
        return own
    if not _is_label(region):
        raise EndpointError("the region is not written as AWS writes one", "such as us-east-1")
    if own is not None and region != own:
        raise EndpointError("the region contradicts the endpoint's name", "leave region out, or make the two agree")
    return region
