from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from dsqltok.errors import ConfigurationError, UnavailableError
from dsqltokd.registry import Added, Registry

if TYPE_CHECKING:
    from pathlib import Path

APP = Added("/home/me/app/atlas.hcl", ("tenant=a",))
SHOP = Added("/home/me/shop/atlas.hcl")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "projects.json"


def test_without_a_file_there_are_no_projects(path: Path) -> None:
    assert Registry(str(path)).projects == ()
    assert not path.exists()


def test_what_one_daemon_adds_the_next_one_knows(path: Path) -> None:
    registry = Registry(str(path))
    registry.add(APP)
    registry.add(SHOP)
    assert registry.projects == (APP, SHOP)
    assert Registry(str(path)).projects == (APP, SHOP)


def test_adding_a_project_again_replaces_its_variables(path: Path) -> None:
    registry = Registry(str(path))
    registry.add(APP)
    registry.add(SHOP)
    registry.add(Added(APP.config, ("tenant=b",)))
    assert Registry(str(path)).projects == (SHOP, Added(APP.config, ("tenant=b",)))


def test_a_project_is_forgotten_once(path: Path) -> None:
    registry = Registry(str(path))
    registry.add(APP)
    assert registry.remove(APP.config)
    assert not registry.remove(APP.config)
    assert Registry(str(path)).projects == ()


def test_a_path_of_any_bytes_is_kept(path: Path) -> None:
    odd = Added(os.fsdecode(b"/home/me/\xff\n/atlas.hcl"), ("a=\udcff", "b=ü"))
    Registry(str(path)).add(odd)
    assert Registry(str(path)).projects == (odd,)


def test_the_file_is_for_its_owner_alone_whatever_was_there_and_whatever_the_umask(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"version": 1, "projects": []}')
    path.chmod(0o644)
    old = os.umask(0)
    try:
        Registry(str(path)).add(APP)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_directory_that_is_made_for_it_is_for_its_owner_alone(path: Path) -> None:
    old = os.umask(0)
    try:
        Registry(str(path)).add(APP)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_reader_sees_the_old_file_or_the_new_one_and_nothing_else_is_left(path: Path) -> None:
    registry = Registry(str(path))
    registry.add(APP)
    with path.open(encoding="utf-8") as before:
        registry.add(SHOP)
        assert len(json.load(before)["projects"]) == 1  # what was open is not written into
    assert len(json.loads(path.read_text())["projects"]) == 2
    assert os.listdir(path.parent) == ["projects.json"]


def test_a_change_that_cannot_be_written_does_not_count(path: Path) -> None:
    registry = Registry(str(path))
    registry.add(APP)
    text = path.read_text()
    moved = path.parent.rename(path.parent.with_name("moved"))
    path.parent.write_text("in the way")
    with pytest.raises(UnavailableError, match="cannot write") as caught:
        registry.add(SHOP)
    assert caught.value.hint
    assert registry.projects == (APP,)
    assert (moved / path.name).read_text() == text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"{}",
        b"\xff",
        b'{"version": 1}',
        b'{"version": 1, "projects": [1]}',
        b'{"version": 1, "projects": [{"config": "/a"}]}',
        b'{"version": 1, "projects": [{"config": "/a", "variables": 1}]}',
        b"[" * 100_000,
    ],
    ids=lambda content: content[:20],
)
def test_a_damaged_file_is_an_error_that_says_what_to_do_and_the_file_stays(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    registry = Registry(str(path))
    for ask in (lambda: registry.projects, lambda: registry.add(Added("/b")), lambda: registry.remove("/a")):
        with pytest.raises(ConfigurationError, match=r"projects\.json cannot be read") as caught:
            ask()
        assert "move it away" in caught.value.hint
    assert path.read_bytes() == content


def test_a_file_of_a_newer_version_is_not_overwritten(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"version": 2, "projects": []}')
    with pytest.raises(ConfigurationError, match="newer dsqltok"):
        Registry(str(path)).add(Added("/b"))


def test_what_was_allowed_is_kept_by_project_and_ends_with_it(path: Path) -> None:
    registry = Registry(str(path))
    registry.allow(APP.config, ["a"])
    registry.allow(APP.config, ["b", "a"])
    registry.allow(SHOP.config, ["c"])
    registry.add(SHOP)
    again = Registry(str(path))
    assert (again.allowed(APP.config), again.allowed(SHOP.config)) == (("b", "a"), ("c",))
    assert again.remove(APP.config)
    assert (again.allowed(APP.config), again.allowed(SHOP.config)) == ((), ("c",))


def test_of_very_many_those_that_were_allowed_last_are_remembered(path: Path) -> None:
    registry = Registry(str(path))
    registry.allow(APP.config, map(str, range(64)))
    registry.allow(APP.config, ["new", "0"])
    assert {"new", "0", "63"} <= set(registry.allowed(APP.config))
    assert len(registry.allowed(APP.config)) == 64


def test_what_could_not_all_be_remembered_is_not_allowed_in_part(path: Path) -> None:
    registry = Registry(str(path))
    with pytest.raises(ConfigurationError, match="names 1000 programs"):
        registry.allow(APP.config, map(str, range(1000)))
    assert registry.allowed(APP.config) == ()


def test_what_a_killed_daemon_had_begun_to_write_is_cleared_away_and_nothing_else(path: Path) -> None:
    Registry(str(path)).add(APP)
    (path.parent / ".projects.json.dsqltok-4711").write_text('{"version": 1, "proj')
    kept = {path, path.parent / "projects.json.bak", path.parent / ".other.json.dsqltok-4711"}
    for each in kept - {path}:
        each.touch()
    assert Registry(str(path)).projects == (APP,)
    assert set(path.parent.iterdir()) == kept
