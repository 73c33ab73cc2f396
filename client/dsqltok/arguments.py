"""What the command line and the environment say, as the parameters of a request; part of every warm `get`."""

import os

from dsqltok import paths, protocol

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    Options = dict[str, object]

# What selects a project, an env and a token. Each option takes a value.
_SELECTION = {"--env": "env", "--config": "config", "-c": "config", "--var": "vars"}
# Options that may be given more than once.
_LISTS = ("vars", "params", "names")
# command: options with a value, switches, positional arguments. A last one with a `*` takes all words from the first
# that is neither an option nor another argument, or from `--`; one with `**` takes unknown options too, once another
# argument stands before them: they are meant for another program. One with a `+` may be given more than once.
COMMANDS: dict[str, tuple[dict[str, str], dict[str, str], tuple[str, ...]]] = {
    "get": ({**_SELECTION, "--data": "data"}, {"-n": "bare", "--json": "json"}, ("name",)),
    "url": ({**_SELECTION, "--scheme": "scheme", "--param": "params"}, {"-n": "bare", "--json": "json"}, ("name",)),
    "env": ({**_SELECTION, "--data": "data", "--shell": "shell"}, {}, ("name",)),
    "exec": ({**_SELECTION, "--data": "data"}, {"--placeholders": "placeholders"}, ("name", "*command")),
    "init": ({"--user": "user", "--profile": "profile"}, {}, ("endpoint", "file")),
    "inspect": (_SELECTION, {"--json": "json", "--reveal": "reveal"}, ("name",)),
    "login": ({**_SELECTION, "--data": "data"}, {"--no-browser": "no_browser"}, ("name",)),
    "doctor": ({**_SELECTION, "--data": "data"}, {"--json": "json"}, ("name",)),
    "ide": ({**_SELECTION, "--data": "data", "--write": "write"}, {}, ("ide", "name")),
    "flush": ({**_SELECTION, "--data": "data"}, {}, ("name",)),
    "watch": ({**_SELECTION, "--data": "data", "--exec": "exec", "--write": "write"}, {}, ("name",)),
    "psql": (
        {**{option: name for option, name in _SELECTION.items() if option != "-c"}, "--data": "data"},
        {"--pgcli": "pgcli"},
        ("name", "**words"),
    ),
    "hook": ({}, {}, ("shell",)),
    "activate": ({**_SELECTION, "--data": "data", "--shell": "shell"}, {"--again": "again"}, ("name",)),
    "deactivate": ({}, {}, ()),
    "completion": ({}, {}, ("shell", "*words")),
    "proxy": ({**_SELECTION, "--data": "data", "--port": "port", "--unix": "unix", "--ca": "ca"}, {}, ("+names",)),
    "status": ({}, {"--json": "json", "--watch": "watch"}, ()),
    "config": ({}, {"--json": "json"}, ("action",)),
    "health": ({}, {}, ("health",)),
    "metrics": ({}, {}, ()),
    "service": ({}, {"--purge": "purge"}, ("action",)),
    "pgpass": (
        {"--env": "names", "--config": "config", "-c": "config", "--var": "vars", "--data": "data"},
        {"--service": "service", "--json": "json"},
        ("action", "+names"),
    ),
    "restart": ({}, {}, ()),
    "stop": ({}, {}, ()),
    "projects": ({"--env": "env", "--var": "vars"}, {"--json": "json"}, ("action", "file")),
}
# Environment variables whose value is a path.
_PATHS = (
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_LOGIN_CACHE_DIRECTORY",
    "AWS_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
)


def parse(command: str, words: list[str]) -> "Options":
    """Return what the arguments of `command` say, by the names in `COMMANDS`. Raises `UsageError`."""
    valued, switches, positional = COMMANDS[command]
    options: Options = {}
    places = iter([name for name in positional if name[0] not in "*+"])
    words, others = _split(command, words)
    if others is not None:
        options[positional[-1].strip("*")] = others
    rest = iter(words)
    for argument in rest:
        value: object = argument
        if not argument.startswith("-") or argument == "-":
            name = next(places, positional[-1][1:] if positional and positional[-1][0] == "+" else None)
        elif argument in switches:
            name, value = switches[argument], True
        elif argument in ("-h", "--help"):
            name, value = "help", True
        else:
            option, equals, value = argument.partition("=")
            name = valued.get(option)
            value = value if equals else next(rest, None)
        if name is None or value is None:
            from dsqltok import report  # noqa: PLC0415 - not paid for by a warm get

            raise report.misuse(command, argument, [*valued, *switches], known=name is not None)
        if name in _LISTS:
            options.setdefault(name, []).append(value)  # type: ignore[attr-defined]  # ours is always a list
        else:
            options[name] = value
    return options


def _split(command: str, words: list[str]) -> tuple[list[str], list[str] | None]:
    """Return the words that are ours, and those that are another program's, None where the command takes none."""
    valued, switches, positional = COMMANDS[command]
    if not positional or positional[-1][0] != "*":
        return words, None
    places = len(positional) - 1
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--":
            return words[:at], words[at + 1 :]
        if not word.startswith("-"):
            places -= 1
            if places < 0:
                break
        elif word in valued:
            at += 1
        elif places == 0 and positional[-1][:2] == "**" and word.partition("=")[0] not in {**valued, **switches}:
            break
        at += 1
    return words[:at], words[at:]


def selection(options: "Options") -> dict[str, object]:
    """Return the parameters of a request for a token or a url: which one, for whom, from where."""
    given = options.get("config")
    if options.get("env", options.get("name")) != options.get("name", options.get("env")):
        from dsqltok import report  # noqa: PLC0415 - not paid for by a warm get

        raise report.two_names(str(options["name"]), str(options["env"]))
    params: dict[str, object] = {
        "protocol": protocol.VERSION,
        "progress": True,
        "config": paths.find_project() if given is None else paths.project_file(str(given)),
        "env": options.get("env", options.get("name")),
        "environment": environment(),
    }
    for name in ("data", "vars"):
        if name in options:
            params[name] = options[name]
    within = os.environ.get("DSQLTOK_WITHIN")
    if within:  # this is for a program that a project runs, and the daemon is to know which one waits for it
        params["within"] = within
    return params


def environment() -> dict[str, str]:
    """Return the variables that decide whom AWS takes the caller for."""
    found = {name: value for name, value in os.environ.items() if protocol.is_aws(name) or name == "HOME"}
    for name in _PATHS:
        if name in found and found[name][:1] not in ("", "/", "~", "$"):
            found[name] = paths.absolute(found[name])  # the daemon works in another directory
    return found


def choice(options: "Options", name: str, allowed: tuple[str, ...]) -> str:
    """Return the word given as `name`, or the first of those allowed where none was. Raises `UsageError`."""
    given = str(options.get(name, allowed[0]))
    if given not in allowed:
        from dsqltok import report  # noqa: PLC0415 - not paid for by a warm get

        raise report.no_choice(name, given, allowed)
    return given


def write(text: str) -> None:
    """Write all of `text` to stdout."""
    rest = text.encode("utf-8", "surrogateescape")
    while rest:
        rest = rest[os.write(1, rest) :]
