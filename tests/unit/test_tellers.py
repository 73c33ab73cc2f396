"""What tells of changes in directories: by Linux itself, and by watchdog's observer, which is for other systems."""

from __future__ import annotations

import os
import queue
import sys
import threading
from typing import TYPE_CHECKING, TypeAlias

import pytest

from dsqltokd import observer
from dsqltokd.events import Events

if sys.platform == "linux":
    from dsqltokd import inotify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Heard: TypeAlias = "queue.Queue[tuple[str, ...]]"

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def heard() -> Heard:
    return queue.Queue()


@pytest.fixture(params=[pytest.param("inotify", marks=needs_linux), "observer"])
def teller(request: pytest.FixtureRequest, heard: Heard) -> Iterator[inotify.Teller | observer.Teller]:
    kind: Callable[..., inotify.Teller | observer.Teller]
    kind = inotify.Teller if request.param == "inotify" else observer.Teller
    made = kind(heard.put)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def linux(heard: Heard) -> Iterator[inotify.Teller]:
    made = inotify.Teller(heard.put)
    made.start()
    yield made
    made.stop()


def hears_of(heard: Heard, path: Path) -> None:
    """Wait until something is told of `path`."""
    while str(path) not in heard.get(timeout=10):
        pass


def test_what_comes_and_goes_is_told(teller: inotify.Teller, heard: Heard, tmp_path: Path) -> None:
    teller.add(str(tmp_path), closely=False)
    (tmp_path / "new").mkdir()
    hears_of(heard, tmp_path / "new")
    (tmp_path / "new").rename(tmp_path / "other")
    hears_of(heard, tmp_path / "other")
    (tmp_path / "other").rmdir()
    hears_of(heard, tmp_path / "other")


def test_what_is_in_a_file_is_told_where_that_was_asked_for(
    teller: inotify.Teller, heard: Heard, tmp_path: Path
) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    for each in (near, far):
        each.mkdir()
        (each / "file").write_text("one")
        teller.add(str(each), closely=each is near)
    (far / "file").write_text("two!")
    (near / "file").write_text("two!")
    assert heard.get(timeout=10)[0] == str(near / "file")


def test_what_is_watched_no_more_is_not_told(teller: inotify.Teller, heard: Heard, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    watch = teller.add(str(one), closely=True)
    teller.add(str(two), closely=True)
    teller.remove(watch)
    (one / "file").mkdir()
    (two / "file").mkdir()
    assert heard.get(timeout=10)[0] == str(two / "file")


def test_what_is_no_directory_is_an_error(teller: inotify.Teller, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name in ("nothing", "file"):
        with pytest.raises(OSError, match=r"No such file|Not a directory"):
            teller.add(str(tmp_path / name), closely=True)


def test_a_directory_that_may_not_be_read_is_an_error(teller: inotify.Teller, someone_s: Path) -> None:
    closed = someone_s / "closed"
    closed.mkdir(0o300)
    with pytest.raises(PermissionError):
        teller.add(str(closed), closely=True)


@needs_linux
def test_one_thread_hears_of_all_directories(linux: inotify.Teller, heard: Heard, tmp_path: Path) -> None:
    before = {*threading.enumerate()}
    for number in range(50):
        (tmp_path / str(number)).mkdir()
        linux.add(str(tmp_path / str(number)), closely=True)
    (tmp_path / "49" / "file").write_text("")
    hears_of(heard, tmp_path / "49/file")
    assert {*threading.enumerate()} <= before  # one of an earlier test may have ended meanwhile


@needs_linux
def test_of_two_who_watch_a_directory_neither_ends_what_the_other_one_heeds(
    linux: inotify.Teller, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("one")
    linux.add(str(tmp_path), closely=True)
    linux.remove(linux.add(str(tmp_path), closely=False))
    (tmp_path / "file").write_text("two!")
    hears_of(heard, tmp_path / "file")


@needs_linux
def test_a_directory_that_is_gone_is_told(linux: inotify.Teller, heard: Heard, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    watch = linux.add(str(gone), closely=False)
    gone.rmdir()
    hears_of(heard, gone)
    linux.remove(watch)


@needs_linux
def test_where_events_were_lost_every_directory_is_told(linux: inotify.Teller, heard: Heard, tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("one", "two")]
    for each in places:
        each.mkdir()
        linux.add(str(each), closely=False)
    linux.on_queue_overflow()
    assert set(heard.get(timeout=10)) == set(map(str, places))


@needs_linux
def test_a_change_of_permissions_on_the_way_is_told(linux: inotify.Teller, heard: Heard, tmp_path: Path) -> None:
    (tmp_path / "way").mkdir()
    linux.add(str(tmp_path), closely=False)
    (tmp_path / "way").chmod(0o700)
    hears_of(heard, tmp_path / "way")


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_where_no_thread_is_to_be_had_it_is_tried_again(heard: Heard, tmp_path: Path) -> None:
    events = Events(heard.put)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        before = len(os.listdir("/dev/fd"))
        assert [events.watch(str(tmp_path), "", closely=True) for _ in range(3)] == [False] * 3
        assert len(os.listdir("/dev/fd")) <= before + 3  # of the one that is still to begin
    assert events.watch(str(tmp_path), "", closely=True)
    (tmp_path / "new").touch()
    hears_of(heard, tmp_path / "new")
    events.stop()


def test_a_thread_that_has_ended_is_followed_by_another(heard: Heard, tmp_path: Path) -> None:
    events = Events(heard.put)
    assert events.watch(str(tmp_path), "", closely=True)
    events.stop()
    (tmp_path / "first").touch()
    while any(thread.name != "MainThread" and "Inotify" in type(thread).__name__ for thread in threading.enumerate()):
        pass
    assert events.watch(str(tmp_path), "", closely=True)
    (tmp_path / "second").touch()
    hears_of(heard, tmp_path / "second")
    events.stop()


def test_who_wants_more_of_a_directory_and_does_not_get_it_has_all_told_that_went_by_it(
    heard: Heard, tmp_path: Path
) -> None:
    events = Events(heard.put)
    assert events.watch(str(tmp_path), "", closely=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dsqltokd.events.Teller.add", denied)
        assert not events.watch(str(tmp_path), "", closely=True)
    assert heard.get(timeout=10) == (str(tmp_path),)
    events.stop()


def denied(*_: object, **__: object) -> None:
    raise PermissionError
