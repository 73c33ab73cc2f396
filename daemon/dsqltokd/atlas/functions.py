"""The functions of a project: HCL's, and those with which a project looks at the world outside."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from dsqltokd.hcl import FUNCTIONS, STRING, Function, FunctionError, LazyFunction, Parameter, Value, list_of, string
from dsqltokd.hcl.globs import PatternError, fileset, glob

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Functions: TypeAlias = "Mapping[str, Function | LazyFunction]"
Listing: TypeAlias = "Callable[[str], Mapping[str, bool | None] | None]"


@dataclass(frozen=True)
class Directory:
    """The directory of a project: its absolute path, and what looks into it or any other directory.

    `entries` gives for each name in a directory whether it leads to a directory, None if nowhere; and None for what is
    no directory. It raises OSError if a project looks into too many.
    """

    path: str
    entries: Listing


def project_functions(
    getenv: Callable[[str], str], read_file: Callable[[str], str], directory: Directory | None = None
) -> Functions:
    """Return the functions by name. A project without a directory has no `fileset` and `glob`.

    `getenv` gives "" for what is not set. `read_file` takes a path as the project writes it, relative to the project's
    directory, and raises OSError or ValueError; neither its path nor its content ever gets into a message.
    """

    def file(path: str) -> str:
        try:
            return read_file(path)
        except UnicodeDecodeError:
            raise FunctionError("the file is not utf-8 text") from None
        except ValueError:
            raise FunctionError("no file can have this name") from None
        except OSError as error:
            raise _failure(error, "the file cannot be read") from None

    outside = [_of_text("file", "path", file), _of_text("getenv", "key", getenv)]
    if directory is not None:
        outside += [_of_pattern("fileset", fileset, directory), _of_pattern("glob", glob, directory)]
    return {**FUNCTIONS, **{function.name: function for function in outside}}


def _of_text(name: str, parameter: str, function: Callable[[str], str]) -> Function:
    def call(arguments: Sequence[Value]) -> Value:
        return string(function(arguments[0].text))

    return Function(name, (Parameter(parameter, STRING),), None, call)


def _of_pattern(name: str, find: Callable[[str, Listing], list[str]], directory: Directory) -> Function:
    def call(arguments: Sequence[Value]) -> Value:
        pattern = arguments[0].text
        if not pattern.startswith("/"):
            # As in Atlas, the directory's own path is part of the pattern.
            pattern = posixpath.normpath(posixpath.join(directory.path, pattern))
        try:
            found = find(pattern, directory.entries)
        except (PatternError, ValueError) as error:
            raise FunctionError(
                str(error) if isinstance(error, PatternError) else "no file can have this name"
            ) from None
        except RecursionError:
            raise FunctionError("the pattern is nested too deeply") from None
        except OSError as error:
            raise _failure(error, "a directory cannot be read") from None
        return list_of(STRING, [string(path) for path in found])

    return Function(name, (Parameter("pattern", STRING),), None, call)


def _failure(error: OSError, otherwise: str) -> FunctionError:
    reason = error.strerror or otherwise
    return FunctionError(reason[:1].lower() + reason[1:])
