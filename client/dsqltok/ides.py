"""`dsqltok ide`: how a program with a window connects to an env, with the env's values filled in.

Such a program has neither the shell's PATH nor its working directory nor its variables. A command that is given to it
therefore names the programs and files by their whole paths, and sets the variables that say whose credentials sign, but
for those that are secrets. No token is shown or written.
"""

import os
import shlex

from dsqltok import (
    arguments,
    asking,
    errors,
    files,
    idetext,
    libpq,
    paths,
    programs,
    protocol,
    report,
    secrecy,
    text,
)


def _ide(options: dict[str, object]) -> int:
    ide = _chosen(options)
    file = options.get("write")
    if file is not None and ide != "pgadmin":
        hint = "without --write it prints the steps; pgadmin is the one that takes a file"
        raise errors.UsageError(f"there is no file that {idetext.TITLES[ide]} could import", hint=hint)
    params = arguments.selection(options)
    answer = asking.complete("connection.get", params)
    environment = params["environment"]
    assert isinstance(environment, dict)  # noqa: S101 - made by arguments.selection
    variables = {name: value for name, value in environment.items() if value is not None and name != "HOME"}
    place = _place(answer, options, _carried(variables))
    _require_one_line(place)
    if file is not None:
        place = place._replace(file=paths.absolute(str(file)))
        _write_new(str(place.file), idetext.servers(place))
    report.warn(_warnings(ide, place, variables))
    arguments.write(text.plain(idetext.render(ide, place), keep="\n"))
    return 0


def _chosen(options: dict[str, object]) -> str:
    allowed = tuple(idetext.TITLES)
    if "ide" in options:
        return arguments.choice(options, "ide", allowed)
    *others, last = sorted(allowed)
    raise errors.UsageError("which ide?", hint=f"such as dsqltok ide pgadmin NAME; or {', '.join(others)}, {last}")


def _place(answer: dict[str, object], options: dict[str, object], carried: dict[str, str]) -> idetext.Place:
    """Return what a program is to be told. `answer` is the daemon's."""
    env, data, variables = answer["env"], options.get("data"), answer["vars"]
    assert isinstance(variables, list)  # noqa: S101 - the daemon's own shape
    which = [] if env is None else [f"--env={env}" if str(env).startswith("-") else str(env)]
    which += ["--config", str(answer["config"])]
    which += [word for variable in variables for word in ("--var", variable)]
    which += [] if data is None else ["--data", str(data)]
    program = programs.installed("dsqltok")
    settings = ["env", *(f"{name}={value}" for name, value in sorted(carried.items()))] if carried else []
    # What a shell has in PGPASSFILE is not the file that a program with a window looks into.
    usual = ["env", "-u", "PGPASSFILE"] if "PGPASSFILE" in os.environ else []
    return idetext.Place(
        name=str(env if env is not None else data),
        parameters=libpq.parameters(answer),
        command=shlex.join([*settings, program, "get", "-n", *which]),
        proxy=shlex.join([program, "proxy", *which]),
        passfile=shlex.join([*usual, program, "pgpass", "enable", *which]),
    )


def _carried(variables: dict[str, str]) -> dict[str, str]:
    """Return the variables that a command sets: those that AWS tools heed, and that are no secrets."""
    return {
        name: value for name, value in variables.items() if protocol.is_aws(name) and not secrecy.is_secret(name, value)
    }


def _warnings(ide: str, place: idetext.Place, variables: dict[str, str]) -> list[str]:
    """Return what the program will go without."""
    title = idetext.TITLES[ide]
    found = [
        f"{title} has no place for {name}, which the env has: {place.parameters[name]}"
        for name in idetext.untold(ide, place)
    ]
    if ide in idetext.BY_PASSFILE:
        return found
    secrets = [name for name, value in variables.items() if protocol.is_aws(name) and secrecy.is_secret(name, value)]
    if secrets:
        found.append(
            f"{title} will not have {', '.join(sorted(secrets))}, since no secret is put into a command: "
            "have the keys in a profile, and set AWS_PROFILE to its name"
        )
    read = [name for name in variables if not protocol.is_aws(name)]
    if read:
        found.append(
            f"{title} will not have {', '.join(sorted(read))}, which the project reads with getenv(): "
            "where one is no secret, put env NAME=VALUE before the command"
        )
    return found


def _require_one_line(place: idetext.Place) -> None:
    """Raise `UsageError` where a command has what cannot be entered in a field, or printed to be copied."""
    if not (place.command + place.passfile + place.proxy).isprintable():
        raise errors.UsageError(
            "a path, a name or an AWS_* variable has a character in it that cannot be printed, and that no field takes",
            hint="rename the file, or unset the variable",
        )


def _write_new(path: str, content: str) -> None:
    """Write a file that is not there yet: the whole of it, or none. Raises `UsageError` where it is there."""
    try:
        files.create_atomically(path, content, 0o600)
    except FileExistsError:
        hint = "it was left as it is; name another file, or move that one away"
        raise errors.UsageError(f"{path} is there already", hint=hint) from None
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise errors.UsageError(f"cannot write {path}: {words}", hint="name a file in another directory") from error


COMMANDS = {"ide": _ide}
