"""What a project file says that Atlas's rules do not allow."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsqltokd.hcl import Diagnostic, HclError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dsqltokd.hcl import Span


class ProjectError(HclError):
    """A mistake in a project file that HCL itself would let pass; `hint` says what to do, where that is not plain."""

    def __init__(self, summary: str, detail: str, subject: Span, *, hint: str = "") -> None:
        super().__init__(Diagnostic(summary, detail, subject, hint))


class NotRunError(ProjectError):
    """What was asked for depends on a data source that was not run."""


@dataclass(frozen=True)
class Unavailable:
    """Stands for a value that is not known, because the data source behind it, `source`, was not run.

    It is no error until something that was asked for depends on it; then `reason` is what to raise.
    """

    reason: NotRunError
    source: str


class Problems:
    """Collects the mistakes of parts that do not depend on one another, to be told in one go."""

    def __init__(self) -> None:
        self._errors: list[HclError] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note a mistake that the body of the `with` statement raises, and go on after it."""
        try:
            yield
        except HclError as error:
            self._errors.append(error)

    def raise_any(self) -> None:
        """Raise what was noted: one error as it was, several as one with the diagnostics of all, each once.

        That something was not run is told only where nothing else is wrong, and then the first is.
        """
        mistakes = [error for error in self._errors if not isinstance(error, NotRunError)]
        if len(mistakes) > 1:
            raise HclError(*{str(each): each for error in mistakes for each in error.diagnostics}.values())
        for error in mistakes or self._errors:
            raise error
