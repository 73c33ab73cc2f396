"""The commands other than a plain `get`, and what `get` does when its answer is more than a token."""

import json
import os
import sys
import time

from dsqltok import __version__, arguments, errors, inspecttext, login, paths, protocol, report, statustext, transport

_WATCH_SECONDS = 2.0
_CLEAR = "\033[H\033[2J"
_MOST_NAMES = 8  # rounds in which a project may name further variables that it reads

_ONCE = ("login", "login.poll", "projects.remove", "daemon.stop")  # done twice, these fail or do something else

USAGE = """\
usage: dsqltok COMMAND [ARGUMENT...] [OPTION...]

  get [NAME]              print a fresh token for env NAME (-n: no newline; --json)
  url [NAME]              print the url of env NAME with a fresh token in it (-n; --json)
  inspect [NAME]          show what Atlas would see in the project (--json; --reveal: tokens too)
  login [NAME]            do a person's part: the mfa code, or the sso login in the browser (--no-browser)
  doctor [NAME]           walk the way a token takes, to a login, and say what is wrong where (--json)
  flush [NAME]            forget the tokens and sessions of env NAME, or all that there are, in the keyring too
  status                  show what the daemon knows (--json; --watch: again every 2 s)
  config check | show     say what is wrong with config.toml; show the settings in force (--json)
  health [live | ready]   tell, by the exit code too, whether the daemon answers, and could serve a token now
  metrics                 print counts, latencies and lives as OpenMetrics text
  service install         have the daemon there from login on, by systemd or launchd (uninstall, --purge; status)
  restart                 have another daemon take over, of the version that is installed now
  stop                    end the daemon; the next command that needs it starts it again
  projects add [FILE]     make a project known outside its directory too (--var)
  projects remove [FILE]  forget it
  projects allow [FILE]   let it run the programs that its data "external" blocks name, as they are now (--env, --var)
  projects list           show the known projects (--json)

which token:
  NAME, --env NAME        an env of the project; not needed where there is one
  -c, --config FILE       the project file, a path or file://path; else the nearest atlas.hcl upward
  --var NAME=VALUE        a value for a variable of the project; as often as needed
  --data NAME             a data "aws_dsql_token" by its name (get and doctor only)

exit codes: 0 done, 1 a bug, 2 usage, 3 not found, 4 configuration, 5 credentials, 6 denied, 7 unavailable, 8 timeout
"""


def run(words: list[str]) -> int:
    """Run one command and return the exit code. Raises `DsqltokError`."""
    if sys.platform == "win32":
        raise errors.UsageError("dsqltok does not run on Windows yet", hint="it runs in WSL 2, on Linux and on macOS")
    command, *rest = words or ["--help"]
    if command in ("-h", "--help", "help"):
        arguments.write(USAGE)
        return 0
    if command in ("-V", "--version", "version"):
        arguments.write(f"dsqltok {__version__}\n")
        return 0
    if command not in arguments.COMMANDS:
        hint = report.closest(command, list(arguments.COMMANDS)) or "run dsqltok --help"
        raise errors.UsageError(f'there is no command "{command}"', hint=hint)
    options = arguments.parse(command, rest)
    if "help" in options or command == "get":  # any other `get` has not come here
        arguments.write(USAGE)
        return 0
    return _COMMANDS[command](options)


def finish_get(params: dict[str, object], line: bytes, options: dict[str, object]) -> int:
    """Print the token of an answer that is no plain one: with warnings, as JSON, or asking for more first."""
    answer = _complete("token.get", params, line)
    if "json" in options:
        shown = {name: answer.get(name) for name in ("token", "expires_at", "host", "user", "region")}
        arguments.write(json.dumps(shown, indent=2) + "\n")
    else:
        arguments.write(str(answer["token"]) + ("" if "bare" in options else "\n"))
    return 0


def _url(options: dict[str, object]) -> int:
    params = arguments.selection(options)
    line = _call("url.get", params)
    urls = _complete("url.get", params, line)["urls"]
    if not isinstance(urls, list):
        raise errors.UnavailableError("the daemon's answer makes no sense", hint="run dsqltok stop, then try again")
    if "json" in options:
        arguments.write(json.dumps(urls, indent=2) + "\n")
    else:
        arguments.write("\n".join(urls) + ("" if "bare" in options else "\n"))
    return 0


def _inspect(options: dict[str, object]) -> int:
    params = arguments.selection(options)
    if params["config"] is None:
        raise _no_project()
    if "reveal" in options:
        params["reveal"] = True
    answer = _complete("project.inspect", params, _call("project.inspect", params))
    not_run = answer.pop("not_run")
    arguments.write(json.dumps(answer, indent=2) + "\n" if "json" in options else inspecttext.render(answer))
    if isinstance(not_run, dict):
        report.warn([f"{source} was not run: {why}" for source, why in not_run.items()])
    return 0


def _doctor(options: dict[str, object]) -> int:
    from dsqltok import doctor  # noqa: PLC0415 - ssl and more, which no other command needs

    def ask(method: str, params: dict[str, object]) -> dict[str, object]:
        asked = {"protocol": protocol.VERSION, "progress": True, **params}
        return _asked(method, asked, _call(method, asked))

    return doctor.run(arguments.selection(options), ask, as_json="json" in options)


def _login(options: dict[str, object]) -> int:
    for each in login.run(arguments.selection(options), _request, browser="no_browser" not in options):
        arguments.write(f"{each['identity']}: logged in until {each['expires_at']}\n")
    return 0


def _request(method: str, params: dict[str, object]) -> dict[str, object]:
    return _asked(method, params, _call(method, params))


def _complete(method: str, params: dict[str, object], line: bytes) -> dict[str, object]:
    """Return the result in `line`, and print its warnings.

    Where a login is needed and there is a terminal, the person is asked to log in first.
    """
    try:
        answer = _asked(method, params, line)
    except errors.CredentialsError as error:
        if not login.offered(error):
            raise
        login.run({name: value for name, value in params.items() if name != "reveal"}, _request, browser=True)
        answer = _request(method, params)
    report.warn(answer.get("warnings"))
    return answer


def _asked(method: str, params: dict[str, object], line: bytes) -> dict[str, object]:
    """Return the result in `line`, asking again with the environment variables that the project turns out to read."""
    for _ in range(_MOST_NAMES):
        try:
            return protocol.read_answer(line)
        except errors.EnvironmentNeededError as needed:
            names = needed.data["names"]
            assert isinstance(names, list)  # noqa: S101 - the daemon's own shape
            known = params["environment"]
            assert isinstance(known, dict)  # noqa: S101 - made by arguments.selection
            known.update({name: os.environ.get(name) for name in names})
            line = _call(method, params)
    return protocol.read_answer(line)


def _ask(method: str, params: dict[str, object], *, start: bool) -> dict[str, object]:
    asked = {"protocol": protocol.VERSION, "progress": True, **params}
    return protocol.read_answer(_call(method, asked, start=start))


def _call(method: str, params: dict[str, object], *, start: bool = True) -> bytes:
    return transport.call(protocol.request(method, params), start=start, repeat=method not in _ONCE)


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
        answer = _ask("daemon.status", {}, start=False)
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
    answer = _request("tokens.flush", params)
    arguments.write(f"{answer['tokens']} forgotten\n")
    keyring = answer["keyring"]
    if isinstance(keyring, dict) and keyring["error"] and keyring["error"]["retryable"]:
        report.warn([f"{keyring['error']['message']}: what it holds could not be removed"])
    return 0


def _config(options: dict[str, object]) -> int:
    action = options.get("action", "show")
    if action not in ("check", "show"):
        raise errors.UsageError(f'there is no action "{action}"', hint="use check or show")
    answer = _ask("config.show", {}, start=True)
    error = answer["error"]
    if isinstance(error, dict):
        if action == "check":
            raise errors.from_data(error)
        report.warn([f"{error['message']}; the last good version is used"])
    if action == "show":
        arguments.write(json.dumps(answer, indent=2) + "\n" if "json" in options else statustext.render_config(answer))
    return 0


def _health(options: dict[str, object]) -> int:
    what = options.get("what", "ready")
    if what not in ("live", "ready"):
        raise errors.UsageError(f'there is no health "{what}"', hint="use live or ready")
    answer = _ask("daemon.health", {}, start=False)
    reasons = answer["reasons"]
    if what == "ready" and isinstance(reasons, list) and reasons:
        raise errors.UnavailableError("not ready", detail="\n".join(map(str, reasons)), hint="see dsqltok status")
    arguments.write(f"{what}\n")
    return 0


def _metrics(_options: dict[str, object]) -> int:
    arguments.write(str(_ask("daemon.metrics", {}, start=False)["text"]))
    return 0


def _service(options: dict[str, object]) -> int:
    from dsqltok import service  # noqa: PLC0415 - plistlib and shutil, which no other command needs

    action = options.get("action", "status")
    if action not in ("install", "uninstall", "status"):
        raise errors.UsageError(f'there is no action "{action}"', hint="use install, uninstall or status")
    if action == "install":
        arguments.write(service.install())
    elif action == "uninstall":
        arguments.write(service.uninstall(purge="purge" in options))
    else:
        arguments.write(service.status())
    return 0


def _restart(options: dict[str, object]) -> int:
    _stop(options)
    answer = _ask("daemon.status", {}, start=True)
    arguments.write(f"dsqltokd {answer['version']}, process {answer['pid']}\n")
    return 0


def _stop(_options: dict[str, object]) -> int:
    try:
        _ask("daemon.stop", {}, start=False)
    except errors.UnavailableError:
        report.warn(["the daemon was not running"])
    return 0


def _projects(options: dict[str, object]) -> int:
    action = options.get("action", "list")
    if action == "list":
        answer = _ask("projects.list", {}, start=True)
        if "json" in options:
            arguments.write(json.dumps(answer["projects"], indent=2) + "\n")
        else:
            arguments.write(statustext.render_projects(answer["projects"]))
        return 0
    if action not in ("add", "remove", "allow"):
        raise errors.UsageError(f'there is no action "{action}"', hint="use add, allow, list or remove")
    given = options.get("file")
    path = paths.find_project() if given is None else paths.project_file(str(given))
    if path is None:
        raise _no_project()
    if action == "allow":
        return _allow({**options, "config": path})
    _ask(f"projects.{action}", {"config": path, "vars": options.get("vars", [])}, start=True)
    return 0


def _allow(options: dict[str, object]) -> int:
    params = arguments.selection(options)
    answer = _complete("projects.allow", params, _call("projects.allow", params))
    arguments.write(inspecttext.render_programs(answer["programs"]))
    if not answer["programs"]:
        report.warn([f"{options['config']} names no program to run"])
    return 0


def _no_project() -> errors.NotFoundError:
    return errors.NotFoundError("there is no atlas.hcl at or above this directory", hint="name the file")


_COMMANDS = {
    "url": _url,
    "inspect": _inspect,
    "login": _login,
    "doctor": _doctor,
    "flush": _flush,
    "status": _status,
    "config": _config,
    "health": _health,
    "metrics": _metrics,
    "service": _service,
    "restart": _restart,
    "stop": _stop,
    "projects": _projects,
}
