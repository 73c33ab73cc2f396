"""`fileset` and `glob`, on directories in memory and on a disk. What is expected is what Go's libraries found."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dsqltokd.atlas import project_functions
from dsqltokd.atlas.functions import Directory
from dsqltokd.hcl import HclError, Scope, evaluate_expression, from_python, parse_expression, to_python
from dsqltokd.worker.projectfiles import ProjectFiles

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILES = ["x.sql", "ab.sql", ".hid", "a/y.sql", "a/b/z.sql", "a/b/c/w.sql", "d.x/1", "d.x/2.sql", "a/w*.sql", "é.txt"]


class Tree:
    """Directories in memory, and which of them were asked for."""

    def __init__(self) -> None:
        self._directories: dict[str, dict[str, bool | None]] = {"/": {"p": True}, "/p": {"nowhere": None}}
        self.asked: list[str] = []
        for file in FILES:
            path = "/p"
            *parents, name = file.split("/")
            for parent in parents:
                self._directories[path][parent] = True
                path = f"{path}/{parent}"
                self._directories.setdefault(path, {})
            self._directories[path][name] = False

    def entries(self, path: str) -> Mapping[str, bool | None] | None:
        self.asked.append(path)
        return self._directories.get(path)


def call(name: str, pattern: str, directory: Directory) -> list[str]:
    functions = project_functions(str, str, directory)
    scope = Scope({"pattern": from_python(pattern)}, functions)
    return list(to_python(evaluate_expression(parse_expression(f"{name}(pattern)".encode(), "f"), scope)))


def found(name: str, pattern: str) -> list[str]:
    """Return what matches, relative to the project."""
    return [path.removeprefix("/p/") for path in call(name, pattern, Directory("/p", Tree().entries))]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.sql", ["ab.sql", "x.sql"]),
        ("?.sql", ["x.sql"]),
        ("[^a-f]*.sql", ["x.sql"]),
        ("[a-f]*.s[p-r]l", ["ab.sql"]),
        (r"\x.sql", ["x.sql"]),
        (r"a/w\*.sql", ["a/w*.sql"]),
        ("*/*.sql", ["a/w*.sql", "a/y.sql", "d.x/2.sql"]),
        ("x.sql", ["x.sql"]),
        ("nowhere", ["nowhere"]),
        ("a/../x.sql", ["x.sql"]),
        ("/p/a/*", ["a/b", "a/w*.sql", "a/y.sql"]),
        ("no/*", []),
        (".h*", [".hid"]),
        ("é*", ["é.txt"]),
        ("[b-a]*", []),
    ],
)
def test_both_find_what_a_pattern_names_in_order(pattern: str, expected: list[str]) -> None:
    assert found("fileset", pattern) == found("glob", pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("**/*.sql", ["a/b/c/w.sql", "a/b/z.sql", "a/w*.sql", "a/y.sql", "d.x/2.sql", "ab.sql", "x.sql"]),
        ("a/**", ["a/b", "a/b/c", "a/b/c/w.sql", "a/b/z.sql", "a/w*.sql", "a/y.sql"]),
        ("**/c/*", ["a/b/c/w.sql"]),
        ("{a,d.x}/{y,2}.sql", ["a/y.sql", "d.x/2.sql"]),
        ("{a/b,d.x}/*.sql", ["a/b/z.sql", "d.x/2.sql"]),
        ("x{,y}.sql", ["x.sql"]),
        ("**/nowhere", ["nowhere"]),
    ],
)
def test_fileset_finds_in_directories_below_and_by_alternatives(pattern: str, expected: list[str]) -> None:
    assert found("fileset", pattern) == expected


def test_glob_takes_two_stars_for_one_and_braces_for_names() -> None:
    assert found("glob", "**/*.sql") == ["a/w*.sql", "a/y.sql", "d.x/2.sql"]
    assert found("glob", "{a,d.x}/*") == []


@pytest.mark.parametrize("name", ["fileset", "glob"])
@pytest.mark.parametrize("pattern", ["[", "[a", "[]", "[a-]", "[-a]", "x[a-z"])
def test_a_malformed_pattern_is_a_mistake(name: str, pattern: str) -> None:
    with pytest.raises(HclError, match="the pattern has a syntax error"):
        found(name, pattern)


def test_nothing_is_looked_into_but_where_the_pattern_leads() -> None:
    tree = Tree()
    call("fileset", "a/b/*.sql", Directory("/p", tree.entries))
    assert tree.asked == ["/p/a/b", "/p/a/b"]


def test_without_a_directory_there_are_no_such_functions() -> None:
    assert {"fileset", "glob"}.isdisjoint(project_functions(str, str))


# --- on a disk -----------------------------------------------------------------------------------------------------


def opened(path: Path, texts: Mapping[str, str] | None = None) -> ProjectFiles:
    return ProjectFiles(str(path / "atlas.hcl"), texts)


def look(files: ProjectFiles, pattern: str) -> list[str]:
    return call("fileset", pattern, Directory(files.directory, files.entries))


def test_directories_are_noted_so_that_a_new_file_is_a_change(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.sql").touch()
    files = opened(tmp_path)
    assert look(files, "**/*.sql") == [str(tmp_path / "sub" / "a.sql")]
    assert set(files.seen) == {str(tmp_path), str(tmp_path / "sub")}
    before = dict(files.seen)
    (tmp_path / "sub" / "b.sql").touch()
    again = opened(tmp_path)
    look(again, "**/*.sql")
    assert [path for path, seen in before.items() if again.seen[path] != seen] == [str(tmp_path / "sub")]


def test_a_later_job_is_told_what_was_there_and_does_not_look(tmp_path: Path) -> None:
    (tmp_path / "a.sql").touch()
    first = opened(tmp_path)
    expected = look(first, "*.sql")
    (tmp_path / "a.sql").unlink()
    later = opened(tmp_path, first.texts)
    assert look(later, "*.sql") == expected
    assert look(later, "no/*.sql") == []
    assert not later.seen


def test_a_link_counts_for_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.sql").touch()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "broken").symlink_to("nowhere")
    assert look(opened(tmp_path), "**/*.sql") == [str(tmp_path / name / "a.sql") for name in ("link", "real")]
    assert look(opened(tmp_path), "b*") == [str(tmp_path / "broken")]


def test_a_pattern_that_leads_all_over_the_disk_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(".")
    for number in range(30):
        os.mkdir(tmp_path / str(number))
    with pytest.raises(HclError, match="more than 1000 directories"):
        look(opened(tmp_path), "**/*.sql")
