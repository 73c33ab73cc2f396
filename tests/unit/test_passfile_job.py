from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from dsqltok.errors import ConfigurationError, UnavailableError
from dsqltokd import passtext
from dsqltokd.worker import passfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OTHERS = b"db:5432:*:me:word"
LINE = passtext.line("h", "5432", "admin", "h/?Action=DbConnectAdmin&X-Amz-Signature=0f")
OURS = (passtext.with_lines(OTHERS, [("dsql", LINE)]) or b"").removesuffix(OTHERS)


class Edited(list[Any]):
    """Lines that have the user write to the file, for the first few times that the job comes to use them."""

    def __init__(self, edit: Callable[[], object], times: int = 1) -> None:
        super().__init__([("dsql", LINE)])
        self._edit = edit
        self._left = times

    def __iter__(self) -> Iterator[Any]:
        if self._left:
            self._left -= 1
            self._edit()
        return super().__iter__()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / ".pgpass"
    file.write_bytes(OTHERS)
    file.chmod(0o600)
    return file


def put(path: Path, lines: list[Any] | None = None) -> Any:
    return passfile.run({"path": str(path), "lines": [("dsql", LINE)] if lines is None else lines})


def test_what_the_user_saves_meanwhile_is_not_lost(path: Path) -> None:
    put(path, Edited(lambda: path.write_bytes(b"mine:1:*:me:new\n" + OTHERS)))
    assert path.read_bytes() == OURS + b"mine:1:*:me:new\n" + OTHERS


def test_a_file_that_appears_meanwhile_is_not_replaced(path: Path) -> None:
    users = path.rename(path.parent / "draft of the user's")
    put(path, Edited(lambda: users.rename(path)))
    assert path.read_bytes() == OURS + OTHERS


def test_a_file_that_somebody_else_replaces_all_the_time_is_left_to_him(path: Path) -> None:
    count = iter(range(1000))
    with pytest.raises(UnavailableError, match="changes all the time"):
        put(path, Edited(lambda: path.write_bytes(b"%d" % next(count)), times=1000))
    assert path.read_bytes().isdigit()
    assert os.listdir(path.parent) == [".pgpass"]


def test_nothing_is_written_where_all_is_as_it_is_to_be(path: Path) -> None:
    seen = put(path)["seen"]
    assert put(path)["seen"] == seen


def test_the_mode_stays_and_a_new_file_is_the_users_alone_whatever_the_umask(path: Path) -> None:
    path.chmod(0o700)
    put(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    path.unlink()
    before = os.umask(0)
    try:
        put(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_drafts_of_workers_that_were_killed_are_cleared_away_and_nothing_else_is(path: Path) -> None:
    for name in ("..pgpass.dsqltok-123", ".pgpass.dsqltok-mine", ".pgpass.bak"):
        (path.parent / name).write_bytes(b"")
    put(path)
    assert sorted(os.listdir(path.parent)) == [".pgpass", ".pgpass.bak", ".pgpass.dsqltok-mine"]


def test_they_are_cleared_away_where_the_file_itself_has_nothing_of_ours(path: Path) -> None:
    (path.parent / "..pgpass.dsqltok-123").write_bytes(b"")
    put(path, [])
    assert os.listdir(path.parent) == [".pgpass"]


def test_a_directory_with_the_name_of_a_draft_stops_neither_writing_nor_taking_out(path: Path) -> None:
    (path.parent / "..pgpass.dsqltok-123").mkdir()
    put(path)
    assert path.read_bytes() == OURS + OTHERS
    put(path, [])
    assert path.read_bytes() == OTHERS


def test_what_others_may_read_loses_what_is_ours(path: Path) -> None:
    put(path)
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="others may read"):
        put(path)
    assert path.read_bytes() == OTHERS
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_file_behind_symlinks_is_written_where_it_is_though_it_may_not_be_there_yet(path: Path) -> None:
    target, second = path.parent / "target", path.parent / "second"
    path.unlink()
    path.symlink_to("second")
    second.symlink_to("target")
    put(path)
    assert target.read_bytes().endswith(LINE.encode() + b"\n")
    put(path, [])
    assert not target.exists()
    assert path.is_symlink()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.mkdir(),
        os.mkfifo,
        lambda path: path.symlink_to("/dev/null"),
        lambda path: path.symlink_to("/nowhere/at/all"),
    ],
)
def test_to_take_out_what_cannot_be_there_is_done_at_once(spoil: Callable[[Path], object], path: Path) -> None:
    path.unlink()
    spoil(path)
    done = threading.Thread(target=put, args=(path, []), daemon=True)
    done.start()
    done.join(10)
    assert not done.is_alive()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.symlink_to(path.name), "too many levels"),
        (lambda path: path.symlink_to("/nowhere/at/all"), "no such file or directory"),
        (lambda path: path.symlink_to("/proc/sys/kernel/ostype.x"), "cannot write"),
    ],
)
def test_what_the_system_refuses_is_told_with_a_hint(spoil: Callable[[Path], object], message: str, path: Path) -> None:
    path.unlink()
    spoil(path)
    with pytest.raises(UnavailableError, match=message) as raised:
        put(path)
    assert raised.value.hint


def test_an_entry_is_refused_with_the_files_name(path: Path) -> None:
    path.write_bytes(b"[dsql]\n")
    with pytest.raises(ConfigurationError, match=f"^{path}: there is a service"):
        passfile.run({"path": str(path), "entry": "dsql", "values": {"host": "h"}})
    assert path.read_bytes() == b"[dsql]\n"
