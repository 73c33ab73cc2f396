"""An edit of atlas.hcl or of the AWS files is served at once; a broken one keeps what was good.

How soon that is on an idle machine promises/test_files.py holds, by the middle of many. Here an edit that is served at
all was told of by an event: where these are granted, a file is looked at without one every five minutes only.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from desk import SECRET_ACCESS_KEY, eventually
from standin import people

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from desk import Desk

OTHER = "other-id.dsql.us-east-1.on.aws"
OTHER_KEY = "AKIAI44QH8DHBEXAMPLE"


def is_seen(desk: Desk, text: str, *arguments: str, env: Mapping[str, str] | None = None) -> None:
    """Wait until `get` prints a token with `text` in it, told of by an event."""
    eventually(lambda: text in desk.ok("get", *arguments, env=env), f"{text} in the token")
    assert desk.status()["watching"] == "by events"


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def atomically(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(text)
    people.ordinary().own(draft)
    draft.replace(path)


def after_removing(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)
    people.ordinary().own(path)


@pytest.mark.parametrize("save", [in_place, atomically, after_removing])
def test_an_edit_of_the_project_is_served_at_once(
    save: Callable[[Path, str], None], desk: Desk, example: Callable[[str], str]
) -> None:
    text = example("admin")
    assert OTHER not in desk.ok("get")
    save(desk.work / "atlas.hcl", text.replace("cluster-id", "other-id"))
    is_seen(desk, OTHER)


def test_an_edit_behind_a_symlink_is_served_at_once(desk: Desk, example: Callable[[str], str]) -> None:
    text = example("admin")
    dotfiles = desk.root / "dotfiles"
    real = desk.write(dotfiles / "project.hcl", text)
    link = desk.work / "atlas.hcl"
    link.unlink()
    link.symlink_to(real)
    assert OTHER not in desk.ok("get")
    atomically(real, text.replace("cluster-id", "other-id"))
    is_seen(desk, OTHER)


def test_a_symlink_that_is_swapped_is_served_at_once(desk: Desk, example: Callable[[str], str]) -> None:
    text = example("admin")
    old = desk.write(desk.root / "versions/1/atlas.hcl", text)
    new = desk.write(desk.root / "versions/2/atlas.hcl", text.replace("cluster-id", "other-id"))
    link = desk.work / "atlas.hcl"
    link.unlink()
    link.symlink_to(old)
    assert OTHER not in desk.ok("get")
    swap = desk.work / "swap"
    swap.symlink_to(new)
    swap.replace(link)
    is_seen(desk, OTHER)


def test_an_edit_of_a_file_that_the_project_reads_is_served_at_once(desk: Desk) -> None:
    desk.project('data "aws_dsql_token" "db" {\n  endpoint = file("endpoint.txt")\n}\n')
    desk.write(desk.work / "endpoint.txt", "cluster-id.dsql.us-east-1.on.aws")
    assert OTHER not in desk.ok("get", "--data", "db")
    desk.write(desk.work / "endpoint.txt", OTHER)
    is_seen(desk, OTHER, "--data", "db")


def test_a_broken_edit_keeps_the_last_good_project_and_says_so(desk: Desk, example: Callable[[str], str]) -> None:
    text = example("admin")
    token, url = desk.ok("get"), desk.ok("url")
    desk.project(text.replace("admin    = true", "admin    = "))
    eventually(lambda: any(project["error"] for project in desk.status()["projects"]), "the status tells")
    broken = desk.dsqltok("get")
    assert (broken.returncode, broken.stdout) == (0, token)
    assert "warning: " in broken.stderr
    assert f"{desk.work}/atlas.hcl:8:" in broken.stderr
    assert desk.ok("url") == url
    assert any("last good" in project["state"] for project in desk.status()["projects"])
    desk.project(text)
    eventually(lambda: desk.dsqltok("get").stderr == "", "the warning is gone")
    assert not any(project["error"] for project in desk.status()["projects"])


def test_new_keys_in_the_credentials_file_sign_at_once(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    assert OTHER_KEY not in desk.ok("get")
    desk.aws(credentials=f"[default]\naws_access_key_id = {OTHER_KEY}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n")
    is_seen(desk, OTHER_KEY)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("AWS_SHARED_CREDENTIALS_FILE", "[default]\naws_access_key_id = {}\naws_secret_access_key = x\n"),
        ("AWS_CONFIG_FILE", "[profile app]\naws_access_key_id = {}\naws_secret_access_key = x\n"),
    ],
)
def test_aws_files_named_by_the_environment_are_followed_too(
    variable: str, text: str, desk: Desk, example: Callable[[str], str]
) -> None:
    example("admin")
    path = desk.root / "elsewhere" / "aws"
    environment = {variable: str(path), "AWS_PROFILE": "app" if variable == "AWS_CONFIG_FILE" else "default"}
    desk.write(path, text.format("AKIAIOSFODNN7FIRST00"))
    assert "AKIAIOSFODNN7FIRST00" in desk.ok("get", env=environment)
    desk.write(path, text.format(OTHER_KEY))
    is_seen(desk, OTHER_KEY, env=environment)


def test_credentials_that_were_missing_are_found_once_they_are_written(
    desk: Desk, example: Callable[[str], str]
) -> None:
    example("admin")
    os.rename(desk.home / ".aws", desk.home / "aws-later")
    assert desk.dsqltok("get").returncode == 5
    os.rename(desk.home / "aws-later", desk.home / ".aws")
    eventually(lambda: desk.dsqltok("get").returncode == 0, "a token")
    assert desk.status()["watching"] == "by events"
