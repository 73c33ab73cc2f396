"""dsqltok: fresh Aurora DSQL tokens from your atlas.hcl, kept warm by a local daemon.

    import dsqltok
    dsqltok.token("dsql")
    dsqltok.connect(psycopg.connect, "dsql")

docs/python.md describes what there is. It is loaded when it is first used.

This package is the thin client. It uses the standard library only and knows nothing of the daemon but its protocol.
A warm `dsqltok get` imports this file, `cli`, `arguments`, `transport`, `paths` and `protocol`: whatever these import
at their top is paid for at every prompt.
"""

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from dsqltok.api import (
        connect,
        connect_async,
        connection,
        connection_async,
        kwargs,
        kwargs_async,
        password,
        password_async,
        token,
        token_async,
    )
    from dsqltok.errors import (
        ConfigurationError,
        CredentialsError,
        DeniedError,
        DsqltokError,
        NotFoundError,
        TimedOutError,
        UnavailableError,
        UsageError,
    )

__version__ = "0.1.0"
__all__ = [
    "ConfigurationError",
    "CredentialsError",
    "DeniedError",
    "DsqltokError",
    "NotFoundError",
    "TimedOutError",
    "UnavailableError",
    "UsageError",
    "connect",
    "connect_async",
    "connection",
    "connection_async",
    "kwargs",
    "kwargs_async",
    "password",
    "password_async",
    "token",
    "token_async",
]


if not TYPE_CHECKING:  # a type checker would take any name for one that is there

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'dsqltok' has no attribute {name!r}")
        from dsqltok import api, errors  # noqa: PLC0415 - see the module's docstring

        found = globals()[name] = getattr(api if name[0].islower() else errors, name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
