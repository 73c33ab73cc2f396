"""What it means that AWS cannot be reached. No I/O.

Of an endpoint only the host is named: its url, and a proxy's, may hold a password.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from dsqltok.errors import ConfigurationError, DsqltokError, TimedOutError, UnavailableError

_NO_URL = ("InvalidURL", "LocationParseError", "LocationValueError", "ProxySchemeUnknown")
_NO_NAME = ("NameResolutionError", "gaierror")


def bad_setting(who: str, where: str) -> DsqltokError:
    """Return the error for a setting that botocore cannot use."""
    return ConfigurationError(f"{who}: a setting of it makes no sense", hint=f"check {where}")


def too_much(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    """Return the meaning of a MemoryError: the worker's memory is limited."""
    return UnavailableError(
        f"{who}: an answer is larger than there is memory for", hint="check AWS_ENDPOINT_URL and HTTPS_PROXY"
    )


def slow(error: Exception, who: str, _role: str | None) -> DsqltokError:
    """Return the meaning of a timeout."""
    return TimedOutError(f"{who}: AWS did not answer in time{_at(error)}", hint="check the network and HTTPS_PROXY")


def unreachable(error: Exception, who: str, role: str | None) -> DsqltokError:
    """Return the meaning of a connection that did not come about, or broke."""
    cause = getattr(error, "kwargs", {}).get("error")
    if isinstance(cause, MemoryError):
        return too_much(error, who, role)
    if type(cause).__name__ in _NO_URL:
        return bad_setting(who, "AWS_ENDPOINT_URL* and HTTPS_PROXY")
    hint = "check the network, HTTPS_PROXY and AWS_ENDPOINT_URL"
    if type(cause).__name__ in _NO_NAME:
        hint = "its name is not known: check the network, its DNS, the region and AWS_ENDPOINT_URL"
    return UnavailableError(f"{who}: AWS cannot be reached{_at(error)}", hint=hint)


def _at(error: Exception) -> str:
    """Return the host of an endpoint; its url may hold a password."""
    try:
        host = urlsplit(str(getattr(error, "kwargs", {}).get("endpoint_url", ""))).hostname
    except ValueError:
        host = None
    return f" at {host}" if host else ""


def no_proxy(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    """Return the meaning of a proxy that cannot be reached."""
    return UnavailableError(f"{who}: AWS cannot be reached through the proxy", hint="check HTTPS_PROXY and NO_PROXY")


def untrusted(error: Exception, who: str, _role: str | None) -> DsqltokError:
    """Return the meaning of a TLS failure."""
    return UnavailableError(
        f"{who}: the TLS certificate of AWS was not accepted{_at(error)}", hint="check AWS_CA_BUNDLE and the proxy"
    )
