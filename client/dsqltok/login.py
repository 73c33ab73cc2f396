"""A person's part of getting AWS credentials, at the terminal: an MFA code, or an SSO login in the browser.

What is asked and shown goes to the terminal and stderr, never to stdout, which may be captured.
"""

import getpass
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from dsqltok import errors, report, text

if TYPE_CHECKING:
    from collections.abc import Callable

    Request = Callable[[str, dict[str, object]], dict[str, Any]]

_MOST_STEPS = 4  # an sso login, a code, and a second try at each
_LONGEST_PAUSE = 60  # seconds between two polls


def run(params: "dict[str, object]", request: "Request", *, browser: bool) -> list[dict[str, Any]]:
    """Log in, and return each identity with its new expiry. Raises `DsqltokError`.

    `params` select a token or an env, as in a request for one; `request` makes one of the daemon.
    """
    asked = dict(params)
    for _ in range(_MOST_STEPS):
        try:
            identities: list[dict[str, Any]] = request("login", asked)["identities"]
        except errors.CredentialsError as error:
            needed = error.data.get("login")
            if not isinstance(needed, dict) or (needed["kind"] == "mfa" and "code" in asked):
                raise
            if needed["kind"] == "mfa":
                asked["code"] = _code(str(needed.get("serial", "the device")))
            else:
                _confirm(request("login.sso", params), params, request, browser=browser)
        else:
            return identities
    raise errors.CredentialsError("logging in did not help", hint="dsqltok doctor walks through what is wrong")


def offered(error: errors.CredentialsError) -> bool:
    """Tell whether logging in would help and the person at the terminal, if there is one, wants to do it now."""
    # A script may have closed them, and then they are None.
    if "login" not in error.data or not all(stream and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        return False
    report.tell(f"{error.message}\nlog in now? [Y/n] ")
    answer = sys.stdin.readline()
    if not answer:  # the end of the input, such as by Ctrl-D, is no yes
        report.tell("\n")
        return False
    return answer.strip().lower() in ("", "y", "yes")


def _code(serial: str) -> str:
    code = _asked(text.plain(f"mfa code of {serial}: ")) if _has_terminal() else _piped()
    if not code.strip():
        raise errors.UsageError(
            "no mfa code was given", hint="run dsqltok login in a terminal, or pipe the code into it"
        )
    return code.strip()


def _asked(prompt: str) -> str:
    try:
        return getpass.getpass(prompt)
    except EOFError:
        report.tell("\n")
        return ""


def _piped() -> str:
    return sys.stdin.readline() if sys.stdin else ""


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _confirm(login: dict[str, Any], params: "dict[str, object]", request: "Request", *, browser: bool) -> None:
    """Show the person where to confirm a login, and wait until that is done."""
    report.tell(f"confirm the code {login['code']} at {login['url']}\n")
    if browser:
        _open(login["url"])
    pause = login["interval"]
    end = time.monotonic() + login["expires_in"]
    trouble: errors.DsqltokError = errors.CredentialsError(
        "the code was not confirmed in time", hint="run dsqltok login again"
    )
    while time.monotonic() < end:
        time.sleep(pause)
        try:
            answer = request("login.poll", {**params, "handle": login["handle"]})
        except errors.DsqltokError as error:
            if not error.retryable:
                raise
            # The person may be confirming just now. RFC 8628 says to ask on, at twice the interval.
            trouble = error
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            if answer["done"]:
                return
            pause += answer["slower"]
    raise trouble


def _open(url: str) -> None:
    import webbrowser  # noqa: PLC0415 - it looks at the whole PATH when it is imported

    if not url.startswith("https://") or not webbrowser.open(url):
        report.tell("open that address in a browser\n")
