"""A daemon from a request's line to its answer, whose project, clock and AWS are the test's."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dsqltok import protocol
from dsqltok.errors import DsqltokError, UnavailableError
from dsqltokd.config import Config
from dsqltokd.dispatch import Dispatch
from dsqltokd.evaluation import Evaluator
from dsqltokd.figures import Figures
from dsqltokd.memory import Memory
from dsqltokd.model import Identity, Instant
from dsqltokd.pool import Pool
from dsqltokd.projects import Projects
from dsqltokd.registry import Registry
from dsqltokd.requests import Requests
from dsqltokd.settings import Settings
from dsqltokd.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONFIG = "/project/atlas.hcl"
ENVIRONMENTS: tuple[dict[str, str | None], ...] = (
    {},
    {"AWS_PROFILE": "prod"},
    {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"},
    {"A": "1"},
    {"A": "1", "B": None},
    {"A": "2", "B": "one"},
    {"A": "2", "B": "two"},
    {"A": "2"},
)
ABSENT = {"kind": "not_found", "message": "there is no such token", "hint": "it has db"}
EVENTS = WATCHER, DOUBT, FLUSH, AGE, ALLOWED, LOOK = (
    "the watcher tells",
    "identities are in doubt",
    "tokens are flushed",
    "what programs printed is too old",
    "a program is allowed",
    "tokens are looked at",
)
BROKEN = {"kind": "configuration", "message": "a bracket is missing", "hint": "add it"}


def request(environment: Mapping[str, str | None], request_id: int = 1, **params: object) -> bytes:
    given = {"config": CONFIG, "env": "dsql", "environment": environment, **params}
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": "token.get", "params": given}).encode()


REQUESTS = (
    *(request(environment) for environment in ENVIRONMENTS),
    request({}, 2),
    request({}, data="db"),
    request({}, data="nonsense"),
    request({}, fresh=True),
    request({}, within=json.dumps([CONFIG])),
)


class Caller:
    """Who asks: a connection that gets its answers, and no notification."""

    def notify(self, method: str, params: dict[str, Any]) -> None:
        raise NotImplementedError

    def program(self) -> str | None:
        return "psql"

    def on_close(self, callback: Callable[[], None]) -> None:
        raise NotImplementedError


@dataclass
class World(Pool):
    """What workers find: a project that reads `names`, and `B` too where `A` is 2; and AWS, which signs."""

    now: Instant = field(default_factory=lambda: Instant(1_000_000.0, 5_000.0))
    host: str = "one"
    names: tuple[str, ...] = ()
    broken: bool = False
    hangs: bool = False
    refuses: bool = False
    signed: int = 0
    life: float = 900.0

    def __post_init__(self) -> None:
        super().__init__({})

    def pass_time(self, seconds: float, step: float = 0.0) -> None:
        self.now = Instant(self.now.wall + seconds + step, self.now.boot + seconds)

    async def run(
        self, kind: str, job: Mapping[str, Any], *, deadline: float, key: object = None, linger: bool = True
    ) -> dict[str, Any]:
        assert deadline
        assert key is None or linger == (isinstance(key, Identity) and key.seal is None)
        await asyncio.sleep(0)
        return self.evaluated(job["environment"], job["data"]) if kind == "project" else self.tokens(job)

    def evaluated(self, environment: Mapping[str, str | None], data: str | None) -> dict[str, Any]:
        if self.hangs:
            raise UnavailableError("the disk does not answer")
        names = [*self.names, *(["B"] if self.names and environment.get("A") == "2" else [])]
        files = [[CONFIG, [1, 2]]]
        if any(name not in environment for name in names):
            return {"names": names, "need": names, "files": files}
        if self.broken:
            return {"names": names, "files": files, "error": BROKEN}
        if data == "nonsense":
            return {"names": names, "files": files, "error": ABSENT}
        place = {"host": f"{environment.get('B') or self.host}.on.aws", "region": "us-east-1"}
        target = {**place, "action": "DbConnect", "profile": None, "role_arn": None}
        instances = [{"tokens": ["db"], "user": "app"}]
        found = {"targets": {"db": target}, "instances": instances, "env": "dsql"}
        return {**found, "names": names, "files": files, "texts": None, "outputs": []}

    def tokens(self, job: Mapping[str, Any]) -> dict[str, Any]:
        if self.refuses:
            raise UnavailableError("AWS is away")
        self.signed += 1
        made = {"region": "us-east-1", "signed_at": self.now.wall, "expires_at": self.now.wall + self.life}
        tokens = [{**made, "value": f"token-{self.signed}-of-{host}"} for host, _, _ in job["targets"]]
        return {"session": None, "tokens": tokens, "attended": False, "failure": None, "files": []}


@dataclass
class Daemon:
    """The daemon from a request's line to its answer. What is remembered was answered before."""

    world: World
    caller: Caller = field(default_factory=Caller)

    def __post_init__(self) -> None:
        self.settings = Settings("/nonexistent/config.toml")
        self.settings.now = Config(token_ttl=int(self.world.life))
        self.memory, self.figures = Memory(), Figures()
        self.dispatch = Dispatch(self.settings, self.figures, self.memory)
        self.tokens = Tokens(
            self.world,
            self.settings,
            read=lambda *_: None,
            changed=lambda _: self.requests.tell(),
            forgotten=lambda _: None,
        )
        evaluator = Evaluator(self.world, self.settings, lambda _config: ())
        self.projects = Projects(evaluator, follow=lambda *_: None, forget=lambda _: None)
        registry = Registry("/nonexistent/projects.json")
        self.requests = Requests(self.projects, self.tokens, registry, self.memory)
        self.requests.loaded.set()
        self.dispatch.methods |= self.requests.handlers

    def recall(self, line: bytes) -> bytes | None:
        """Return what is remembered, which is what the request is answered anew."""
        known = self.dispatch.recall(line, self.caller)
        assert known is None or known == self.anew(line), "what is remembered is no longer true"
        return known

    def anew(self, line: bytes) -> bytes | None:
        """Return what the request is answered without being remembered, None where that takes longer."""
        request_id, method, params = protocol.read_request(line)
        try:
            answer = self.dispatch.handle(method, params, self.caller)
        except DsqltokError:
            return None
        if not isinstance(answer, dict):
            assert asyncio.iscoroutine(answer)
            answer.close()
            return None
        return protocol.result(request_id, answer)

    async def ask(self, line: bytes) -> bytes:
        """Ask as a connection does, and wait for the answer."""
        known = self.recall(line)
        if known is not None:
            return known
        request_id, method, params = protocol.read_request(line)
        try:
            answer = self.dispatch.handle(method, params, self.caller)
            if not isinstance(answer, dict):
                return protocol.result(request_id, await answer)
        except DsqltokError as error:
            return protocol.failure(request_id, error)
        line_back = protocol.result(request_id, answer)
        self.dispatch.learn(line, method, line_back, answer)
        return line_back

    async def learned(self, line: bytes) -> bytes:
        """Ask until no more can be remembered."""
        for _ in range(2):
            await self.ask(line)
        return await self.ask(line)

    def counted(self) -> int:
        """Return how many requests were."""
        used = dict.fromkeys(("fds", "threads", "children", "rss"), 0)
        text = self.figures.exposition("1", 0.0, used, [], "", more=[])
        found = re.findall(r'^dsqltok_request_seconds_count{method="token.get"} (\d+)$', text, re.MULTILINE)
        return int(*found)

    def happen(self, event: str) -> None:
        """Have one of `EVENTS` happen."""
        happenings: dict[str, Callable[[], object]] = {
            WATCHER: self.note_change,
            DOUBT: self.doubt,
            FLUSH: lambda: self.tokens.flush(list(self.tokens.states)),
            AGE: self.projects.outdate,
            ALLOWED: lambda: self.projects.reconsider(CONFIG),
            LOOK: self.tokens.tick,
        }
        happenings[event]()

    def doubt(self) -> None:
        """The AWS files have changed."""
        for identity in list(self.tokens.states):
            self.tokens.invalidate(identity)

    def note_change(self) -> None:
        """The project's file has changed, and the watcher tells."""
        self.projects.changed(CONFIG)
        self.requests.tell()
