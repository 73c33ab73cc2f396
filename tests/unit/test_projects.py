"""What the core remembers of a project, with real workers: what is evaluated, and how often."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dsqltok.errors import NotFoundError
from dsqltokd.evaluation import Evaluator
from dsqltokd.model import Secret
from dsqltokd.pool import Pool
from dsqltokd.projects import Projects
from dsqltokd.query import Query
from dsqltokd.settings import Settings
from unit.ahead import play_ahead, put_ahead
from unit.processes import play
from unit.projectjob import HOST, SEED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from dsqltokd.query import Key


class CountingEvaluator(Evaluator):
    """Counts what it is asked."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool, Settings("/nonexistent/config.toml"), lambda _config: ())
        self.asked: Counter[str] = Counter()

    async def ask(self, question: str, key: Key, *given: Any, **more: Any) -> dict[str, Any]:
        self.asked[question] += 1
        return await super().ask(question, key, *given, **more)


@pytest.fixture
def query(tmp_path: Path) -> Query:
    tmp_path.chmod(0o755)
    path = tmp_path / "atlas.hcl"
    path.write_text(SEED)
    return Query(str(path), "dsql", None, (), {})


class OvertakenEvaluator(CountingEvaluator):
    """Has `meanwhile` called once a worker has read the project, before anybody hears what was in it."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.meanwhile: list[Callable[[], object]] = []

    async def ask(self, *given: Any, **more: Any) -> dict[str, Any]:
        answer = await super().ask(*given, **more)
        if self.meanwhile:
            self.meanwhile.pop()()
        return answer


async def seen(query: Query) -> tuple[CountingEvaluator, list[str]]:
    """Ask for tokens and urls several times; return the evaluator, and the urls."""
    pool = Pool({"PATH": "/usr/bin:/bin"})
    try:
        evaluator = CountingEvaluator(pool)
        projects = Projects(evaluator, follow=lambda *_: None, forget=lambda _: None)
        key = query.key(str(query.config))
        urls: list[Secret] = []
        for token in ("ONE", "ONE", "TWO"):
            entry = await projects.get(key, query)
            urls += await projects.urls(entry, query, {"db": Secret(token)})
        return evaluator, [url.reveal() for url in urls]
    finally:
        pool.close()


def test_a_project_is_evaluated_once_and_its_url_once_for_each_token(query: Query) -> None:
    async def scene() -> None:
        evaluator, urls = await seen(query)
        tokens = ("ONE", "ONE", "TWO")
        assert urls == [f"dsql://admin:{token}@{HOST}:5432/postgres?sslmode=require" for token in tokens]
        assert evaluator.asked == {"targets": 1, "urls": 2}

    play(scene())


def test_an_evaluation_that_an_edit_overtook_is_not_served(query: Query) -> None:
    async def scene() -> None:
        pool = Pool({"PATH": "/usr/bin:/bin"})
        try:
            evaluator = OvertakenEvaluator(pool)
            projects = Projects(evaluator, follow=lambda *_: None, forget=lambda _: None)
            path = str(query.config)

            def edit(host: str) -> None:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(SEED.replace(HOST, host))
                assert projects.changed(path)

            await projects.get(query.key(path), query)
            evaluator.meanwhile = [lambda: edit(f"third.{HOST}")]
            edit(f"second.{HOST}")
            entry = await projects.get(query.key(path), query)
            assert entry.outcome is not None
            assert entry.outcome["targets"]["db"]["host"] == f"third.{HOST}"
            assert entry.current
        finally:
            pool.close()

    play(scene())


class HeldUpEvaluator(CountingEvaluator):
    """Notes what begins, and holds it up while the test says so."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.begun: list[str] = []
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def ask(self, question: str, key: Key, *given: Any, **more: Any) -> dict[str, Any]:
        self.begun.append(Path(key.config).stem)
        await self.goes_on.wait()
        return await super().ask(question, key, *given, **more)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def edited(query: Query, *names: str) -> AsyncIterator[tuple[HeldUpEvaluator, Projects]]:
    """Give projects that have just been edited, and whose evaluation is held up."""
    pool = Pool({"PATH": "/usr/bin:/bin"})
    evaluator = HeldUpEvaluator(pool)
    projects = Projects(evaluator, follow=lambda *_: None, forget=lambda _: None)
    for name in names:
        beside(query, name).write_text(SEED)
        await projects.get(query.key(str(beside(query, name))), query)
    evaluator.begun.clear()
    evaluator.goes_on.clear()
    for name in names:
        projects.changed(str(beside(query, name)))
    await settle()
    yield evaluator, projects
    pool.close()


def beside(query: Query, name: str) -> Path:
    return Path(str(query.config)).with_name(f"{name}.hcl")


def test_of_many_that_were_edited_one_at_a_time_is_evaluated_and_first_what_is_asked_for(query: Query) -> None:
    async def scene() -> None:
        async with edited(query, "a", "b", "c") as (evaluator, projects):
            assert evaluator.begun == ["a"]
            asking = asyncio.ensure_future(projects.get(query.key(str(beside(query, "c"))), query))
            await settle()
            assert evaluator.begun == ["a", "c"]
            evaluator.goes_on.set()
            assert (await asking).current
            for name in ("a", "b"):
                assert (await projects.get(query.key(str(beside(query, name))), query)).current
            assert evaluator.begun == ["a", "c", "b"]

    play(scene())


def test_one_that_hangs_holds_up_the_others_for_a_second(query: Query) -> None:
    async def scene() -> None:
        async with edited(query, "a", "b") as (evaluator, _):
            assert evaluator.begun == ["a"]
            put_ahead(1.1)
            await settle()
            assert evaluator.begun == ["a", "b"]
            evaluator.goes_on.set()
            await settle()

    play_ahead(scene())


def damage(path: str) -> None:
    Path(path).write_text("nonsense")


def test_only_a_project_that_was_good_is_told_in_the_log(query: Query, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        pool = Pool({"PATH": "/usr/bin:/bin"})
        projects = Projects(CountingEvaluator(pool), follow=lambda *_: None, forget=lambda _: None)
        key = query.key(str(query.config))
        with pytest.raises(NotFoundError):
            await projects.get(query.key("/nonexistent/atlas.hcl"), query)
        assert "project: " not in caplog.text
        await projects.get(key, query)
        damage(key.config)
        projects.changed(key.config)
        assert (await projects.get(key, query)).warnings
        assert caplog.text.count("project: ") == 1
        pool.close()

    play(scene())
