"""What a user reads on stderr when something is wrong, or nearly.

    error: env "prodd" not found in /home/me/app/atlas.hcl
    hint: it has dev, prod

The first line says what happened, lines of detail may follow, the last says what to do next. Nothing here goes to
stdout, and the exit code is the error's (README.md lists them). Only the detail may have several lines: a name with a
newline in it, in a cloned project, must not get to write a hint of its own.
"""

import difflib
import errno
import os
import sys

from dsqltok import errors, text

_UNWRITABLE = (errno.EBADF, errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def explain(error: BaseException) -> int:
    """Print an error and return the exit code it stands for."""
    if isinstance(error, BrokenPipeError):
        return errors.UnavailableError.exit_code  # whoever read our output has gone; there is nobody to tell
    if isinstance(error, OSError) and error.errno in _UNWRITABLE:
        error = errors.UnavailableError(
            f"cannot write to stdout: {os.strerror(error.errno).lower()}", hint="see where it leads", retryable=False
        )
    if not isinstance(error, errors.DsqltokError):
        error = _unforeseen(error)
    lines = [_line(f"error: {error.message}")]
    if error.detail:
        lines.append(text.plain(error.detail))
    if error.hint:
        lines.append(_line(f"hint: {error.hint}"))
    _print(lines)
    return error.exit_code


def warn(warnings: object) -> None:
    """Print the warnings that came with an answer."""
    if isinstance(warnings, list):
        _print([_line(f"warning: {warning}") for warning in warnings])


def tell(words: str) -> None:
    """Print something for a person to read at once."""
    _write(text.plain(words))


def misuse(command: str, argument: str, options: list[str], *, known: bool) -> errors.UsageError:
    """Return the error for an argument that `command` does not take, or, where `known`, that lacks its value."""
    hint = f"run dsqltok {command} --help"
    if known:
        return errors.UsageError(f"{argument} needs a value", hint=hint)
    if not argument.startswith("-"):
        return errors.UsageError(f'dsqltok {command} has no use for "{argument}"', hint=hint)
    option = argument.partition("=")[0]
    return errors.UsageError(f"dsqltok {command} has no option {option}", hint=closest(option, options) or hint)


def no_command(command: str, commands: list[str]) -> errors.UsageError:
    """Return the error for a command that there is not."""
    hint = closest(command, commands) or "run dsqltok --help"
    return errors.UsageError(f'there is no command "{command}"', hint=hint)


def no_choice(name: str, given: str, allowed: tuple[str, ...]) -> errors.UsageError:
    """Return the error for a word that is none of those that may stand in its place."""
    *others, last = sorted(allowed)
    return errors.UsageError(f'there is no {name} "{given}"', hint=f"use {', '.join(others)} or {last}")


def two_names(name: str, env: str) -> errors.UsageError:
    """Return the error for an env that is named twice, differently."""
    return errors.UsageError(f'two envs are named: "{name}" and --env "{env}"', hint="name one")


def closest(word: str, words: list[str]) -> str:
    """Return the question whether the likeliest of `words` was meant, or nothing."""
    found = difflib.get_close_matches(word, words, n=1)
    return f"did you mean {found[0]}?" if found else ""


def _unforeseen(error: BaseException) -> errors.DsqltokError:
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    place = f" at {os.path.basename(where.tb_frame.f_code.co_filename)}:{where.tb_lineno}" if where else ""
    # The text of an unforeseen error may hold anything, a secret too: its type and place are enough to report it.
    return errors.DsqltokError(
        f"dsqltok itself failed ({type(error).__name__}{place})", hint="this is a bug: please report it with this line"
    )


def _line(words: str) -> str:
    return text.plain(words, keep="\t")


def _print(lines: list[str]) -> None:
    _write("".join(f"{line}\n" for line in lines))


def _write(words: str) -> None:
    try:
        os.write(2, words.encode(sys.getfilesystemencoding(), "backslashreplace"))
    except OSError:
        pass  # there is no stderr to write to
