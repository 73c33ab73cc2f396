"""`dsqltok pgpass`: have the daemon keep a passfile fresh, for programs that take a password from nowhere else."""

import json
import os

from dsqltok import arguments, asking, errors, paths, report, statustext, text
from dsqltok.choices import CHOICES


def _run(options: "arguments.Options") -> int:
    action = arguments.choice(options, "action", CHOICES["pgpass"]["action"])
    given = options.get("names", [None])
    names: list[str | None] = given if isinstance(given, list) else []
    if action == "enable":
        for name in names:
            _enable(name, options)
    elif action == "disable":
        for name in names:
            _disable(name, options)
    else:
        kept = asking.ask("pgpass.list", {})["passfiles"]
        assert isinstance(kept, list)  # noqa: S101 - the daemon's own shape
        arguments.write(json.dumps(kept, indent=2) + "\n" if "json" in options else statustext.render_passfiles(kept))
    return 0


def passfile() -> str:
    """Return the passfile that programs of this shell read, with symlinks followed."""
    return _file("PGPASSFILE", ".pgpass")


def disable_all() -> str:
    """Have no passfile kept any more, and nothing of ours in one. Return in words what could not be taken back.

    The daemon is started for that only where one was enabled.
    """
    try:
        if os.path.exists(os.path.join(paths.state_dir(), "pgpass.json")):
            asking.ask("pgpass.disable", {})
    except errors.DsqltokError as error:
        return f"; {error.message}: what dsqltok has in passfiles could not all be taken out"
    return ""


def _enable(name: str | None, options: "arguments.Options") -> None:
    selected = {each: value for each, value in options.items() if each in ("config", "vars", "data")}
    params = arguments.selection({**selected, **({} if name is None else {"name": name})})
    asking.complete("connection.get", params)  # a person may be asked to log in; names the variables that are read
    service = _file("PGSERVICEFILE", ".pg_service.conf") if "service" in options else None
    answer = asking.request("pgpass.enable", {**params, "passfile": passfile(), "service": service})
    _say(f"{answer['passfile']} is kept fresh for {answer['name']}")
    if service is not None:
        _say(f"{service} has the service {answer['name']}: psql service={answer['name']}")
    if os.environ.get("PGPASSWORD"):
        report.warn(["PGPASSWORD is set in this shell, and counts for more than a passfile"])


def _disable(name: str | None, options: "arguments.Options") -> None:
    config = options.get("config")
    where = {"config": paths.project_file(str(config))} if config is not None else {}
    gone = asking.ask("pgpass.disable", {"name": name, **where})["disabled"]
    assert isinstance(gone, list)  # noqa: S101 - the daemon's own shape
    for each in gone:
        _say(f"{each['passfile']} has nothing of {each['name']} any more")
    if not gone:
        report.warn(["no passfile was kept"])


def _say(line: str) -> None:
    arguments.write(f"{text.plain(line, keep='')}\n")


def _file(variable: str, usual: str) -> str:
    # Followed now, so that no two ways to one file are taken for two files.
    return os.path.realpath(paths.absolute(os.environ.get(variable) or os.path.join(paths.home(), usual)))


COMMANDS = {"pgpass": _run}
