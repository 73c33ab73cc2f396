"""What a look finds out about which changes of a file make an event."""

from __future__ import annotations

import os
import queue
from typing import TYPE_CHECKING

import pytest

from dsqltokd import mounts
from dsqltokd.events import Events
from dsqltokd.looks import Round, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dsqltokd.looks import Look

pytestmark = pytest.mark.skipif(not mounts.read().is_mount("/"), reason="the system does not tell what is mounted")
DISK = "1 0 0:1 / / rw - ext4 /dev/a rw\n"


@pytest.fixture
def told() -> Iterator[Callable[..., Told]]:
    """Give what a look at a file finds, where the file systems are as a list says."""
    events = Events(lambda _: None)

    def look(path: Path, mounted: str = DISK) -> Told:
        found: queue.Queue[Look | None] = queue.Queue()
        Round({str(path): True}, [], events, mounts.parse(mounted), lambda _, each: found.put(each)).start()
        looked = found.get(timeout=10)
        assert looked is not None
        return looked.told

    yield look
    events.stop()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path.resolve() / "atlas.hcl"
    path.write_text("one")
    return path


def test_of_a_file_on_a_disk_each_change_is_told(told: Callable[..., Told], file: Path) -> None:
    assert told(file) is Told.ALWAYS


def test_of_what_does_not_exist_yet_its_coming_is_told(told: Callable[..., Told], file: Path) -> None:
    assert told(file.with_name("a") / "b" / "c") is Told.ALWAYS


def test_of_what_a_symlink_leads_to_each_change_is_told(told: Callable[..., Told], file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    assert told(link) is Told.ALWAYS


def test_what_has_another_name_may_be_changed_by_that(told: Callable[..., Told], file: Path) -> None:
    os.link(file, file.with_name("other"))
    assert told(file) is Told.MOSTLY


def test_what_is_mounted_itself_may_be_changed_where_it_comes_from(told: Callable[..., Told], file: Path) -> None:
    assert told(file, DISK + f"2 1 0:1 /elsewhere {file} rw - ext4 /dev/a rw\n") is Told.MOSTLY


def test_a_directory_that_is_mounted_is_like_any_other(told: Callable[..., Told], file: Path) -> None:
    assert told(file, DISK + f"2 1 0:1 /elsewhere {file.parent} rw - ext4 /dev/a rw\n") is Told.ALWAYS


@pytest.mark.parametrize(("kind", "found"), [("tmpfs", Told.ALWAYS), ("fuseblk", Told.MOSTLY), ("nfs4", Told.NO)])
def test_the_type_of_a_file_system_on_the_way_counts(
    kind: str, found: Told, told: Callable[..., Told], file: Path
) -> None:
    assert told(file, DISK + f"2 1 0:2 / {file.parent} rw - {kind} there rw\n") is found


def test_a_directory_on_the_way_that_may_not_be_read_may_be_replaced(
    told: Callable[..., Told], someone_s: Path
) -> None:
    path = someone_s / "closed" / "open" / "atlas.hcl"
    path.parent.mkdir(parents=True)
    path.write_text("one")
    path.parent.parent.chmod(0o300)
    assert told(path) is Told.MOSTLY


def test_what_is_in_a_directory_that_may_not_be_read_may_be_edited(told: Callable[..., Told], someone_s: Path) -> None:
    path = someone_s / "closed" / "atlas.hcl"
    path.parent.mkdir()
    path.write_text("one")
    path.parent.chmod(0o300)
    assert told(path) is Told.NO


def test_what_may_not_be_looked_at_may_change_unseen(told: Callable[..., Told], someone_s: Path) -> None:
    path = someone_s / "closed" / "atlas.hcl"
    path.parent.mkdir()
    path.write_text("one")
    path.parent.chmod(0o600)
    assert told(path) is Told.MOSTLY
