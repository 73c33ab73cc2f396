"""The `keyring` job: load, store or delete the one entry. The only file that imports keyring and secretstorage.

    in   op ("load" | "store" | "delete"), value (for store), backend (a class path from the configuration, or null)
    out  value (for load; null where there is none), backend (its name)
         or error: UnavailableError where it is locked (that may pass), ConfigurationError where none may be used

Only backends that encrypt, and tell whether they are locked, are used, unless the configuration names one. Nothing here
may prompt: a locked collection is reported as locked, and a missing default collection is not created.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

import keyring.core
import keyring.errors
from keyring.backend import KeyringBackend, get_all_keyring

from dsqltok.errors import ConfigurationError, DsqltokError, UnavailableError

SERVICE = "dsqltok"
ENTRY = "tokens"
# Modules of keyring whose backends keep secrets encrypted.
_ENCRYPTED = ("keyring.backends.SecretService", "keyring.backends.macOS")


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job. See the module's docstring for its shape."""
    backend = _backend(job["backend"])
    _refuse_locked(backend)
    name = type(backend).__module__.rpartition(".")[2]
    try:
        return {"backend": name, "value": _do(backend, job)}
    except keyring.errors.KeyringLocked:
        raise _locked() from None
    except (keyring.errors.KeyringError, OSError) as error:
        raise UnavailableError(
            f"the keyring failed ({type(error).__name__})", hint="see whether it is running"
        ) from error


def _do(backend: KeyringBackend, job: dict[str, Any]) -> str | None:
    if job["op"] == "load":
        return backend.get_password(SERVICE, ENTRY)
    if job["op"] == "store":
        backend.set_password(SERVICE, ENTRY, job["value"])
    else:
        backend.delete_password(SERVICE, ENTRY)
    return None


def _backend(named: str | None) -> KeyringBackend:
    if named is not None:
        return _named(named)
    usable = [backend for backend in get_all_keyring() if type(backend).__module__.startswith(_ENCRYPTED)]
    if not usable:
        raise ConfigurationError("no encrypted keyring is running", hint="tokens are kept in memory only")
    return max(usable, key=lambda backend: float(backend.priority))


def _named(path: str) -> KeyringBackend:
    try:
        return keyring.core.load_keyring(path)
    except Exception as error:
        raise ConfigurationError(
            f"the keyring backend {path} cannot be loaded ({type(error).__name__})", hint="check keyring in config.toml"
        ) from error


def _refuse_locked(backend: KeyringBackend) -> None:
    if not type(backend).__module__.startswith("keyring.backends.SecretService"):
        return
    import secretstorage  # noqa: PLC0415 - is installed with keyring on Linux only

    try:
        with closing(secretstorage.dbus_init()) as connection:
            locked = secretstorage.Collection(connection).is_locked()
    except secretstorage.exceptions.ItemNotFoundException:
        raise ConfigurationError(
            "the keyring has no default collection", hint="create one, for instance by logging in to the desktop once"
        ) from None
    except secretstorage.exceptions.SecretStorageException as error:
        raise UnavailableError(
            f"the keyring failed ({type(error).__name__})", hint="see whether it is running"
        ) from error
    if locked:
        raise _locked()


def _locked() -> DsqltokError:
    return UnavailableError("the keyring is locked", hint="unlock it; tokens are kept in memory until then")
