"""SQLAlchemy: an engine whose connections are made where an env leads. The only user of sqlalchemy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.util import await_only

from dsqltok import api, drivers

if TYPE_CHECKING:
    from typing import Unpack

    from sqlalchemy.engine import Dialect, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine


def attach(engine: Engine | AsyncEngine, env: str | None = None, **which: Unpack[api.Which]) -> None:
    """Have an engine make each connection as the env says, with a token of that moment.

    What the env says goes before the engine's url, of which the driver alone counts: `postgresql+psycopg://` will do.
    A connection that the server refuses for its token is tried once more with another, as by `dsqltok.connect`.
    """

    def connect(dialect: Dialect, _record: object, cargs: list[Any], cparams: dict[str, Any]) -> Any:
        driver = drivers.named(dialect.driver)

        def ask(fresh: bool) -> dict[str, Any]:
            if dialect.is_async:
                return await_only(api.connection_async(env, driver=driver, fresh=fresh, **which))
            return api.connection(env, driver=driver, fresh=fresh, **which)

        return drivers.attempt(lambda found: dialect.connect(*cargs, **{**cparams, **found}), ask)

    event.listen(getattr(engine, "sync_engine", engine), "do_connect", connect)
