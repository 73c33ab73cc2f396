"""The Secret Service's default collection. The only file that imports secretstorage.

keyring's own backend is not used, though entries are as it makes and finds them:
- It unlocks what is locked, which has somebody asked for a password. Nothing here may do that.
- It makes a connection for each call. gnome-keyring 42 aborts now and then, and takes the user's open keyring along,
  where one connection comes as another goes: about once in ten thousand times. So there is one here, for as long as it
  works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jeepney  # type: ignore[import-untyped]  # it comes with secretstorage, and without hints
import secretstorage

from dsqltok.errors import ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jeepney.io.blocking import DBusConnection  # type: ignore[import-untyped]  # as above

_ADDED = {"application": "Python keyring library"}  # by keyring, to what it stores
_NONE = "no encrypted keyring is running"
_NONE_HINT = "tokens are kept in memory only"


class SecretService:
    """The collection, as far as a keyring backend is needed. Made without a call; what a call finds is not remembered.

    Calls raise ConfigurationError where there is nothing that can be used, UnavailableError where the bus does not
    answer, and what secretstorage and D-Bus raise: then `failed` is to be called.
    """

    def __init__(self) -> None:
        self._connection: DBusConnection | None = None
        self._known: secretstorage.Collection | None = None

    def get_password(self, service: str, username: str) -> str | None:
        """Return what is stored, None where nothing is."""
        for item in self._items(service, username):
            return item.get_secret().decode(errors="replace")  # it may be no text of ours
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store in place of what is stored."""
        label = f"Password for '{username}' on '{service}'"
        attributes = {**_attributes(service, username), **_ADDED}
        self._collection().create_item(label, attributes, password.encode(), replace=True)

    def delete_password(self, service: str, username: str) -> None:
        """Delete what is stored, if anything is."""
        for item in self._items(service, username):
            item.delete()

    def failed(self, error: Exception) -> None:
        """Take note that a call raised this: what it may have spoilt is not used again."""
        if isinstance(error, secretstorage.exceptions.LockedException):
            return
        self._known = None
        if isinstance(error, secretstorage.exceptions.SecretStorageException | jeepney.DBusErrorResponse):
            return  # it was an answer, so the connection is good
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _items(self, service: str, username: str) -> Iterator[secretstorage.Item]:
        return self._collection().search_items(_attributes(service, username))

    def _collection(self) -> secretstorage.Collection:
        """Return the collection, which is not locked."""
        if self._connection is None:
            self._connection = _connect()
        if not secretstorage.check_service_availability(self._connection):
            raise ConfigurationError(_NONE, hint=_NONE_HINT)
        try:
            # It is kept for the sake of its session: the service keeps one that was begun until the connection ends.
            self._known = self._known or secretstorage.Collection(self._connection)
            self._known.ensure_not_locked()
        except secretstorage.exceptions.ItemNotFoundException:
            self._known = None
            hint = "create one, for instance by logging in to the desktop once"
            raise ConfigurationError("the keyring has no default collection", hint=hint) from None
        return self._known


def _connect() -> DBusConnection:
    try:
        return secretstorage.dbus_init()
    except TimeoutError:
        raise UnavailableError("the D-Bus session does not answer", hint="see whether its bus hangs") from None
    except (secretstorage.exceptions.SecretServiceNotAvailableException, OSError, RuntimeError):
        raise ConfigurationError(f"{_NONE}: there is no D-Bus session", hint=_NONE_HINT) from None


def _attributes(service: str, username: str) -> dict[str, str]:
    return {"service": service, "username": username}
