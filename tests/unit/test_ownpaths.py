from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dsqltok.errors import DeniedError
from dsqltok.ownpaths import followed

if TYPE_CHECKING:
    from pathlib import Path

ANOTHER = 65534
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """Make a directory like /tmp, in which everybody may put something."""
    directory = tmp_path / "shared"
    directory.mkdir()
    directory.chmod(0o1777)
    return directory


def give_away(path: Path) -> None:
    os.chown(path, ANOTHER, ANOTHER, follow_symlinks=False)


def test_links_of_ours_are_followed_as_the_system_follows_them(shared: Path) -> None:
    (shared / "real").mkdir()
    (shared / "link").symlink_to("real")
    (shared / "absolute").symlink_to(shared / "link")
    (shared / "real/up").symlink_to("../link/../real/file")
    for name in ("absolute/up", "link/../link/./file", "real//file", "nowhere/at/all", "link", "../.."):
        assert followed(f"{shared}/{name}") == os.path.realpath(f"{shared}/{name}")
    assert followed("/") == "/"


def test_links_in_a_circle_are_an_error(shared: Path) -> None:
    (shared / "one").symlink_to("two")
    (shared / "two").symlink_to("one")
    with pytest.raises(OSError, match="Too many levels"):
        followed(f"{shared}/one/file")


@ROOT_ONLY
def test_a_link_that_another_user_put_into_a_shared_directory_is_refused(shared: Path, tmp_path: Path) -> None:
    (tmp_path / ".bashrc").touch()
    (shared / "token").symlink_to(tmp_path / ".bashrc")
    give_away(shared / "token")
    (tmp_path / "own").symlink_to(shared / "token")
    for path in (shared / "token", shared / "token/x", tmp_path / "own"):
        with pytest.raises(DeniedError, match=f"{shared}/token belongs to another user") as caught:
            followed(str(path))
        assert caught.value.hint


@ROOT_ONLY
def test_so_are_a_directory_of_theirs_and_a_link_in_it(shared: Path, tmp_path: Path) -> None:
    theirs = shared / "theirs"
    theirs.mkdir()
    (theirs / "token").symlink_to(tmp_path)
    for each in (theirs / "token", theirs):
        give_away(each)
    with pytest.raises(DeniedError, match=f"{theirs} belongs"):
        followed(f"{theirs}/file")
    shared.chmod(0o755)
    with pytest.raises(DeniedError, match=f"{theirs}/token belongs"):
        followed(f"{theirs}/token")


@ROOT_ONLY
def test_what_root_has_put_where_nobody_else_writes_is_followed_whoever_owns_it(shared: Path) -> None:
    (shared / "theirs").mkdir()
    (shared / "link").symlink_to("theirs")
    for name in ("theirs", "link"):
        give_away(shared / name)
    shared.chmod(0o755)
    assert followed(f"{shared}/link/file") == f"{shared}/theirs/file"
