"""The `keyring` job: load, store or delete the one entry. The only file that imports keyring.

    in   op ("load" | "store" | "delete"), value (for store), backend (a class path from the configuration, or null)
    out  value (for load; null where there is none), backend (its name)
         or error: UnavailableError for what may pass, such as a lock, ConfigurationError where there is no keyring that
         may be used

The rules:
- Only the system's own keyring is used, which encrypts, and tells whether it is locked, unless the configuration names
  another. No other that is installed is even imported.
- Nothing that was found is remembered from one job to the next: a keyring may come, go and be locked in between.
"""

from __future__ import annotations

import contextlib
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from dsqltok.errors import ConfigurationError, DsqltokError, UnavailableError

if TYPE_CHECKING:
    from dsqltokd.worker.secretservice import SecretService

SERVICE = "dsqltok"
ENTRY = "tokens"
_FREEDESKTOP = "keyring.backends.SecretService.Keyring"
_SYSTEMS_OWN = "keyring.backends.macOS.Keyring" if sys.platform == "darwin" else _FREEDESKTOP
_IS_LOCKED = ("KeyringLocked", "LockedException", "IsLocked")  # keyring's, secretstorage's, and D-Bus's own


class _Backend(Protocol):
    """What of a keyring backend is needed here."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job. See the module's docstring for its shape."""
    path = job["backend"] or _SYSTEMS_OWN
    try:
        value = _do(_service() if path == _FREEDESKTOP else _load(path), job)
    except DsqltokError:
        raise
    except Exception as error:
        if path == _FREEDESKTOP:
            _service().failed(error)
        raise _as_ours(error, job["op"]) from error
    return {"backend": path.split(".")[-2], "value": value}


def _do(backend: _Backend, job: dict[str, Any]) -> str | None:
    if job["op"] == "load":
        return backend.get_password(SERVICE, ENTRY)
    if job["op"] == "store":
        backend.set_password(SERVICE, ENTRY, job["value"])
    elif backend.get_password(SERVICE, ENTRY) is not None:
        backend.delete_password(SERVICE, ENTRY)
    return None


@cache
def _service() -> SecretService:
    from dsqltokd.worker import secretservice  # noqa: PLC0415 - see below

    return secretservice.SecretService()


def _load(path: str) -> _Backend:
    import keyring.core  # noqa: PLC0415 - most systems need none of it

    try:
        return keyring.core.load_keyring(path)
    except Exception as error:
        raise ConfigurationError(
            f"the keyring backend {path} cannot be loaded ({type(error).__name__})", hint="check keyring in config.toml"
        ) from error


def _as_ours(error: Exception, op: str) -> DsqltokError:
    """Return the error for one of D-Bus's or of a backend's: its text may quote the entry, so only its name goes on."""
    name = str(getattr(error, "name", None) or type(error).__name__).rpartition(".")[2]
    if name in _IS_LOCKED:
        return UnavailableError("the keyring is locked", hint="unlock it; tokens are kept in memory until then")
    return UnavailableError(
        f"the keyring could not {op} the tokens ({name})",
        hint="see whether it is running, and whether its disk is full",
    )


# What it needs is installed on Linux only, and takes longer to import than to use: with this it is there before a job
# is. Where something is wrong with it, the job says so.
with contextlib.suppress(ImportError):
    _service()
