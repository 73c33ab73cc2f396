"""Logging in: the requests by which a person's part of getting credentials is done.

A client asks for a `login`; where that needs a person, the error says of what kind, and the client asks again with the
code, or after an SSO login that it has shown to the person and polled for. What is secret of a login that goes on stays
here: the client gets a handle.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dsqltok.errors import NotFoundError, UsageError
from dsqltokd import query as queries
from dsqltokd import report
from dsqltokd.pool import raise_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from dsqltokd.channel import Channel
    from dsqltokd.model import Identity, Target
    from dsqltokd.pool import Pool
    from dsqltokd.query import Query
    from dsqltokd.settings import Settings
    from dsqltokd.tokens import Tokens

_MOST = 64  # logins at a time; the oldest make room


@dataclass
class _Flow:
    """An SSO login that waits for its confirmation."""

    identity: Identity
    flow: dict[str, Any] = field(repr=False)


class Logins:
    """The handlers by method. `targets` returns what the tokens that a query means are for."""

    def __init__(
        self, pool: Pool, tokens: Tokens, settings: Settings, targets: Callable[[Query], Awaitable[list[Target]]]
    ) -> None:
        self._pool = pool
        self._tokens = tokens
        self._settings = settings
        self._targets = targets
        self._flows: dict[str, _Flow] = {}
        self.handlers: dict[str, Callable[[dict[str, Any], Channel], Awaitable[dict[str, Any]]]] = {
            "login": self._login,
            "login.sso": self._sso,
            "login.poll": self._poll,
        }

    async def _login(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        code = params.pop("code", None)
        if not isinstance(code, str | None):
            raise UsageError("code must be text", hint="it is what the mfa device shows")
        query = queries.read(params)
        done: dict[Identity, dict[str, Any]] = {}
        for target in await self._targets(query):
            if target.identity not in done:
                token = await self._tokens.login(target, query.secrets(), code)
                session = self._tokens.states[target.identity].session
                ends = report.moment(session.expires_at if session else token.expires_at)
                done[target.identity] = {"identity": target.identity.describe(), "expires_at": ends}
        return {"identities": list(done.values())}

    async def _sso(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        query = queries.read(params)
        identities = [target.identity for target in await self._targets(query)]
        identity = next(filter(self._needs_sso, identities), identities[0])
        begun = await self._ask(identity, query, None)
        handle = os.urandom(16).hex()  # the module secrets would bring OpenSSL with it
        self._flows[handle] = _Flow(identity, begun.pop("flow"))
        while len(self._flows) > _MOST:
            del self._flows[next(iter(self._flows))]
        asyncio.get_running_loop().call_later(begun["expires_in"], self._flows.pop, handle, None)
        return {**begun, "handle": handle}

    def _needs_sso(self, identity: Identity) -> bool:
        """Tell whether an SSO login is what the last try at this identity's credentials came to lack."""
        known = self._tokens.states.get(identity)
        failure = known and (known.failure or known.renewal)
        needed = failure and failure.error.data.get("login")
        return isinstance(needed, dict) and needed["kind"] == "sso"

    async def _poll(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        handle = str(params.pop("handle", ""))
        query = queries.read(params)
        waiting = self._flows.get(handle)
        if waiting is None:
            raise NotFoundError("this login is over", hint="run dsqltok login again")
        answer = await self._ask(waiting.identity, query, waiting.flow)
        if answer["done"]:
            self._flows.pop(handle, None)
            self._tokens.invalidate(waiting.identity)
        return answer

    async def _ask(self, identity: Identity, query: Query, flow: dict[str, Any] | None) -> dict[str, Any]:
        # The caller's secrets, a proxy's password for one, come with each request and are not kept.
        environment = {**dict(identity.environment), **query.secrets()}
        job = {"profile": identity.profile, "environment": environment, "sso": flow}
        answer = await self._pool.run("aws", job, deadline=self._settings.now.aws_timeout, key=identity, linger=False)
        raise_error(answer)
        return answer
