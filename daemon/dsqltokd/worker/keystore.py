"""The `keyring` job: load, store or delete the one entry. The only file that imports keyring and secretstorage.

    in   op ("load" | "store" | "delete"), value (for store), backend (a class path from the configuration, or null)
    out  value (for load; null where there is none), backend (its name)
         or error: UnavailableError for what may pass, such as a lock, ConfigurationError where there is no keyring that
         may be used

The rules:
- Only a backend that encrypts, and tells whether it is locked, is used, unless the configuration names one. No other
  that is installed is even imported.
- Nothing here may prompt: a locked collection is reported as locked, and a missing default collection is not created.
- Nothing is remembered from one job to the next: a keyring may come, go and be locked in between.
"""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import keyring.core

from dsqltok.errors import ConfigurationError, DsqltokError, UnavailableError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "dsqltok"
ENTRY = "tokens"
_FREEDESKTOP = "keyring.backends.SecretService.Keyring"
_ENCRYPTED = "keyring.backends.macOS.Keyring" if sys.platform == "darwin" else _FREEDESKTOP
_IS_LOCKED = ("KeyringLocked", "LockedException", "IsLocked")  # keyring's, secretstorage's, and D-Bus's own
_NONE = "no encrypted keyring is running"
_NONE_HINT = "tokens are kept in memory only"


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job. See the module's docstring for its shape."""
    try:
        backend = _backend(job["backend"])
        return {"backend": type(backend).__module__.rpartition(".")[2], "value": _do(backend, job)}
    except DsqltokError:
        raise
    except Exception as error:
        # Whatever it is, of keyring's, of D-Bus or of a backend that the configuration names: its text may quote the
        # entry, so only its name goes on.
        if _name(error) in _IS_LOCKED:
            raise _locked() from None
        raise UnavailableError(
            f"the keyring could not {job['op']} the tokens ({_name(error)})",
            hint="see whether it is running, and whether its disk is full",
        ) from error


def _do(backend: KeyringBackend, job: dict[str, Any]) -> str | None:
    if job["op"] == "load":
        return backend.get_password(SERVICE, ENTRY)
    if job["op"] == "store":
        backend.set_password(SERVICE, ENTRY, job["value"])
    elif backend.get_password(SERVICE, ENTRY) is not None:
        backend.delete_password(SERVICE, ENTRY)
    return None


def _name(error: Exception) -> str:
    """Return an exception's name; where it is an error that came by D-Bus, the name that it had there."""
    return str(getattr(error, "name", None) or type(error).__name__).rpartition(".")[2]


def _backend(named: str | None) -> KeyringBackend:
    path = named or _ENCRYPTED
    if path == _FREEDESKTOP:
        _refuse_locked()
    try:
        return keyring.core.load_keyring(path)
    except Exception as error:
        raise ConfigurationError(
            f"the keyring backend {path} cannot be loaded ({type(error).__name__})", hint="check keyring in config.toml"
        ) from error


def _refuse_locked() -> None:
    """Raise an error where the Secret Service is not there, or would prompt."""
    import secretstorage  # noqa: PLC0415 - is installed with keyring on Linux only

    try:
        connection = secretstorage.dbus_init()
    except TimeoutError:
        raise UnavailableError("the D-Bus session does not answer", hint="see whether its bus hangs") from None
    except (secretstorage.exceptions.SecretServiceNotAvailableException, OSError, RuntimeError):
        raise ConfigurationError(f"{_NONE}: there is no D-Bus session", hint=_NONE_HINT) from None
    with closing(connection):
        if not secretstorage.check_service_availability(connection):
            raise ConfigurationError(_NONE, hint=_NONE_HINT)
        try:
            locked = secretstorage.Collection(connection).is_locked()
        except secretstorage.exceptions.ItemNotFoundException:
            hint = "create one, for instance by logging in to the desktop once"
            raise ConfigurationError("the keyring has no default collection", hint=hint) from None
    if locked:
        raise _locked()


def _locked() -> DsqltokError:
    return UnavailableError("the keyring is locked", hint="unlock it; tokens are kept in memory until then")
