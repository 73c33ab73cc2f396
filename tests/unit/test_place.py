"""The place of the one daemon: real directories, locks and sockets. Two `Place`s here are as good as two processes."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dsqltok import paths
from dsqltok.errors import ConfigurationError, UnavailableError
from dsqltokd.place import Place, Standing, answers

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="macOS keeps the socket at a place of its own")

DAEMON = """
from dsqltokd.place import Place
place = Place()
assert place.enter(0)
listener = place.bind()
print("ok", flush=True)
input()
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a run-time directory with a path short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="dt") as directory:
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        yield Path(directory)


@pytest.fixture
def path(run: Path) -> Path:
    return run / "dsqltok" / "dsqltokd.sock"


@pytest.fixture
def place(run: Path) -> Place:
    assert paths.runtime_dir() == f"{run}/dsqltok"
    made = Place()
    assert made.enter(0)
    return made


@pytest.fixture
def daemon(run: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds the place."""
    assert run.is_dir()
    command = [sys.executable, "-c", DAEMON]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ok\n"
        yield process
        process.kill()


def test_the_directory_is_made_for_its_owner_alone_whatever_the_umask(run: Path) -> None:
    old = os.umask(0)
    try:
        assert Place().enter(0)
    finally:
        os.umask(old)
    assert stat.S_IMODE((run / "dsqltok").stat().st_mode) == 0o700
    assert stat.S_IMODE((run / "dsqltok" / "dsqltokd.lock").stat().st_mode) == 0o600


def test_who_binds_can_be_reached(place: Place, path: Path) -> None:
    assert not answers(str(path))
    with place.bind():
        assert answers(str(path))
        assert place.standing() is Standing.OURS


def test_a_second_daemon_gives_way_to_one_that_serves(place: Place) -> None:
    with place.bind():
        assert not Place().enter(0)
        assert place.standing() is Standing.OURS


def test_one_that_holds_the_lock_and_does_not_serve_is_an_error_with_a_hint(place: Place) -> None:
    assert place.holds()
    with pytest.raises(UnavailableError, match="holds the lock and does not serve") as caught:
        Place().enter(0)
    assert "fuser" in caught.value.hint


def test_the_lock_goes_with_the_process_and_its_stale_socket_is_replaced(
    daemon: subprocess.Popen[str], path: Path
) -> None:
    assert not Place().enter(0)
    daemon.kill()
    daemon.wait()
    assert path.is_socket()
    place = Place()
    assert place.enter(0)
    with place.bind():
        assert answers(str(path))


def test_a_starting_daemon_waits_for_the_one_that_is_leaving(daemon: subprocess.Popen[str], path: Path) -> None:
    path.unlink()  # it holds the lock and serves no more
    with ThreadPoolExecutor(1) as pool:
        entering = pool.submit(Place().enter, 30.0)
        daemon.kill()
        assert entering.result(30)


def test_a_socket_that_somebody_serves_is_never_stolen(place: Place, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(UnavailableError, match="something else serves"):
            place.bind()
        assert answers(str(path))
        assert place.standing() is Standing.TAKEN


def test_one_that_is_too_busy_to_accept_counts_as_serving(place: Place, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen(0)
        waiting = []
        try:
            while True:
                waiting.append(socket.socket(socket.AF_UNIX))
                waiting[-1].setblocking(False)
                waiting[-1].connect(str(path))
        except BlockingIOError:
            assert answers(str(path))
            with pytest.raises(UnavailableError, match="something else serves"):
                place.bind()
        finally:
            for each in waiting:
                each.close()


def test_a_file_in_the_place_of_the_socket_is_replaced(place: Place, path: Path) -> None:
    path.write_text("left by something")
    with place.bind():
        assert path.is_socket()


def test_a_socket_that_is_gone_is_noticed_and_can_be_made_again(place: Place, path: Path) -> None:
    with place.bind():
        path.unlink()
        assert place.standing() is Standing.GONE
        with place.bind():
            assert place.standing() is Standing.OURS
            assert answers(str(path))


def test_who_leaves_takes_its_socket_along(place: Place, path: Path) -> None:
    with place.bind():
        place.leave()
    assert not path.exists()


def test_who_leaves_does_not_take_another_s_socket_along(place: Place, path: Path) -> None:
    with place.bind(), socket.socket(socket.AF_UNIX) as other:
        path.unlink()
        other.bind(str(path))
        place.leave()
        assert path.exists()


def test_a_lock_that_was_removed_or_replaced_guards_nothing(place: Place) -> None:
    lock = Path(paths.lock_path())
    lock.unlink()
    assert not place.holds()
    lock.touch()
    assert not place.holds()
    assert Place().enter(0)


def test_a_lock_that_leads_elsewhere_is_refused(run: Path) -> None:
    (run / "dsqltok").mkdir(0o700)
    Path(paths.lock_path()).symlink_to(run / "elsewhere")
    with pytest.raises(ConfigurationError, match="cannot open"):
        Place().enter(0)
    assert not (run / "elsewhere").exists()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_directory_that_others_can_enter_is_refused_and_left_as_it_is(run: Path, mode: int) -> None:
    directory = run / "dsqltok"
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(ConfigurationError, match="not a directory of yours alone") as caught:
        Place().enter(0)
    assert f"chmod 700 {directory}" in caught.value.hint
    assert stat.S_IMODE(directory.stat().st_mode) == mode
    assert os.listdir(directory) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a directory away")
def test_a_directory_of_somebody_else_is_refused(run: Path) -> None:
    (run / "dsqltok").mkdir(0o700)
    os.chown(run / "dsqltok", 1, 1)
    with pytest.raises(ConfigurationError, match="not a directory of yours alone"):
        Place().enter(0)


def test_a_link_in_the_place_of_the_directory_is_refused(run: Path) -> None:
    (run / "real").mkdir(0o700)
    (run / "dsqltok").symlink_to(run / "real")
    with pytest.raises(ConfigurationError, match="not a directory of yours alone"):
        Place().enter(0)


def test_a_file_in_the_place_of_the_directory_is_refused(run: Path) -> None:
    (run / "dsqltok").touch(0o600)
    with pytest.raises(ConfigurationError):
        Place().enter(0)


def test_a_path_too_long_for_a_socket_is_an_error_that_says_what_to_set(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = run / ("d" * 100)
    deep.mkdir(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    place = Place()
    assert place.enter(0)
    with pytest.raises(UnavailableError, match="cannot listen") as caught:
        place.bind()
    assert "XDG_RUNTIME_DIR" in caught.value.hint
