"""The functions of a project: HCL's, and those with which a project looks at the world outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from dsqltokd.hcl import FUNCTIONS, STRING, Function, FunctionError, LazyFunction, Parameter, Value, string

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Functions: TypeAlias = "Mapping[str, Function | LazyFunction]"


def project_functions(getenv: Callable[[str], str], read_file: Callable[[str], str]) -> Functions:
    """Return the functions by name.

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
            reason = error.strerror or "the file cannot be read"
            raise FunctionError(reason[:1].lower() + reason[1:]) from None

    outside = (_of_text("file", "path", file), _of_text("getenv", "key", getenv))
    return {**FUNCTIONS, **{function.name: function for function in outside}}


def _of_text(name: str, parameter: str, function: Callable[[str], str]) -> Function:
    def call(arguments: Sequence[Value]) -> Value:
        return string(function(arguments[0].text))

    return Function(name, (Parameter(parameter, STRING),), None, call)
