"""The one way in which files of ours are written."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dsqltok.files import clear_drafts, create_atomically, draft, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KILLED = """
import os, signal, sys
from dsqltok.files import draft
with draft(sys.argv[1], 0o600):
    os.kill(os.getpid(), signal.SIGKILL)
"""
SMALL = 4096  # bytes that a file may have where the disk is full


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.fixture
def full_disk() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


def test_the_new_text_is_there_and_nothing_else(path: Path) -> None:
    path.write_text("old, and longer than the new one")
    write_atomically(str(path), "néw", 0o600)
    assert path.read_bytes() == "néw".encode()
    assert os.listdir(path.parent) == ["file"]


def test_who_reads_the_old_file_reads_it_to_its_end(path: Path) -> None:
    path.write_text("old")
    with path.open() as before:
        write_atomically(str(path), "new", 0o600)
        assert before.read() == "old"


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_its_mode_is_the_one_asked_for_whatever_was_there(path: Path, mode: int) -> None:
    path.touch()
    path.chmod(0o666)
    write_atomically(str(path), "new", mode)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_the_draft_of_a_killed_process_goes_with_the_first_write_of_the_next(path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = os.listdir(path.parent)
    assert left.startswith(".file.dsqltok-")
    write_atomically(str(path), "new", 0o600)
    assert os.listdir(path.parent) == ["file"]


def test_the_draft_of_a_process_that_lives_stays(path: Path) -> None:
    with draft(str(path), 0o600) as (name, _):
        clear_drafts(str(path))
        assert os.path.exists(name)
    assert os.listdir(path.parent) == []


def test_no_name_of_a_draft_can_be_guessed(path: Path) -> None:
    with draft(str(path), 0o600) as (one, _), draft(str(path), 0o600) as (other, _):
        assert len({one[-16:], other[-16:], f"{os.getpid():016}", f"{os.getpid():016x}"}) == 4


def test_what_only_has_the_name_of_a_draft_is_in_nobodys_way(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_text("untouched")
    path.with_name(".file.dsqltok-directory").mkdir()
    path.with_name(".file.dsqltok-link").symlink_to(elsewhere)
    before = set(os.listdir(path.parent))
    write_atomically(str(path), "new", 0o600)
    assert (path.read_text(), elsewhere.read_text()) == ("new", "untouched")
    assert set(os.listdir(path.parent)) == {*before, "file"}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")
def test_the_drafts_of_others_are_let_alone(path: Path) -> None:
    other = path.with_name(".file.dsqltok-of-another")
    other.touch()
    os.chown(other, 65534, 65534)
    write_atomically(str(path), "new", 0o600)
    assert other.exists()


@pytest.mark.usefixtures("full_disk")
def test_where_the_disk_is_full_the_old_file_stays_alone(path: Path) -> None:
    path.write_text("old")
    with pytest.raises(OSError, match="File too large"):
        write_atomically(str(path), "x" * (SMALL + 1), 0o600)
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["file"]


def test_where_it_cannot_take_the_path_no_draft_stays(path: Path) -> None:
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(str(path), "new", 0o600)
    assert os.listdir(path.parent) == ["file"]


def test_a_file_is_created_whole_and_alone(path: Path) -> None:
    create_atomically(str(path), "néw", 0o600)
    assert path.read_bytes() == "néw".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["file"]


@pytest.mark.parametrize("dangling", [False, True])
def test_what_is_there_is_never_replaced_by_a_created_file(dangling: bool, path: Path) -> None:
    if dangling:
        path.symlink_to(path.with_name("nowhere"))
    else:
        path.write_text("old")
    with pytest.raises(FileExistsError):
        create_atomically(str(path), "new", 0o600)
    assert os.listdir(path.parent) == ["file"]
    assert dangling or path.read_text() == "old"
