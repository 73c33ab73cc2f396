"""The commands about the daemon itself."""

import json
import os
import time

from dsqltok import arguments, asking, errors, protocol, report, statustext
from dsqltok.choices import CHOICES

_WATCH_SECONDS = 2.0
_CLEAR = "\033[H\033[2J"


def _status(options: dict[str, object]) -> int:
    if "watch" not in options:
        return _show_status(options)
    while True:
        if os.isatty(1):
            arguments.write(_CLEAR)
        _show_status(options)
        time.sleep(_WATCH_SECONDS)


def _show_status(options: dict[str, object]) -> int:
    try:
        answer = asking.ask("daemon.status", {}, start=False)
    except errors.UnavailableError:
        if "json" in options:
            arguments.write('{"running": false}\n')
        raise
    arguments.write(json.dumps(answer, indent=2) + "\n" if "json" in options else statustext.render(answer))
    return 0


def _flush(options: dict[str, object]) -> int:
    params: dict[str, object] = {"protocol": protocol.VERSION, "progress": True}
    if options:
        params = arguments.selection(options)
    answer = asking.request("tokens.flush", params)
    arguments.write(f"{answer['tokens']} forgotten\n")
    keyring = answer["keyring"]
    if isinstance(keyring, dict) and keyring["error"] and keyring["error"]["retryable"]:
        report.warn([f"{keyring['error']['message']}: what it holds could not be removed"])
    return 0


def _config(options: dict[str, object]) -> int:
    action = arguments.choice(options, "action", CHOICES["config"]["action"])
    answer = asking.ask("config.show", {})
    error = answer["error"]
    if isinstance(error, dict):
        if action == "check":
            raise errors.from_data(error)
        report.warn([f"{error['message']}; what was in force before goes on"])
    if action == "show":
        arguments.write(json.dumps(answer, indent=2) + "\n" if "json" in options else statustext.render_config(answer))
    return 0


def _health(options: dict[str, object]) -> int:
    what = arguments.choice(options, "health", CHOICES["health"]["health"])
    reasons = asking.ask("daemon.health", {}, start=False)["reasons"]
    if what == "ready" and isinstance(reasons, list) and reasons:
        raise errors.UnavailableError("not ready", detail="\n".join(map(str, reasons)), hint="see dsqltok status")
    arguments.write(f"{what}\n")
    return 0


def _metrics(_options: dict[str, object]) -> int:
    arguments.write(str(asking.ask("daemon.metrics", {}, start=False)["text"]))
    return 0


def _service(options: dict[str, object]) -> int:
    from dsqltok import service  # noqa: PLC0415 - plistlib and shutil, which no other command needs

    action = arguments.choice(options, "action", CHOICES["service"]["action"])
    if action == "install":
        arguments.write(service.install())
    elif action == "uninstall":
        arguments.write(service.uninstall(purge="purge" in options))
    else:
        arguments.write(service.status())
    return 0


def _restart(options: dict[str, object]) -> int:
    _stop(options)
    answer = asking.ask("daemon.status", {})
    arguments.write(f"dsqltokd {answer['version']}, process {answer['pid']}\n")
    return 0


def _stop(_options: dict[str, object]) -> int:
    try:
        asking.ask("daemon.stop", {}, start=False)
    except errors.UnavailableError:
        report.warn(["the daemon was not running"])
    return 0


COMMANDS = {
    "status": _status,
    "flush": _flush,
    "config": _config,
    "health": _health,
    "metrics": _metrics,
    "service": _service,
    "restart": _restart,
    "stop": _stop,
}
