"""The watcher on real files. Reports are waited for on a queue; what must not come is waited for by something after it.

`AT_ONCE` is under the watcher's regular look at every file: what arrives within it was told by an event.
"""

from __future__ import annotations

import queue
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from dsqltokd import watch
from dsqltokd.files import identity
from dsqltokd.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dsqltokd.files import Identity

AT_ONCE = 0.8 * watch.RECONCILE


class Watched:
    """A watcher, what it reported, and a file that says when it has done all that came before."""

    def __init__(self, directory: Path) -> None:
        self.changes: queue.Queue[str] = queue.Queue()
        self.watcher = Watcher(lambda path, _found: self.changes.put(path))
        self.watcher.start()
        self.fence = directory / "fence"
        self.follow(self.fence)

    def follow(self, path: Path) -> bool:
        """Follow a file as it is now; tell whether it was still the same when the watch stood."""
        return self.follow_since(path, identity(str(path)))

    def follow_since(self, path: Path, seen: tuple[int, int, int, int, int, int] | None) -> bool:
        settled: queue.Queue[bool] = queue.Queue()
        self.watcher.follow(str(path), seen, settled.put)
        return settled.get(timeout=10)

    def settle(self) -> None:
        """Return once the watcher does nothing but wait."""
        self.follow(self.fence)

    def next(self) -> str:
        return self.changes.get(timeout=AT_ONCE)

    def sees(self, path: Path) -> None:
        """Hold that `path` is reported, and nothing else."""
        assert self.next() == str(path)

    def rest(self) -> list[str]:
        """Return what was reported before the fence, which is changed last."""
        fresh = self.fence.with_name("fresh fence")
        fresh.write_text(str(time.monotonic_ns()))
        fresh.replace(self.fence)
        found = []
        while (path := self.next()) != str(self.fence):
            found.append(path)
        return found


@pytest.fixture
def there(tmp_path: Path) -> Path:
    directory = tmp_path.resolve() / "there"
    directory.mkdir()
    return directory


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path.resolve())
    yield made
    made.watcher.stop(10)


@pytest.fixture
def file(there: Path) -> Path:
    path = there / "atlas.hcl"
    path.write_text("one")
    return path


def test_an_edit_in_place_is_seen(watched: Watched, file: Path) -> None:
    assert watched.follow(file)
    file.write_text("two!")
    watched.sees(file)


def test_an_edit_of_the_same_length_is_seen(watched: Watched, file: Path) -> None:
    watched.follow(file)
    file.write_text("two")
    watched.sees(file)


def test_an_editor_s_atomic_save_is_seen_and_so_is_the_next(watched: Watched, file: Path) -> None:
    watched.follow(file)
    for text in ("two", "three", "four"):
        fresh = file.with_name(".atlas.hcl.swp")
        fresh.write_text(text)
        fresh.replace(file)
        watched.sees(file)


def test_a_save_that_moves_the_old_file_away_first_is_seen(watched: Watched, file: Path) -> None:
    watched.follow(file)
    file.rename(file.with_name("atlas.hcl~"))
    file.write_text("two")
    watched.sees(file)
    assert set(watched.rest()) <= {str(file)}


def test_a_file_moved_in_from_elsewhere_is_seen(watched: Watched, file: Path, tmp_path: Path) -> None:
    watched.follow(file)
    fresh = tmp_path / "fresh"
    fresh.write_text("two")
    fresh.replace(file)
    watched.sees(file)


def test_a_file_that_is_deleted_and_made_again_is_seen_both_times(watched: Watched, file: Path) -> None:
    watched.follow(file)
    file.unlink()
    watched.sees(file)
    file.write_text("two")
    watched.sees(file)


def test_a_change_of_permissions_is_seen(watched: Watched, file: Path) -> None:
    watched.follow(file)
    file.chmod(0o606)
    watched.sees(file)


def test_merely_reading_is_no_change(watched: Watched, file: Path) -> None:
    watched.follow(file)
    for _ in range(3):
        assert file.read_text() == "one"
    assert watched.rest() == []


def test_another_file_beside_it_is_no_change(watched: Watched, file: Path) -> None:
    watched.follow(file)
    file.with_name("other").write_text("x")
    assert watched.rest() == []


def test_an_edit_between_reading_and_following_is_not_lost(watched: Watched, file: Path) -> None:
    before = identity(str(file))
    file.write_text("two!")
    assert not watched.follow_since(file, before)
    watched.sees(file)
    assert watched.rest() == []


def test_of_two_readers_of_different_versions_one_can_tell_that_it_is_up_to_date(file: Path) -> None:
    changes: queue.Queue[tuple[str, Identity | None]] = queue.Queue()
    watcher = Watcher(lambda *changed: changes.put(changed))
    watcher.follow(str(file), identity(str(file)))
    file.write_text("new")
    watcher.follow(str(file), identity(str(file)))
    watcher.start()
    assert changes.get(timeout=10) == (str(file), identity(str(file)))
    watcher.stop(10)


def test_following_again_what_has_not_changed_reports_nothing(watched: Watched, file: Path) -> None:
    assert watched.follow(file)
    assert watched.follow(file)
    assert watched.rest() == []
    file.write_text("two!")
    watched.sees(file)


def test_a_file_that_does_not_exist_yet_is_seen_when_it_comes(watched: Watched, there: Path) -> None:
    assert watched.follow(there / "credentials")
    (there / "credentials").write_text("one")
    watched.sees(there / "credentials")


def test_a_file_whose_directories_do_not_exist_yet_is_seen_when_it_comes(watched: Watched, there: Path) -> None:
    path = there / ".aws" / "sso" / "config"
    assert watched.follow(path)
    path.parent.mkdir(parents=True)
    path.write_text("one")
    watched.sees(path)
    watched.settle()
    path.write_text("two!")
    watched.sees(path)


def test_directories_that_come_one_at_a_time_are_followed_down(watched: Watched, there: Path) -> None:
    path = there / "a" / "b" / "config"
    watched.follow(path)
    path.parent.parent.mkdir()
    assert watched.rest() == []
    path.parent.mkdir()
    assert watched.rest() == []
    path.write_text("one")
    watched.sees(path)


def test_a_directory_that_is_deleted_and_made_again_is_watched_again(watched: Watched, file: Path) -> None:
    watched.follow(file)
    for text in ("two", "three", "four"):
        shutil.rmtree(file.parent)
        watched.sees(file)
        watched.settle()
        file.parent.mkdir()
        assert set(watched.rest()) <= {str(file)}
        file.write_text(text)
        watched.sees(file)
        assert set(watched.rest()) <= {str(file)}


def test_an_edit_of_what_a_link_leads_to_is_seen(watched: Watched, file: Path, tmp_path: Path) -> None:
    link = tmp_path.resolve() / "link.hcl"
    link.symlink_to(file)
    watched.follow(link)
    file.write_text("two!")
    watched.sees(link)


def test_a_link_that_is_pointed_elsewhere_is_seen_and_its_new_target_followed(
    watched: Watched, there: Path, tmp_path: Path
) -> None:
    one, two = there / "one" / "atlas.hcl", there / "two" / "atlas.hcl"
    for path in (one, two):
        path.parent.mkdir()
        path.write_text(path.parent.name)
    link = tmp_path.resolve() / "atlas.hcl"
    link.symlink_to(one)
    watched.follow(link)
    fresh = link.with_name("fresh")
    fresh.symlink_to(two)
    fresh.replace(link)
    watched.sees(link)
    watched.settle()
    two.write_text("two, edited")
    watched.sees(link)


def test_a_linked_directory_that_is_swapped_is_seen(watched: Watched, there: Path) -> None:
    """Kubernetes mounts a ConfigMap like this: file -> ..data/file, ..data -> ..2026_01_01, and swaps ..data."""
    for version in ("v1", "v2"):
        (there / version).mkdir()
        (there / version / "config").write_text(version)
    (there / "..data").symlink_to("v1")
    (there / "config").symlink_to("..data/config")
    watched.follow(there / "config")
    (there / "fresh").symlink_to("v2")
    (there / "fresh").replace(there / "..data")
    watched.sees(there / "config")


def test_links_that_lead_in_a_circle_are_followed_until_they_do_not(watched: Watched, there: Path) -> None:
    one, two = there / "one", there / "two"
    one.symlink_to(two)
    two.symlink_to(one)
    assert watched.follow(one)
    two.unlink()
    two.write_text("at last")
    watched.sees(one)


def test_what_is_forgotten_is_not_reported(watched: Watched, file: Path) -> None:
    watched.follow(file)
    watched.watcher.forget(str(file))
    watched.settle()
    file.write_text("two!")
    assert watched.rest() == []


def test_several_files_in_a_directory_are_told_apart(watched: Watched, there: Path) -> None:
    files = [there / name for name in ("a", "b", "c")]
    for path in files:
        path.write_text("one")
        watched.follow(path)
    files[1].write_text("two!")
    watched.sees(files[1])
    assert set(watched.rest()) <= {str(files[1])}


def test_where_a_watch_is_granted_nothing_is_blind(watched: Watched, file: Path) -> None:
    watched.follow(file)
    assert not watched.watcher.blind


def test_a_directory_that_may_not_be_read_is_looked_at_regularly(someone_s: Path) -> None:
    path = someone_s / "closed" / "atlas.hcl"
    path.parent.mkdir()
    path.write_text("one")
    path.parent.chmod(0o300)
    watched = Watched(someone_s)
    try:
        watched.follow(path)
        assert watched.watcher.blind
        path.write_text("two!")
        watched.sees(path)
    finally:
        watched.watcher.stop(10)


def test_a_directory_that_is_replaced_by_one_that_may_not_be_read_is_looked_at_regularly(someone_s: Path) -> None:
    path = someone_s / "app" / "atlas.hcl"
    path.parent.mkdir()
    path.write_text("one")
    watched = Watched(someone_s)
    try:
        watched.follow(path)
        assert not watched.watcher.blind
        for text in ("two", "three"):
            path.parent.rename(someone_s / f"before {text}")
            path.parent.mkdir(0o300)
            path.write_text(text)
            watched.follow(path)  # as whoever reads it again does
            path.write_text(text + ", edited")
            watched.sees(path)
            assert watched.watcher.blind
    finally:
        watched.watcher.stop(10)


def test_a_watcher_ends_when_it_is_told_to(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    watched = Watched(tmp_path)
    assert set(threading.enumerate()) - before
    watched.watcher.stop(10)
    deadline = time.monotonic() + 10
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        for thread in set(threading.enumerate()) - before:
            thread.join(1)
    assert not set(threading.enumerate()) - before


def test_a_file_that_comes_into_a_followed_directory_changes_the_directory(watched: Watched, there: Path) -> None:
    watched.follow(there)
    (there / "new").write_text("")
    watched.sees(there)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the slow reconcile sees it")
@pytest.mark.parametrize("above", [0, 1, 2])
def test_a_directory_on_the_way_that_is_replaced_is_seen(above: int, watched: Watched, there: Path) -> None:
    path = there / "a" / "b" / "c" / "atlas.hcl"
    path.parent.mkdir(parents=True)
    path.write_text("one")
    watched.follow(path)
    for text in ("two", "three"):
        replaced = path.parents[above]
        fresh = replaced.with_name("fresh")
        shutil.copytree(replaced, fresh)
        (fresh / path.relative_to(replaced)).write_text(text)
        replaced.rename(there / f"before {text}")
        fresh.rename(replaced)
        watched.sees(path)
        watched.settle()
        assert set(watched.rest()) <= {str(path)}
        path.write_text(text + ", edited")
        watched.sees(path)


def test_a_directory_that_is_followed_by_a_symlink_is_watched_where_it_is(watched: Watched, there: Path) -> None:
    (there / "real").mkdir()
    (there / "link").symlink_to("real")
    watched.follow(there / "link")
    (there / "real" / "new").write_text("")
    watched.sees(there / "link")
