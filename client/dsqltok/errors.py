"""What can go wrong, in the words a user reads.

Every error says whose fault it is (its class), whether trying again may help (`retryable`) and what to do next
(`hint`). Messages are lower case without a full stop and never hold a secret. The same tree is used by the client,
the core and the workers, and crosses the socket and the workers' pipes as a small JSON object (`as_data`,
`from_data`).
"""

from __future__ import annotations


class DsqltokError(Exception):
    """The root of the tree, and an error nobody foresaw: a bug in dsqltok.

    `kind` is the class's name on the wire, `exit_code` what the `dsqltok` program ends with. `detail` is more text
    to show below the message, such as the line of an atlas.hcl with a caret under the mistake. `data` is for
    programs (for instance the candidates of an ambiguous name).
    """

    kind = "internal"
    exit_code = 1
    retryable_by_nature = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        detail: str = "",
        retryable: bool | None = None,
        data: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail
        self.retryable = self.retryable_by_nature if retryable is None else retryable
        self.data = data or {}

    def as_data(self) -> dict[str, object]:
        """Return the error as a JSON object; `from_data` is its inverse."""
        return {
            "kind": self.kind,
            "message": self.message,
            "hint": self.hint,
            "detail": self.detail,
            "retryable": self.retryable,
            "data": self.data,
        }

    def fresh(self) -> DsqltokError:
        """Return the same error without its history: the frames of a traceback hold whatever the program held then.

        What is kept is a fresh copy, and what is raised from there is another: an exception that is raised again and
        again grows each time.
        """
        return from_data(self.as_data())


class UsageError(DsqltokError):
    """The command or request itself is wrong: the caller's to mend."""

    kind = "usage"
    exit_code = 2


class EnvironmentNeededError(UsageError):
    """The project reads environment variables that the request left out: `data["names"]` lists them.

    To be answered by the same request with these in its `environment` (null where one is not set).
    """

    kind = "environment"


class NotFoundError(DsqltokError):
    """No such file, env, data source or project; or more than one where one is needed."""

    kind = "not_found"
    exit_code = 3


class ConfigurationError(DsqltokError):
    """An atlas.hcl, an AWS file or dsqltok's own configuration says something that cannot work."""

    kind = "configuration"
    exit_code = 4


class CredentialsError(DsqltokError):
    """AWS credentials are missing, expired or unusable."""

    kind = "credentials"
    exit_code = 5


class DeniedError(DsqltokError):
    """Someone who may decide said no: AWS, or the daemon to another user."""

    kind = "denied"
    exit_code = 6


class UnavailableError(DsqltokError):
    """Something that is needed is not there right now: the daemon, the network, an AWS service."""

    kind = "unavailable"
    exit_code = 7
    retryable_by_nature = True


class TimedOutError(DsqltokError):
    """Something that is needed did not answer in time."""

    kind = "timeout"
    exit_code = 8
    retryable_by_nature = True


_KINDS: dict[str, type[DsqltokError]] = {
    cls.kind: cls
    for cls in (
        DsqltokError,
        UsageError,
        EnvironmentNeededError,
        NotFoundError,
        ConfigurationError,
        CredentialsError,
        DeniedError,
        UnavailableError,
        TimedOutError,
    )
}


def from_data(data: dict[str, object]) -> DsqltokError:
    """Rebuild an error from what `as_data` made. An unknown kind becomes a plain `DsqltokError`."""
    extra = data.get("data")
    return _KINDS.get(str(data.get("kind")), DsqltokError)(
        str(data.get("message", "unknown error")),
        hint=str(data.get("hint", "")),
        detail=str(data.get("detail", "")),
        retryable=bool(data.get("retryable", False)),
        data=dict(extra) if isinstance(extra, dict) else None,
    )
