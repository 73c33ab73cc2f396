"""What the command line and the environment say, as the parameters of a request; part of every warm `get`."""

import os

from dsqltok import paths, protocol

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    Options = dict[str, object]

# What selects a project, an env and a token. Each option takes a value; "vars" may be given more than once.
_SELECTION = {"--env": "env", "--config": "config", "-c": "config", "--var": "vars"}
# command: options with a value, switches, positional arguments
COMMANDS: dict[str, tuple[dict[str, str], dict[str, str], tuple[str, ...]]] = {
    "get": ({**_SELECTION, "--data": "data"}, {"-n": "bare", "--json": "json"}, ("name",)),
    "url": (_SELECTION, {"-n": "bare", "--json": "json"}, ("name",)),
    "inspect": (_SELECTION, {"--json": "json", "--reveal": "reveal"}, ("name",)),
    "login": ({**_SELECTION, "--data": "data"}, {"--no-browser": "no_browser"}, ("name",)),
    "doctor": ({**_SELECTION, "--data": "data"}, {"--json": "json"}, ("name",)),
    "flush": ({**_SELECTION, "--data": "data"}, {}, ("name",)),
    "status": ({}, {"--json": "json", "--watch": "watch"}, ()),
    "config": ({}, {"--json": "json"}, ("action",)),
    "health": ({}, {}, ("what",)),
    "metrics": ({}, {}, ()),
    "service": ({}, {"--purge": "purge"}, ("action",)),
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
    rest = iter(words)
    places = iter(positional)
    for argument in rest:
        if not argument.startswith("-") or argument == "-":
            name = next(places, None)
            value: object = argument
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
        if name == "vars":
            options.setdefault("vars", []).append(value)  # type: ignore[attr-defined]  # ours is always a list
        else:
            options[name] = value
    return options


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
    return params


def environment() -> dict[str, str]:
    """Return the variables that decide whom AWS takes the caller for."""
    found = {name: value for name, value in os.environ.items() if protocol.is_aws(name) or name == "HOME"}
    for name in _PATHS:
        if name in found and found[name][:1] not in ("", "/", "~", "$"):
            found[name] = paths.absolute(found[name])  # the daemon works in another directory
    return found


def write(text: str) -> None:
    """Write all of `text` to stdout."""
    rest = text.encode("utf-8", "surrogateescape")
    while rest:
        rest = rest[os.write(1, rest) :]
