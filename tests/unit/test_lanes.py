"""Rounds of looks in threads, some of which stop where a test says so, as they would in a dead mount."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

import pytest

from dsqltokd.events import Events
from dsqltokd.lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dsqltokd.looks import Look, Round


A_LITTLE = 0.01  # seconds


class Stopping(Events):
    """Watches nothing, and stops where it is asked to watch one of `dead`."""

    def __init__(self) -> None:
        super().__init__(lambda _: None)
        self.dead: set[str] = set()
        self.alive = threading.Event()
        self.stopped = threading.Event()

    def watch(self, directory: str, _mount: str, *, closely: bool) -> bool:
        if directory in self.dead:
            self.stopped.set()
            self.alive.wait()
        return closely


class Bench:
    """Lanes, and what their rounds told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.events = Stopping()
        self.told: queue.Queue[tuple[Round, Look | None]] = queue.Queue()
        self.through: dict[str, frozenset[str]] = {}
        self.lanes = Lanes(
            self.events,
            through=lambda path: self.through[path],
            leading=lambda directory: [path for path in self.through if path.startswith(directory + "/")],
            tell=lambda by, look: self.told.put((by, look)),
        )

    def want(self, *names: str) -> list[str]:
        paths = [str(self.directory / name) for name in names]
        for path in paths:
            self.through.setdefault(path, self.lanes.guess(path))
        self.lanes.want(paths, asked=True)
        return paths

    def looked(self) -> str | None:
        """Return the path of the next look, or None for the end of a round."""
        by, look = self.told.get(timeout=10)
        if look is None:
            self.lanes.end(by)
            return None
        self.through[look.path] = look.mounts
        return look.path

    def late(self) -> dict[str, str]:
        """Have it be later than a look may take that has stopped."""
        assert self.events.stopped.wait(30)
        return self.lanes.leave_behind(self.lanes.next_time + A_LITTLE)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path.resolve())
    yield made
    made.events.alive.set()


def test_all_that_is_wanted_is_looked_at_in_one_round(bench: Bench) -> None:
    one, two = bench.want("one", "two")
    assert bench.lanes.begin() == set()
    assert [bench.looked(), bench.looked(), bench.looked()] == [one, two, None]
    assert bench.lanes.idle


def test_what_is_wanted_during_a_round_waits_for_its_end(bench: Bench) -> None:
    one, *_ = bench.want("one")
    bench.lanes.begin()
    assert bench.looked() == one
    two, *_ = bench.want("two")
    bench.lanes.begin()
    assert bench.looked() is None
    bench.lanes.begin()
    assert bench.looked() == two


def test_a_look_that_stops_holds_up_no_other_for_longer_than_the_patience(bench: Bench) -> None:
    dead, alive = bench.want("dead/file", "alive")
    bench.events.dead = {str(bench.directory / "dead")}
    (bench.directory / "dead").mkdir()
    bench.lanes.begin()
    assert bench.events.stopped.wait(30)
    assert bench.lanes.leave_behind(bench.lanes.next_time - A_LITTLE) == {}
    stuck = bench.late()
    assert list(stuck) == [dead]
    bench.through[dead] |= {stuck[dead]}
    bench.through[alive] = frozenset()  # another file system than the one that stopped
    bench.lanes.begin()
    assert bench.looked() == alive
    assert bench.looked() is None
    assert not bench.lanes.idle
    assert bench.lanes.unanswered == tuple(stuck.values())


def test_what_leads_where_nothing_answers_waits_until_it_does(bench: Bench) -> None:
    dead, *_ = bench.want("dead/file")
    bench.events.dead = {str(bench.directory / "dead")}
    (bench.directory / "dead").mkdir()
    bench.lanes.begin()
    (mount,) = bench.late().values()
    also, *_ = bench.want("dead/also")
    bench.through[also] = frozenset({mount})
    assert bench.lanes.begin() == {also}
    assert bench.lanes.begin() == {also}
    bench.events.alive.set()
    assert [bench.looked(), bench.looked()] == [dead, None]
    assert bench.lanes.unanswered == ()
    bench.lanes.begin()
    assert bench.looked() == also


def test_where_a_watch_is_made_anew_all_that_leads_there_is_looked_at_even_what_a_round_only_finds(
    bench: Bench,
) -> None:
    (bench.directory / "there").mkdir()
    one, *_ = bench.want("there/one")
    bench.lanes.begin()
    bench.lanes.renew([str(bench.directory / "there")])
    bench.lanes.begin()
    assert [bench.looked(), bench.looked()] == [one, None]
    bench.lanes.begin()
    assert [bench.looked(), bench.looked()] == [one, None]


def test_where_the_whole_process_was_held_up_no_look_counts_as_late(bench: Bench) -> None:
    dead, *_ = bench.want("dead/file")
    bench.events.dead = {str(bench.directory / "dead")}
    (bench.directory / "dead").mkdir()
    bench.lanes.begin()
    assert bench.events.stopped.wait(30)
    stopped = time.monotonic() + 60
    assert bench.lanes.leave_behind(stopped) == {}
    assert list(bench.lanes.leave_behind(stopped + 1.5)) == [dead]


def test_what_nobody_follows_any_more_is_not_looked_at(bench: Bench) -> None:
    lanes = Lanes(bench.events, through=lambda _: None, leading=lambda _: (), tell=lambda *_: None)
    lanes.want(["/gone"], asked=True)
    lanes.begin()
    assert lanes.idle


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_where_no_thread_is_to_be_had_all_is_wanted_as_before(bench: Bench) -> None:
    [path] = bench.want("file")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError):
            bench.lanes.begin()
    assert bench.lanes.idle
    bench.lanes.begin()
    assert bench.looked() == path
