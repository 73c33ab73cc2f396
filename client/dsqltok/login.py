"""A person's part of getting AWS credentials, at the terminal: an MFA code, or an SSO login in the browser.

What is asked and shown goes to the terminal and stderr, never to stdout, which may be captured.
"""

import getpass
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from dsqltok import errors, report

if TYPE_CHECKING:
    from collections.abc import Callable

    Request = Callable[[str, dict[str, object]], dict[str, Any]]

_MOST_STEPS = 4  # an sso login, a code, and a second try at each


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
    if "login" not in error.data or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    report.tell(f"{error.message}\nlog in now? [Y/n] ")
    return sys.stdin.readline().strip().lower() in ("", "y", "yes")


def _code(serial: str) -> str:
    prompt = f"mfa code of {serial}: "
    code = getpass.getpass(prompt) if _has_terminal() else sys.stdin.readline()
    if not code.strip():
        raise errors.UsageError(
            "no mfa code was given", hint="run dsqltok login in a terminal, or pipe the code into it"
        )
    return code.strip()


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
    while time.monotonic() < end:
        time.sleep(pause)
        answer = request("login.poll", {**params, "handle": login["handle"]})
        if answer["done"]:
            return
        pause += answer["slower"]
    raise errors.CredentialsError("the code was not confirmed in time", hint="run dsqltok login again")


def _open(url: str) -> None:
    import webbrowser  # noqa: PLC0415 - it looks at the whole PATH when it is imported

    if not url.startswith("https://") or not webbrowser.open(url):
        report.tell("open that address in a browser\n")
