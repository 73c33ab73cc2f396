"""An edit of atlas.hcl or of the AWS files is served within a second; a broken one keeps what was good."""

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
A_SECOND = 4.0  # on a busy machine; without events it would be up to five


def seen(desk: Desk, text: str, *arguments: str, env: Mapping[str, str] | None = None) -> float:
    """Return after how many seconds `get` prints a token with `text` in it."""
    return eventually(lambda: text in desk.ok("get", *arguments, env=env), f"{text} in the token")


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
def test_an_edit_of_the_project_is_served_within_a_second(
    save: Callable[[Path, str], None], desk: Desk, example: Callable[[str], str]
) -> None:
    text = example("admin")
    assert OTHER not in desk.ok("get")
    save(desk.work / "atlas.hcl", text.replace("cluster-id", "other-id"))
    assert seen(desk, OTHER) < A_SECOND


def test_an_edit_behind_a_symlink_is_served_within_a_second(desk: Desk, example: Callable[[str], str]) -> None:
    text = example("admin")
    dotfiles = desk.root / "dotfiles"
    real = desk.write(dotfiles / "project.hcl", text)
    link = desk.work / "atlas.hcl"
    link.unlink()
    link.symlink_to(real)
    assert OTHER not in desk.ok("get")
    atomically(real, text.replace("cluster-id", "other-id"))
    assert seen(desk, OTHER) < A_SECOND


def test_a_symlink_that_is_swapped_is_served_within_a_second(desk: Desk, example: Callable[[str], str]) -> None:
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
    assert seen(desk, OTHER) < A_SECOND


def test_an_edit_of_a_file_that_the_project_reads_is_served_within_a_second(desk: Desk) -> None:
    desk.project('data "aws_dsql_token" "db" {\n  endpoint = file("endpoint.txt")\n}\n')
    desk.write(desk.work / "endpoint.txt", "cluster-id.dsql.us-east-1.on.aws")
    assert OTHER not in desk.ok("get", "--data", "db")
    desk.write(desk.work / "endpoint.txt", OTHER)
    assert seen(desk, OTHER, "--data", "db") < A_SECOND


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


def test_new_keys_in_the_credentials_file_sign_within_a_second(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    assert OTHER_KEY not in desk.ok("get")
    desk.aws(credentials=f"[default]\naws_access_key_id = {OTHER_KEY}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n")
    assert seen(desk, OTHER_KEY) < A_SECOND


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
    assert seen(desk, OTHER_KEY, env=environment) < A_SECOND


def test_credentials_that_were_missing_are_found_once_they_are_written(
    desk: Desk, example: Callable[[str], str]
) -> None:
    example("admin")
    os.rename(desk.home / ".aws", desk.home / "aws-later")
    assert desk.dsqltok("get").returncode == 5
    os.rename(desk.home / "aws-later", desk.home / ".aws")
    assert eventually(lambda: desk.dsqltok("get").returncode == 0, "a token") < A_SECOND
