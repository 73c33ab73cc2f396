from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix

from dsqltok import paths
from dsqltok.errors import DsqltokError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

linux = pytest.mark.skipif(sys.platform != "linux", reason="the XDG directories are Linux's")
VARIABLES = ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty home directory, and no XDG variable."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    directory = tmp_path / "home"
    directory.mkdir()
    monkeypatch.setenv("HOME", str(directory))
    return directory


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "run"
    directory.mkdir(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    return directory


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "platform", "darwin")
        yield


# --- where things are kept -------------------------------------------------------------------------------------------


@linux
@pytest.mark.usefixtures("home")
def test_the_run_time_directory_is_platformdirs_choice_where_the_session_has_one(run: Path) -> None:
    assert paths.runtime_dir() == Unix("dsqltok", appauthor=False).user_runtime_dir == f"{run}/dsqltok"


@linux
@pytest.mark.parametrize("mode", [0o755, 0o701, 0o770])
def test_a_run_time_directory_that_others_can_enter_is_not_used(home: Path, run: Path, mode: int) -> None:
    run.chmod(mode)
    assert paths.runtime_dir() in (f"/run/user/{os.getuid()}/dsqltok", f"{home}/.cache/dsqltok/run")


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a directory away")
def test_a_run_time_directory_of_somebody_else_is_not_used(home: Path, run: Path) -> None:
    os.chown(run, 1, 1)
    assert paths.runtime_dir() in (f"/run/user/{os.getuid()}/dsqltok", f"{home}/.cache/dsqltok/run")


@linux
@pytest.mark.parametrize("value", ["", "relative", "/nonexistent/run"])
def test_without_one_the_run_time_directory_is_the_system_s_or_in_the_cache(
    home: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", value)
    system = Path(f"/run/user/{os.getuid()}")
    private = system.is_dir() and system.stat().st_uid == os.getuid() and system.stat().st_mode & 0o077 == 0
    cache = Unix("dsqltok", appauthor=False).user_cache_dir
    assert cache == f"{home}/.cache/dsqltok"
    assert paths.runtime_dir() == (f"{system}/dsqltok" if private else f"{cache}/run")


@pytest.mark.usefixtures("mac")
def test_on_macos_the_run_time_directory_is_platformdirs_choice(home: Path) -> None:
    assert paths.runtime_dir() == MacOS("dsqltok", appauthor=False).user_runtime_dir
    assert paths.runtime_dir().startswith(f"{home}/Library/")


@pytest.mark.usefixtures("home")
def test_socket_and_lock_are_in_the_run_time_directory() -> None:
    assert paths.socket_path() == f"{paths.runtime_dir()}/dsqltokd.sock"
    assert paths.lock_path() == f"{paths.runtime_dir()}/dsqltokd.lock"


def test_configuration_and_state_are_where_platformdirs_says(home: Path) -> None:
    chosen = platformdirs.PlatformDirs("dsqltok", appauthor=False)
    assert paths.config_file() == f"{chosen.user_config_dir}/config.toml"
    assert paths.state_dir() == chosen.user_state_dir
    assert paths.log_file() == f"{chosen.user_state_dir}/dsqltokd.log"
    assert paths.state_dir().startswith(f"{home}/")


@linux
@pytest.mark.usefixtures("home")
def test_the_xdg_variables_move_configuration_and_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/elsewhere/config")
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere/state")
    assert paths.config_file() == "/elsewhere/config/dsqltok/config.toml"
    assert paths.state_dir() == "/elsewhere/state/dsqltok"


def test_without_home_the_home_directory_is_the_account_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    assert paths.home() == os.path.expanduser("~")
    monkeypatch.setenv("HOME", "")
    assert paths.home()


# --- which project ---------------------------------------------------------------------------------------------------


@pytest.fixture
def work(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a directory two levels below the home directory, and work there."""
    directory = home.resolve() / "src" / "app"
    directory.mkdir(parents=True)
    monkeypatch.chdir(directory)
    return directory


def project(directory: Path) -> str:
    path = directory / "atlas.hcl"
    path.touch()
    return str(path)


def test_no_project_is_found_where_there_is_none(work: Path) -> None:
    assert not (work / "atlas.hcl").exists()
    assert paths.find_project() is None


def test_the_project_of_the_working_directory_is_found(work: Path) -> None:
    assert paths.find_project() == project(work) or paths.find_project() == str(work / "atlas.hcl")


def test_a_project_above_is_found(work: Path) -> None:
    above = project(work.parent)
    assert paths.find_project() == above


def test_the_nearest_project_wins(work: Path) -> None:
    project(work.parent)
    nearest = project(work)
    assert paths.find_project() == nearest


def test_the_nearest_project_wins_though_it_leads_nowhere(work: Path) -> None:
    project(work.parent)
    (work / "atlas.hcl").symlink_to("/nonexistent")
    assert paths.find_project() == str(work / "atlas.hcl")


def test_a_project_in_the_home_directory_is_found(work: Path, home: Path) -> None:
    assert work.is_relative_to(home.resolve())
    found = project(home.resolve())
    assert paths.find_project() == found


@pytest.mark.usefixtures("work")
def test_the_search_ends_at_the_home_directory(home: Path) -> None:
    project(home.resolve().parent)
    assert paths.find_project() is None


def test_a_home_directory_that_is_a_link_ends_the_search_too(
    work: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert work.is_relative_to(home.resolve())
    link = home.parent / "link"
    link.symlink_to(home)
    monkeypatch.setenv("HOME", str(link))
    project(home.resolve().parent)
    assert paths.find_project() is None


def test_outside_the_home_directory_the_search_goes_on_upwards(
    work: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = home / "other"
    other.mkdir()
    monkeypatch.setenv("HOME", str(other))
    above = project(work.parent)
    assert paths.find_project() == above


@linux
def test_the_search_ends_at_a_file_system_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    # /proc is a file system of its own everywhere, and what is above it is not.
    looked_at: list[str] = []
    monkeypatch.chdir("/proc/self")
    monkeypatch.setenv("HOME", "/nonexistent")
    exists = os.path.lexists

    def note(path: str) -> bool:
        looked_at.append(path)
        return exists(path)

    monkeypatch.setattr(os.path, "lexists", note)
    assert paths.find_project() is None
    assert looked_at == [f"/proc/{os.getpid()}/atlas.hcl", "/proc/atlas.hcl"]


def test_a_working_directory_that_is_gone_has_no_project(work: Path) -> None:
    project(work.parent)
    work.rmdir()
    assert paths.find_project() is None


@pytest.mark.parametrize("given", ["sub/atlas.hcl", "./sub/atlas.hcl", "x/../sub/atlas.hcl", "file://sub/atlas.hcl"])
def test_a_relative_path_is_made_absolute_here(work: Path, given: str) -> None:
    assert paths.project_file(given) == str(work / "sub" / "atlas.hcl")


@pytest.mark.parametrize("given", ["/srv/atlas.hcl", "file:///srv/atlas.hcl", "/srv/x/../atlas.hcl"])
def test_an_absolute_path_is_taken(given: str) -> None:
    assert paths.project_file(given) == "/srv/atlas.hcl"


@pytest.mark.parametrize("given", ["https://example.com/atlas.hcl", "s3://bucket/atlas.hcl", "://x"])
def test_another_scheme_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="a path or file://path") as caught:
        paths.project_file(given)
    assert caught.value.hint


def test_a_relative_path_in_a_directory_that_is_gone_is_an_error_that_says_so(work: Path) -> None:
    work.rmdir()
    with pytest.raises(DsqltokError, match="working directory") as caught:
        paths.project_file("atlas.hcl")
    assert caught.value.hint
    assert paths.project_file("/srv/atlas.hcl") == "/srv/atlas.hcl"
