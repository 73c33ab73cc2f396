"""The tables that `dsqltok status` and `dsqltok projects list` print."""

import json
from typing import Any

from dsqltok.text import plain

_MINUTE = 60
_THOUSAND = 1000
_TOKENS = ("ENV", "HOST", "ACTION", "IDENTITY", "TOKEN", "VALID FOR", "LAST USED", "NEXT ATTEMPT IN")
_PASSFILES = ("PASSFILE", "ENV", "SERVICE IN", "PROJECT", "TOKEN")
_PROXIES = ("PROXY", "ENV", "PROCESS", "OPEN", "SESSIONS", "FROM CLIENTS", "TO CLIENTS", "TO CONNECT", "REFUSED")


def render(status: dict[str, Any]) -> str:
    """Return what `daemon.status` said, for a person."""
    lines = [
        f"dsqltokd {status['version']}, process {status['pid']}, since {status['started_at']}",
        f"socket   {status['socket']}",
        f"keyring  {_keyring(status['keyring'])}",
        f"files    watched {status['watching']}",
    ]
    lines += [f"         {mount} does not answer" for mount in status.get("unanswered", ())]
    if status.get("replaced"):
        lines.append("another version was installed since: dsqltok restart has it take over")
    if status["tokens"]:
        lines += ["", *_table(_TOKENS, map(_token, status["tokens"]))]
    if status["projects"]:
        lines += ["", *_table(("PROJECT", "ENV", "STATE"), map(_project, status["projects"]))]
    # A daemon of an earlier version says nothing of its configuration, and has neither passfiles nor proxies.
    passfiles = status.get("passfiles", [])
    if passfiles:
        lines += ["", *_table(_PASSFILES, map(_passfile, passfiles))]
    if status.get("proxies"):
        lines += ["", *_table(_PROXIES, map(_proxy, status["proxies"]))]
    faulty = [status.get("configuration", {"error": None}), *status["tokens"], *status["projects"], *passfiles]
    return plain("\n".join([*lines, *_errors(faulty)]) + "\n")


def render_passfiles(passfiles: list[dict[str, Any]]) -> str:
    """Return what `pgpass.list` said, for a person."""
    if not passfiles:
        return "no passfile is kept: dsqltok pgpass enable NAME\n"
    return plain("\n".join([*_table(_PASSFILES, map(_passfile, passfiles)), *_errors(passfiles)]) + "\n")


def render_projects(projects: Any) -> str:
    """Return what `projects.list` said, for a person: a project a line."""
    lines = (" ".join([each["config"], *(f"--var {name}=…" for name in each["vars"])]) for each in projects)
    return "".join(f"{plain(line, keep='')}\n" for line in lines)


def render_config(answer: dict[str, Any]) -> str:
    """Return what `config.show` said, as the file would say it."""
    lines = (f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in answer["settings"].items())
    return plain(f"# {answer['file']}\n" + "".join(lines))


def _errors(faulty: list[dict[str, Any]]) -> list[str]:
    errors = {each["error"]["message"]: each["error"] for each in faulty if each["error"]}
    lines = []
    for error in errors.values():
        lines += ["", f"error: {error['message']}"]
        lines += [f"hint: {error['hint']}"] if error["hint"] else []
    return lines


def _keyring(keyring: dict[str, Any]) -> str:
    if keyring["error"]:
        return f"{keyring['state']}: {keyring['error']['message']}"
    return f"{keyring['state']} ({keyring['backend']})" if keyring["backend"] else str(keyring["state"])


def _token(token: dict[str, Any]) -> tuple[str, ...]:
    state = token["state"] + (", refreshing" if token["refreshing"] else "")
    # A daemon of an earlier version says nothing of who asked.
    env, by = token.get("env") or "-", token.get("used_by")
    used = (token.get("last_used_at") or "-") + (f" by {by}" if by else "")
    times = _duration(token["expires_in"]), used, _duration(token["refresh_in"])
    return env, token["host"], token["action"], token["identity"], state, *times


def _passfile(kept: dict[str, Any]) -> tuple[str, ...]:
    state = f"fresh, valid until {kept['expires_at']}" if kept["expires_at"] else str(kept["state"])
    return kept["passfile"], kept["name"], kept["service"] or "-", kept["config"], state


def _proxy(gate: dict[str, Any]) -> tuple[str, ...]:
    traffic = gate["traffic"]
    means = {step: took["seconds"] / took["count"] * 1e3 for step, took in traffic["steps"].items() if took["count"]}
    split = ", ".join(f"{step} {mean:.0f}" for step, mean in means.items())
    refused = ", ".join(f"{count} {reason}" for reason, count in traffic["refused"].items()) or "-"
    return (
        gate["listen"],
        gate["env"],
        str(gate["pid"]),
        str(traffic["open"]),
        str(traffic["sessions"]),
        _size(traffic["bytes_from_client"]),
        _size(traffic["bytes_from_server"]),
        f"{sum(means.values()):.0f} ms ({split})" if means else "-",
        refused,
    )


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < _THOUSAND:
            return f"{count:.0f} {unit}"
        count /= _THOUSAND
    return f"{count:.0f} TB"


def _project(project: dict[str, Any]) -> tuple[str, ...]:
    asked = project["env"] or (f"data {project['data']}" if project["data"] else "(the only one)")
    return project["config"], asked, project["state"]


def _duration(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds} s" if seconds < 2 * _MINUTE else f"{seconds // _MINUTE} min"


def _table(header: tuple[str, ...], rows: Any) -> list[str]:
    cells = [header, *(tuple(plain(cell, keep="") for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
