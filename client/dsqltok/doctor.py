"""`dsqltok doctor`: walks the way that a token takes, a step at a time, and says what is wrong where.

The rules:
1. A step looks at one thing. It says what it found, or raises the `DsqltokError` that tells what is wrong and what to
   do. The walk goes on with every step that does not need a failed one (`_STEPS` says which need which).
2. Every step ends within seconds, whatever it looks at hangs.
3. No text holds a secret. What a server says is cleared of the token that was sent to it.
4. The token goes to nobody who did not prove to be the endpoint, whatever sslmode would allow.
"""

from __future__ import annotations

import json
import os
import stat
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dsqltok import __version__, arguments, doctortext, errors, paths, pglogin, probe, refusals, tls, tlsprobe
from dsqltok.doctortext import Outcome, Step

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    Ask = Callable[[str, dict[str, object]], dict[str, Any]]
    """Asks the daemon for a method, starting it where need be; raises `DsqltokError`."""

_KEYRING_SECONDS = 6.0  # a daemon that has just started asks its keyring for up to five
_LOOK_AGAIN = 0.1
_MOST_SKEW = 60  # seconds
_SHARED = 0o077


@dataclass
class Found:
    """What a step found where nothing is wrong, or what is worth knowing (`WARNING`), or that it cannot tell."""

    text: str
    outcome: Outcome = Outcome.GOOD
    hint: str = ""


@dataclass
class Visit:
    """What is asked about, and what the steps so far have found out for later ones."""

    params: dict[str, object]
    ask: Ask
    status: dict[str, Any] = field(default_factory=dict)
    target: dict[str, Any] = field(default_factory=dict)
    trouble: errors.DsqltokError | None = None  # of the project, in whichever of three steps it is
    who: dict[str, Any] = field(default_factory=dict)
    token: str = field(default="", repr=False)
    addresses: list[probe.Address] = field(default_factory=list)
    connection: socket.socket | None = None


def run(params: dict[str, object], ask: Ask, *, as_json: bool) -> int:
    """Walk, print what was found, and return the exit code: 0, or that of the first failure."""
    visit, shown = Visit(params, ask), []
    signs = doctortext.signs(dict(os.environ))
    for step in walk(visit):
        shown.append(step)
        if not as_json:
            arguments.write(doctortext.line(step, signs))
    if visit.connection is not None:
        visit.connection.close()
    if as_json:
        arguments.write(json.dumps(doctortext.as_data(shown), indent=2) + "\n")
    return next((step.exit_code for step in shown if step.outcome is Outcome.FAILED), 0)


def walk(visit: Visit) -> Iterator[Step]:
    """Take the steps in order; one that needs what failed, or was not taken, is not taken either."""
    broken: dict[str, str] = {}  # each step not taken by the failed one that it is for
    for name, needed, look in _STEPS:
        cause = next((broken[each] for each in needed if each in broken), None)
        step = _skip(name, cause) if cause else _take(name, look, visit)
        if cause or step.outcome is Outcome.FAILED:
            broken[name] = cause or name
        yield step


def _skip(name: str, cause: str) -> Step:
    return Step(name, Outcome.SKIPPED, f"not looked at, since {cause} failed")


def _take(name: str, look: Callable[[Visit], Found], visit: Visit) -> Step:
    try:
        found = look(visit)
    except errors.DsqltokError as error:
        text = f"{error.message}\n{error.detail}" if error.detail else error.message
        return Step(name, Outcome.FAILED, text, error.hint, error.exit_code)
    except KeyError as error:  # a daemon from before an upgrade answers in another shape
        strange = errors.UnavailableError(f"the daemon's answer lacks {error}")
        return Step(name, Outcome.FAILED, strange.message, "run dsqltok stop, then try again", strange.exit_code)
    return Step(name, found.outcome, found.text, found.hint)


# The daemon


def _daemon(visit: Visit) -> Found:
    try:
        visit.status = visit.ask("daemon.status", {})
    except errors.DsqltokError as error:
        log = paths.log_file()
        if os.path.exists(log) and log not in error.hint:
            error.hint += f"{'; ' if error.hint else ''}the daemon's log is {log}"
        raise
    version, text = visit.status["version"], "running, version {version}, process {pid}".format(**visit.status)
    if version == __version__:
        return Found(text)
    hint = "run dsqltok stop, and the next command starts the installed one"
    return Found(f"{text}, but this is dsqltok {__version__}", Outcome.WARNING, hint)


def _socket(_visit: Visit) -> Found:
    directory, path = paths.runtime_dir(), paths.socket_path()
    try:
        found = os.stat(directory)
        os.lstat(path)
    except FileNotFoundError:
        return Found(f"{path} is not there: the daemon makes it when it starts", Outcome.SKIPPED)
    except OSError as error:
        raise errors.DeniedError(
            f"{directory}: {_reason(error)}", hint="see which directory of that path is not yours"
        ) from None
    if found.st_uid != os.getuid():
        raise errors.DeniedError(
            f"{directory} belongs to the user with number {found.st_uid}",
            hint="remove it, or set XDG_RUNTIME_DIR to a directory of your own",
        )
    mode = stat.S_IMODE(found.st_mode)
    if mode & _SHARED:
        raise errors.DeniedError(
            f"{directory} has mode {mode:04o}, so that others may reach the socket", hint=f"run chmod 700 {directory}"
        )
    return Found(f"{path}, in a directory of yours with mode {mode:04o}")


def _keyring(visit: Visit) -> Found:
    end = time.monotonic() + _KEYRING_SECONDS
    # A step that waits: what a daemon has heard of its keyring when it has just started is nothing yet.
    while visit.status["keyring"]["state"] == "unknown" and time.monotonic() < end:
        time.sleep(_LOOK_AGAIN)
        visit.status = visit.ask("daemon.status", {})
    keyring = visit.status["keyring"]
    if keyring["error"]:
        # Tokens are good without it: a restart of the daemon asks AWS again, that is all.
        text = f"{keyring['state']}: {keyring['error']['message']}"
        return Found(text, Outcome.WARNING, keyring["error"]["hint"])
    if keyring["backend"]:
        return Found(f"{keyring['state']} ({keyring['backend']})")
    return Found(f"{keyring['state']}: tokens are kept in memory only")


# The project. One question is asked, whose failure belongs to one of three steps.


def _project(visit: Visit) -> Found:
    try:
        visit.target = visit.ask("target.describe", visit.params)
    except errors.DsqltokError as error:
        if error.data.get("absent") is None:
            raise
        visit.trouble = error
        return Found(str(visit.params["config"] or "one of the added projects"))
    if visit.target["warnings"]:
        hint = "correct it: what is cached stays in use only until the daemon ends"
        return Found(" ".join(visit.target["warnings"]), Outcome.WARNING, hint)
    return Found(visit.target["config"])


def _env(visit: Visit) -> Found:
    if visit.trouble is not None and visit.trouble.data["absent"] == "env":
        raise visit.trouble
    env = visit.target.get("env") or visit.params["env"]
    return Found(f'"{env}"' if env else "none is needed: a data source is named, or there is only one env")


def _target(visit: Visit) -> Found:
    if visit.trouble is not None:
        raise visit.trouble
    target = visit.target
    if target["refusal"]:
        raise errors.from_data(target["refusal"])
    if target["connection"] is None:  # a data source was named, and no env: what Aurora DSQL takes
        target["connection"] = {
            "places": 1,
            "host": target["host"],
            **dict.fromkeys(("hostaddr", "sslmode", "sslrootcert")),
            "port": "5432",
            "user": target["user"],
            "dbname": "postgres",
        }
    place = target["connection"]
    user = place["user"] = place["user"] or target["user"] or "admin"
    others = f"; the first of {place['places']} places, the only one looked at" if place["places"] > 1 else ""
    return Found(f"{user} at {place['host']} port {place['port']}, {target['action']} by {target['identity']}{others}")


# Who signs


def _profile(visit: Visit) -> Found:
    who = visit.who = visit.ask("identity.describe", visit.params)
    chain = " → ".join(who["chain"])
    if who["credentials"]:
        error = errors.from_data(who["credentials"])
        error.message = f"{chain}: {error.message}"
        raise error
    named = f"; the profile is named by {who['profile_from']}" if who["profile_from"] else ""
    region = f"; region {who['region']} by {who['region_from']}" if who["region"] else ""
    return Found(f"{chain}{named}{region}")


def _identity(visit: Visit) -> Found:
    if visit.who["refusal"]:
        raise errors.from_data(visit.who["refusal"])
    return Found("{arn} in account {account}".format(**visit.who["caller"]))


def _clock(visit: Visit) -> Found:
    skew = visit.who.get("skew")
    if skew is None:
        return Found("cannot tell: AWS has not answered", Outcome.SKIPPED)
    seconds, way = round(abs(skew)), "ahead of" if skew > 0 else "behind"
    if seconds > _MOST_SKEW:
        raise errors.ConfigurationError(
            f"it is {seconds} s {way} AWS's, which refuses what is signed by such a clock",
            hint="have the system set it, such as by timedatectl set-ntp true",
        )
    return Found(f"within {max(seconds, 1)} s of AWS's")


def _token(visit: Visit) -> Found:
    answer = visit.ask("token.get", visit.params)
    if answer["host"] != visit.target["host"]:  # else the token of one endpoint would go to another
        raise errors.UnavailableError(
            f"the project has changed meanwhile: this token is for {answer['host']}", hint="run dsqltok doctor again"
        )
    visit.token = answer["token"]
    return Found(f"signed for {answer['host']} in {answer['region']}, good until {answer['expires_at']}")


# The way to the endpoint


def _dns(visit: Visit) -> Found:
    place = visit.target["connection"]
    host, given = place["host"], place["hostaddr"]
    visit.addresses = probe.resolve(given or host, int(place["port"]))
    names = ", ".join(address.ip for address in visit.addresses)
    return Found(f"not asked: the url says hostaddr {given}" if given else f"{host} is {names}")


def _tcp(visit: Visit) -> Found:
    visit.connection, text = probe.connect(visit.addresses)
    return Found(text)


def _tls(visit: Visit) -> Found:
    assert visit.connection is not None  # noqa: S101 - the step before made it
    place = visit.target["connection"]
    roots = tls.roots(place["sslrootcert"], dict(os.environ), paths.home())
    visit.connection, text = tlsprobe.secure(
        visit.connection, place["host"], roots, again=lambda: probe.connect(visit.addresses)[0]
    )
    return Found(text)


def _login(visit: Visit) -> Found:
    assert visit.connection is not None  # noqa: S101 - the step before made it
    place = visit.target["connection"]
    try:
        pglogin.select_one(visit.connection, place["user"], place["dbname"] or place["user"], visit.token)
    except pglogin.RefusedError as refused:
        raise refusals.explain(refused.without(visit.token), place["user"]) from None
    return Found(f"{place['user']} is let in, and select 1 gives 1")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


_STEPS: tuple[tuple[str, tuple[str, ...], Callable[[Visit], Found]], ...] = (
    ("daemon", (), _daemon),
    ("socket", (), _socket),
    ("keyring", ("daemon",), _keyring),
    ("project", ("daemon",), _project),
    ("env", ("project",), _env),
    ("target", ("env",), _target),
    ("profile", ("target",), _profile),
    ("identity", ("profile",), _identity),
    ("clock", ("target",), _clock),
    ("token", ("profile",), _token),
    ("dns", ("target",), _dns),
    ("tcp", ("dns",), _tcp),
    ("tls", ("tcp",), _tls),
    ("login", ("token", "tls"), _login),
)
