"""The commands that hand a connection on to other programs: `env` prints it, `exec` becomes one of them.

`exec` is to cost hardly more than a `get`, so this file imports at its top what a warm `get` does, and little more.
"""

import os

from dsqltok import arguments, libpq, lookup

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator
    from typing import Any
else:
    import _signal as signal  # the signal module adds enum to every start

NOT_EXECUTABLE = 126  # the exit codes that shells have for what they cannot run
NOT_FOUND = 127


def _env(options: dict[str, object]) -> int:
    from dsqltok import shelltext  # noqa: PLC0415 - not paid for by exec

    shell = arguments.choice(options, "shell", tuple(shelltext.WRITERS))
    answer = lookup.connection(options)
    arguments.write(shelltext.WRITERS[shell](libpq.variables(answer), libpq.earlier(os.environ)))
    return 0


def _exec(options: dict[str, object]) -> int:
    words = options["command"]
    if not isinstance(words, list) or not words:
        from dsqltok import errors  # noqa: PLC0415 - only needed where something is wrong

        raise errors.UsageError("there is no command to run", hint="put it after --, as in dsqltok exec dsql -- psql")
    answer = lookup.connection(options)
    if "placeholders" in options:
        words = _filled(words, answer, options)
    return _become(words, libpq.own(os.environ) | libpq.variables(answer))


def _filled(words: list[str], answer: "dict[str, Any]", options: dict[str, object]) -> list[str]:
    """Return the words with what `{token}` and `{url}` in them stand for."""
    words = [word.replace("{token}", answer["token"]) for word in words]
    if not any("{url}" in word for word in words):
        return words
    from dsqltok import asking, errors  # noqa: PLC0415 - seldom needed

    urls = asking.selected(options, "url.get")["urls"]
    if not isinstance(urls, list) or len(urls) != 1:
        raise errors.NotFoundError("the env has several urls, and {url} stands for one", hint="see dsqltok url")
    return [word.replace("{url}", urls[0]) for word in words]


def _become(words: list[str], environment: dict[str, str]) -> int:
    """Run a program in place of this one. Return, with an explanation, only where that cannot be."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores, and a program would inherit that
        signal.signal(number, signal.SIG_DFL)
    failure: OSError | None = None
    for path in _places(words[0], environment):
        try:
            os.execve(path, words, environment)  # noqa: S606 - to run it is what was asked for
        except (FileNotFoundError, NotADirectoryError) as error:
            # What is there, and yet is not found, is a script without its interpreter.
            failure = failure or (error if os.path.lexists(path) else None)
        except PermissionError as error:
            failure = failure or error  # another directory may have one that can be run
        except OSError as error:
            failure = error
            break
    return _explain(words[0], failure)


def _places(word: str, environment: dict[str, str]) -> "Iterator[str]":
    """Return where a program may be, as shells look for it."""
    if "/" in word:
        yield word
    elif word:
        for directory in environment.get("PATH", os.defpath).split(os.pathsep):
            yield os.path.join(directory, word)


def _explain(word: str, failure: OSError | None) -> int:
    from dsqltok import errors, report  # noqa: PLC0415 - only needed where something is wrong

    if failure is None:
        hint = "is the path right?" if "/" in word else "it is looked for in the directories of PATH"
        report.explain(errors.NotFoundError(f'there is no program "{word}"', hint=hint))
        return NOT_FOUND
    path = str(failure.filename)
    reason, hint = os.strerror(failure.errno or 0).lower(), "is it made for this machine?"
    if os.path.isdir(path):
        reason, hint = "it is a directory", "name a program"
    elif isinstance(failure, FileNotFoundError):
        reason, hint = "the interpreter in its first line is not there", "see the line that begins with #!"
    elif isinstance(failure, PermissionError):
        hint = f"may it be run? see ls -l {path}"
    elif reason.startswith("exec format"):
        hint = f"a script without a #! line is run by its interpreter, such as sh {path}"
    report.explain(errors.DeniedError(f"cannot run {path}: {reason}", hint=hint))
    return NOT_EXECUTABLE


COMMANDS = {"env": _env, "exec": _exec}
