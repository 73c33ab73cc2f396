"""What a project file says that Atlas's rules do not allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsqltokd.hcl import Diagnostic, HclError

if TYPE_CHECKING:
    from dsqltokd.hcl import Span


class ProjectError(HclError):
    """A mistake in a project file that HCL itself would let pass; `hint` says what to do, where that is not plain."""

    def __init__(self, summary: str, detail: str, subject: Span, *, hint: str = "") -> None:
        super().__init__(Diagnostic(summary, detail, subject))
        self.hint = hint


@dataclass(frozen=True)
class Unavailable:
    """Stands for a value that nobody here can know, because a data source behind it does not run here.

    It is no error until something that was asked for depends on it; then `reason` is what to raise.
    """

    reason: ProjectError
