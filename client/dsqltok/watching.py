"""`dsqltok watch`: each new token as a line, in a file, or to a command of the user's.

A token that could not be passed on is not lost: it is tried again where that may help, and the watch goes on.
"""

import functools
import os
import signal
import stat
import subprocess
import time
from typing import TYPE_CHECKING

from dsqltok import arguments, asking, errors, files, following, libpq, ownpaths, paths, report

if TYPE_CHECKING:
    from collections.abc import Callable

    Sink = Callable[[following.Answer], None]
    """Passes on a new token."""

_PAUSE = 5.0  # seconds between two attempts at a file that cannot be written


class _TerminatedError(BaseException):
    """SIGTERM: the way out goes through every `finally`, so that no draft of a file stays."""


def _watch(options: "arguments.Options") -> int:
    """Pass on each new token until a signal, or the reader of stdout, ends it."""
    signal.signal(signal.SIGTERM, _end)
    try:
        _pass_on(options)
    except _TerminatedError:
        pass
    return 128 + signal.SIGTERM


def _end(_number: int, _frame: object) -> None:
    raise _TerminatedError


def _pass_on(options: "arguments.Options") -> None:
    params = arguments.selection(options)
    sinks = _sinks(options, params)
    wait = following.wait if sinks else functools.partial(following.wait, reader=1)
    # A person who can log in is asked to. What an env lacks for a command's variables shows at once.
    asking.complete("connection.get" if "exec" in options else "token.get", params)
    for news in following.news(params, wait=wait):
        if isinstance(news, errors.DsqltokError):
            report.explain(news)
            continue
        for sink in sinks or [_print]:
            sink(news)


def _sinks(options: "arguments.Options", params: dict[str, object]) -> "list[Sink]":
    sinks: list[Sink] = []
    if "write" in options:
        path = _writable(str(options["write"]))
        sinks.append(lambda news: _write(path, str(news["token"])))
    if "exec" in options:
        command = str(options["exec"])
        sinks.append(lambda _news: _run(command, params))
    return sinks


def _print(news: "following.Answer") -> None:
    arguments.write(f"{news['token']}\n")


def _writable(given: str) -> str:
    """Return the file that a path means, where a link leads. Raises what keeps it from being written."""
    try:
        path = ownpaths.followed(paths.absolute(given))
    except OSError as error:
        why = str(error.strerror).lower()
        raise errors.UsageError(f"{given} leads nowhere: {why}", hint="name another file") from error
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        raise errors.NotFoundError(f"there is no directory {directory}", hint="make it, or name another file")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise errors.DeniedError(f"no file can be written into {directory}", hint="name a file in a directory of yours")
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return path
    if stat.S_ISDIR(found.st_mode):
        raise errors.UsageError(f"{given} is a directory", hint="name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise errors.UsageError(f"{given} is not a regular file", hint="without --write the token goes to stdout")
    return path


def _write(path: str, token: str) -> None:
    """Put a token into a file, by a later attempt where it cannot be written now."""
    trouble = ""
    while True:
        try:
            files.write_atomically(path, f"{token}\n", 0o600)
        except OSError as error:
            if str(error.strerror) != trouble:
                trouble = str(error.strerror)
                report.explain(
                    errors.UnavailableError(
                        f"cannot write {path}: {trouble.lower()}",
                        hint="the file has the token of before, and is tried again every few seconds",
                    )
                )
            time.sleep(_PAUSE)
        else:
            return


def _run(command: str, params: dict[str, object]) -> None:
    """Run a command of the shell to its end, with what it takes to connect in its environment."""
    try:
        answer = asking.request("connection.get", params)
    except errors.DsqltokError as error:
        report.explain(error)
        return
    environment = libpq.own(os.environ) | libpq.variables(answer)
    done = subprocess.run(  # noqa: S603 - the command that the user gave
        ["/bin/sh", "-c", command], env=environment, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        ended = f"with {done.returncode}" if done.returncode > 0 else f"by signal {-done.returncode}"
        report.warn([f"the command of --exec ended {ended}"])


COMMANDS = {"watch": _watch}
