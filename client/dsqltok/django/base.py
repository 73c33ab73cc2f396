"""Django's backend for PostgreSQL, connecting where an env leads. The only user of django.

`OPTIONS` has `env`, and `config`, `data` and `vars` where they are needed, beside what the backend takes by itself.
What the settings say goes before what the env says; the token is the password whatever they say.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base

from dsqltok import api, drivers

_OURS = ("env", "config", "data", "vars")
_DATABASE = "postgres"  # the only one that Aurora DSQL has


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection of Django's, each time with a token of that moment.

    Where the server refuses the token, that is tried once more with another.
    """

    def __init__(self, settings_dict: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        options = dict(settings_dict["OPTIONS"])
        self._which: dict[str, Any] = {name: options.pop(name) for name in _OURS if name in options}
        name = settings_dict["NAME"] or _DATABASE
        super().__init__({**settings_dict, "NAME": name, "OPTIONS": options}, *args, **kwargs)

    def get_connection_params(self) -> dict[str, Any]:
        """Return psycopg's keyword arguments."""
        found = api.connection(**self._which)
        return {**found, **super().get_connection_params(), "password": found["password"]}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect. Raises psycopg's errors."""

        def ask(fresh: bool) -> dict[str, Any]:
            return {**conn_params, "password": api.token(**self._which, fresh=True)} if fresh else conn_params

        return drivers.attempt(super().get_new_connection, ask)

    @property
    def pool(self) -> Any:
        """Return the pool of this alias, None where the settings want none."""
        pool = super().pool
        if pool is not None and not callable(pool.kwargs):
            _check_pool()
            given = pool.kwargs
            pool.kwargs = lambda: {**given, "password": api.token(**self._which)}
        return pool


def _check_pool() -> None:
    import psycopg_pool  # noqa: PLC0415 - only needed where the settings want a pool

    if tuple(map(int, psycopg_pool.__version__.split(".")[:2])) < (3, 3):
        raise ImproperlyConfigured(
            "dsqltok.django needs psycopg_pool 3.3 for a pool: older ones never change a password"
        )
