"""What a machine may go through in a day, in an order that is drawn from a seed.

It sleeps, its clock is set, its credentials live long, briefly or not at all, files change, daemons crash, people log
in. `SEED` in the environment has the same things happen again.
"""

from __future__ import annotations

import os
import random
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from crowd import Crowd
from desk import eventually
from standin import dated

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
    from standin.ledger import Clock
    from standin.steps import Steps

HOST = "cluster-id.dsql.us-east-1.on.aws"
_PROJECT = f'data "aws_dsql_token" "db" {{\n  endpoint = "{HOST}"\n  admin = true\n}}\n'
_NAPS = (0.5, 20.0, 31.0, 200.0, 450.0, 601.0, 899.0, 901.0, 3600.0, 40_000.0)  # seconds, as all that follow
_STEPS = (-3600.0, -700.0, -200.0, -50.0, 50.0, 700.0, 3600.0)
_LIVES = (20, 45, 200, 900, 901, 3600, 43_200)
_ENDS = (30, 250, 700, 5000)
_TTLS = (60, 900, 900, 7200)


class Day:
    """A context manager; a daemon runs in it. `happened` says what did; `clock` and `boot` are as the daemon has them.

    `ttl` is what it signs for, `ends` when what the helper gives is over: it fails from then on. `lost` counts what may
    have lost, or spoilt, what the daemon had in hand.
    """

    def __init__(self, desk: Desk, stepped: Steps, clock: Clock) -> None:
        self.seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(2**32))
        self.random = random.Random(self.seed)  # noqa: S311 - it draws events, no secrets
        self.happened: list[str] = []
        self.clock = clock
        self.ttl = 900
        self.ends = float("inf")
        self.lost = 0
        self._desk, self._stepped = desk, stepped
        self._slept = 0.0
        self._orders, self._runs = desk.root / "orders", desk.root / "runs"
        self._parts, self._daemon = ExitStack(), ExitStack()

    def __enter__(self) -> Self:
        desk = self._desk
        desk.write(self._runs, "")
        helper = desk.write(desk.root / "helper", dated.told(self._orders, self._runs), mode=0o755)
        self._aws = f"[default]\ncredential_process = {helper}\n"
        desk.aws(config=self._aws, credentials="[other]\n")
        desk.project(_PROJECT)
        self._order("for 900")
        self._start()
        self._crowd = self._parts.enter_context(Crowd(desk))
        self.by_socket()  # from now on the daemon knows which files matter
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()
        self._daemon.close()

    @property
    def boot(self) -> float:
        """Return the seconds since the machine started, sleep included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) + self._slept

    @property
    def failing(self) -> bool:
        """Tell whether the helper fails, or gives what is over."""
        return self.clock() > self.ends - 3

    def obtained_at(self, end: float | None) -> float:
        """Return when credentials of this end were last given, by the wall clock as it was."""
        runs = [line.split() for line in self._runs.read_text().splitlines()]
        return max((float(at) for at, until in runs if float(until) == end), default=float("-inf"))

    # What may happen

    def goes_on(self) -> None:
        """Let something happen."""
        self._one_of(
            [
                (self._suspend, 6),
                (self._set, 4),
                (self._give_others, 6),
                (self._touch, 2),
                (self._crash, 2),
                (self._log_in, 2),
            ]
        )

    def leaps(self) -> None:
        """Let something happen to the clocks."""
        self._one_of([(self._suspend, 1), (self._set, 1)])

    def _one_of(self, events: list[tuple[Callable[[], str], int]]) -> None:
        [event] = self.random.choices([event for event, _ in events], [weight for _, weight in events])
        self.happened.append(event())

    def _suspend(self) -> str:
        nap = self.random.choice(_NAPS)
        self._slept += nap
        self._stepped.suspend(nap)
        return f"the machine slept for {nap} s"

    def _set(self) -> str:
        step = self.random.choice(_STEPS)
        self._stepped.set(step)
        return f"the clock was set by {step} s"

    def _give_others(self) -> str:
        drawn = self.random.random()
        if drawn < 0.6:
            return self._order(f"for {self.random.choice(_LIVES)}")
        if drawn < 0.8:
            return self._order(f"until {int(self.clock()) + self.random.choice(_ENDS)}")
        return self._order("fail")

    def _order(self, order: str) -> str:
        what, _, seconds = order.partition(" ")
        self._desk.write(self._orders, order)
        self.ends = {"for": float("inf"), "until": float(seconds or 0), "fail": float("-inf")}[what]
        return f'the helper was told "{order}"'

    def _touch(self) -> str:
        self.lost += 1
        before = self._invalidations()
        self._desk.aws(config=f"{self._aws}# {self.random.random()}\n")
        eventually(lambda: self._invalidations() > before, "the daemon sees it")
        return "the AWS files changed"

    def _invalidations(self) -> int:
        return self._desk.log.read_text().count("is to be signed for again")

    def _crash(self) -> str:
        self.lost += 1  # the keyring may not have it yet
        self._desk.kill()
        self._daemon.close()
        self.ttl = self.random.choice(_TTLS)
        self._start()
        return f"the daemon was killed, and another one started with token_ttl = {self.ttl}"

    def _log_in(self) -> str:
        self._crowd.ask("login", [self._query])
        return "somebody logged in"

    def _start(self) -> None:
        self._desk.configure(f"token_ttl = {self.ttl}\naws_timeout = 60\n")
        self._daemon.enter_context(self._desk.daemon())

    # What is asked

    @property
    def _query(self) -> dict[str, object]:
        return {"config": str(self._desk.work / "atlas.hcl"), "data": "db"}

    def by_hand(self) -> list[str | None]:
        """Return the token that the client prints, None where it cannot be had."""
        return [self._desk.dsqltok("get", "--data", "db", "-n").stdout or None]

    def by_socket(self, clients: int = 1, *, meanwhile: Callable[[], None] = lambda: None) -> list[str | None]:
        """Return what so many clients are answered."""
        self._crowd.begin("token.get", [self._query] * clients)
        meanwhile()
        return [answer.get("result", {}).get("token") for answer in self._crowd.answers()]

    def refreshing(self) -> bool:
        """Tell whether the daemon is getting a token."""
        [answer] = self._crowd.ask("daemon.status", [{}])
        tokens: list[dict[str, Any]] = answer["result"]["tokens"]
        return any(token["refreshing"] for token in tokens)
