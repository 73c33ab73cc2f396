"""A request for a token where everything is in hand: a project's answer that holds, and a token that needs no work.

What was found can be the ground of an answer that is given again. The rules:
- The project has to say the same. What it says, and what is wrong with it, are looked at for each request.
- The token has to be the very one that would be served now. That is looked at once in a turn of the loop, and anew
  where the clocks have gone on meanwhile: the machine may sleep, or be busy elsewhere, in the middle of a turn. Should
  it be replaced or put in doubt in the same turn, the memory is told to forget.
- Whether the configuration makes sense needs no look: once it has, what was in force goes on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dsqltokd import choice, clock, report
from dsqltokd.memory import Answer

if TYPE_CHECKING:
    from dsqltok.errors import DsqltokError
    from dsqltokd.channel import Channel
    from dsqltokd.choice import Chosen
    from dsqltokd.model import Token
    from dsqltokd.projects import Entry, Projects
    from dsqltokd.query import Query
    from dsqltokd.tokens import Tokens
    from dsqltokd.uses import Uses


_A_MOMENT = 0.05  # seconds, in which no token grows too old


class Lookups:
    """Finds tokens, and notes who uses them."""

    def __init__(self, projects: Projects, tokens: Tokens, uses: Uses) -> None:
        self._projects = projects
        self._tokens = tokens
        self._uses = uses
        self._loop = asyncio.get_running_loop()
        self._sure: set[Found] = set()  # looked at in this turn of the loop
        self._since = clock.now()

    def find(self, config: str, query: Query, channel: Channel) -> Answer | None:
        """Return the answer, where it takes no more than to look it up. Raises what `choice.token` raises."""
        entry = self._projects.peek(query.key(config), query)
        if entry is None:
            return None
        chosen = choice.token(entry, query)
        token = self._tokens.peek(chosen.target)
        if token is None:
            return None
        self.note(entry, chosen, channel)
        return Answer(content(entry, chosen, token), Found(self, entry, chosen, token))

    def finds(self, found: Found, channel: Channel) -> bool:
        """Tell whether this very token would be served now, and note who uses it. Once in a turn is enough for both."""
        self._look_at_clocks()
        if found in self._sure:
            return True
        if self._tokens.peek(found.chosen.target) is not found.token:
            return False
        self.note(found.entry, found.chosen, channel)
        if not self._sure:
            self._loop.call_soon(self._sure.clear)
        self._sure.add(found)
        return True

    def _look_at_clocks(self) -> None:
        now = clock.now()
        if max(abs(now.wall - self._since.wall), abs(now.boot - self._since.boot)) > _A_MOMENT:
            self._sure.clear()
            self._since = now

    def note(self, entry: Entry, chosen: Chosen, channel: Channel) -> None:
        """Somebody has got a token."""
        self._uses.note(chosen.target, entry.key.env or chosen.env, channel)


@dataclass(slots=True, eq=False)
class Found:
    """What was found: the ground of an answer.

    What `choice` chose follows from the entry's outcome and the request. That the entry is the one that the request
    means needs no look either: one that is not, any more, is no longer current.
    """

    lookups: Lookups
    entry: Entry
    chosen: Chosen
    token: Token
    outcome: dict[str, Any] | None = field(init=False)
    error: DsqltokError | None = field(init=False)

    def __post_init__(self) -> None:
        self.outcome, self.error = self.entry.outcome, self.entry.error

    def holds(self, channel: Channel) -> bool:
        """Do what a `memory.Ground` does."""
        entry = self.entry
        if not entry.current or entry.outcome is not self.outcome or entry.error is not self.error:
            return False
        return self.lookups.finds(self, channel)


def content(entry: Entry, chosen: Chosen, token: Token) -> dict[str, Any]:
    """Return the answer to a request for a token; without warnings, the token comes first, as clients expect."""
    warnings = {"warnings": entry.warnings} if entry.error is not None else {}
    return {
        **warnings,
        "token": token.value.reveal(),
        "expires_at": report.moment(token.expires_at),
        "host": chosen.target.host,
        "user": chosen.user,
        "region": token.region,
        "action": chosen.target.action,
        "env": entry.key.env or chosen.env,
        "data": chosen.data,
    }
