"""`dsqltok ide`: what it prints is right, its commands work outside of any shell, and the recipes say the same."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from typing import TYPE_CHECKING

import pytest

import recipes
from desk import ACCESS_KEY_ID, BIN, secrets_in
from desks import HOST
from viaproxy import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from desk import Desk

IDES = ("datagrip", "dbeaver", "pgadmin", "vscode", "tableplus", "postico")
BY_COMMAND = ("pgadmin", "tableplus", "postico")
BY_PASSFILE = ("datagrip", "dbeaver", "vscode")
ODD = 'it\'s "odd" $HOME `id` %HOSTNAME% ünd so'
OTHER_KEY = "AKIAI44QH8DHBEXAMPLE"
PROFILES = "[default]\naws_access_key_id = {}\n{key}\n[prod]\naws_access_key_id = {}\n{key}\n"


@pytest.fixture
def odd(desk: Desk, example: Callable[[str], str]) -> Path:
    """Put a project into a directory with a name that no shell takes as it is, and a profile into the AWS files."""
    desk.aws(credentials=PROFILES.format(ACCESS_KEY_ID, OTHER_KEY, key="aws_secret_access_key = x"))
    return desk.write(desk.work / ODD / "atlas.hcl", example("admin")).parent


@contextlib.contextmanager
def nothing_but_home(desk: Desk) -> Iterator[dict[str, None]]:
    """Give the changes that leave HOME alone of the desk's environment; a daemon that starts there is ended."""
    changes = dict.fromkeys(name for name in desk.environment if name != "HOME")
    try:
        yield changes
    finally:
        desk.run(str(BIN / "dsqltok"), "stop", env=changes)


def command_in(text: str, word: str = "get") -> str:
    """Return the command of ours that is shown."""
    found = re.search(rf"(?:^|  )((?:env .*)?\S*/dsqltok {word} .*)$", text, re.MULTILINE)
    assert found, text
    return found[1]


@pytest.mark.parametrize("ide", BY_COMMAND)
def test_the_command_that_is_shown_gives_a_token_in_an_empty_environment(ide: str, desk: Desk, odd: Path) -> None:
    shown = desk.dsqltok("ide", ide, "dsql", cwd=odd, env={"AWS_PROFILE": "prod", "AWS_CONFIG_FILE": "../con fig"})
    assert (shown.returncode, shown.stderr) == (0, "")
    assert not secrets_in(shown.stdout)
    command = command_in(shown.stdout)
    assert f"env 'AWS_CONFIG_FILE={desk.work}/con fig' AWS_PROFILE=prod {BIN}/dsqltok" in command
    if ide == "pgadmin":
        assert "%HOSTNAME%" not in command  # which it would replace
    with nothing_but_home(desk) as changes:
        done = desk.run("sh", "-c", command, cwd=desk.root, env=changes)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{HOST}/?Action=DbConnectAdmin")
    assert OTHER_KEY in done.stdout


@pytest.mark.parametrize("ide", BY_PASSFILE)
def test_a_program_that_runs_no_command_has_its_passfile_kept(ide: str, desk: Desk, odd: Path) -> None:
    shown = desk.ok("ide", ide, "dsql", cwd=odd)
    assert not secrets_in(shown)
    expected = [str(BIN / "dsqltok"), "pgpass", "enable", "dsql", "--config", str(odd / "atlas.hcl")]
    assert shlex.split(command_in(shown, "pgpass")) == expected
    elsewhere = desk.dsqltok("ide", ide, "dsql", cwd=odd, env={"PGPASSFILE": "/elsewhere"}).stdout
    assert shlex.split(command_in(elsewhere, "pgpass")) == ["env", "-u", "PGPASSFILE", *expected]


def test_a_name_that_looks_like_an_option_is_none_in_any_command(desk: Desk, odd: Path) -> None:
    text = (odd / "atlas.hcl").read_text()
    desk.write(odd / "atlas.hcl", text.replace('env "dsql"', 'env "--json"'))
    token = command_in(desk.ok("ide", "tableplus", "--env=--json", cwd=odd))
    assert desk.run("sh", "-c", token).stdout.startswith(f"{HOST}/?")
    shown = desk.ok("ide", "vscode", "--env=--json", cwd=odd)
    assert desk.run("sh", "-c", command_in(shown, "pgpass")).stdout.endswith("kept fresh for --json\n")
    leads_to(desk, command_in(shown, "proxy"), "--json")


def test_the_command_for_a_terminal_runs_the_proxy_of_the_env(desk: Desk, odd: Path) -> None:
    leads_to(desk, command_in(desk.ok("ide", "vscode", "dsql", cwd=odd), "proxy"), "dsql")


def test_the_recipe_for_any_other_program_runs_the_proxy(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    leads_to(desk, recipes.code("proxy", "sh").strip(), "dsql")


def leads_to(desk: Desk, command: str, env: str) -> None:
    """Hold that a command runs a proxy for an env; the port is one that is free here."""
    port = free_port()
    with desk.begin("sh", "-c", f"exec {command} --port {port}") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"127.0.0.1:{port} leads to {env}\n"
        process.terminate()


def test_the_file_for_pgadmin_holds_the_env_and_a_command_that_gives_a_token(desk: Desk, odd: Path) -> None:
    shown = desk.ok("ide", "pgadmin", "--write", "s.json", cwd=odd)
    written = odd / "s.json"
    assert str(written) in shown
    assert written.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in odd.iterdir() if path.name.startswith(".")] == []
    assert not secrets_in(written.read_text())
    (server,) = json.loads(written.read_text())["Servers"].values()
    assert (server["Host"], server["Port"], server["Username"], server["MaintenanceDB"]) == (
        HOST,
        5432,
        "admin",
        "postgres",
    )
    assert server["ConnectionParameters"]["sslmode"] == "require"
    assert 0 < server["PasswordExecExpiration"] < 300  # the least life of a token that is served
    with nothing_but_home(desk) as changes:
        done = desk.run("sh", "-c", server["PasswordExecCommand"], cwd=desk.root, env=changes)
    assert ACCESS_KEY_ID in done.stdout


def test_a_file_that_is_there_is_left_as_it_is(desk: Desk, odd: Path) -> None:
    mine = desk.write(odd / "mine.json", "mine")
    (odd / "dangling").symlink_to(odd / "nowhere")
    for name in ("mine.json", "dangling"):
        done = desk.dsqltok("ide", "pgadmin", "--write", name, cwd=odd)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{name} is there already" in done.stderr
    assert mine.read_text() == "mine"
    assert {path.name for path in odd.iterdir()} == {"atlas.hcl", "mine.json", "dangling"}


def test_a_file_that_cannot_be_written_is_told(desk: Desk, odd: Path) -> None:
    done = desk.dsqltok("ide", "pgadmin", "--write", "not/there.json", cwd=odd)
    assert (done.returncode, done.stdout) == (2, "")
    assert "/not/there.json: no such file or directory\nhint: " in done.stderr


def test_a_secret_is_put_into_no_command_and_its_lack_is_told(desk: Desk, odd: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": OTHER_KEY, "AWS_SECRET_ACCESS_KEY": "c4n4ry", "HTTPS_PROXY": "http://me:c4n4ry@there"}
    done = desk.dsqltok("ide", "tableplus", "dsql", cwd=odd, env={**keys, "AWS_REGION": "us-east-1"})
    assert "env AWS_REGION=us-east-1 /" in done.stdout
    assert "c4n4ry" not in done.stdout + done.stderr
    assert "TablePlus will not have AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, HTTPS_PROXY" in done.stderr


def test_what_the_project_reads_from_the_environment_is_named_and_never_shown(desk: Desk) -> None:
    desk.project(
        f'data "aws_dsql_token" "db" {{\n  endpoint = getenv("ENDPOINT")\n  admin = getenv("C4N4RY") == "c4n4ry"\n}}\n'
        f'env "dsql" {{\n  url = "postgres://admin:${{urlescape(data.aws_dsql_token.db)}}@{HOST}?sslmode=require"\n}}\n'
    )
    done = desk.dsqltok("ide", "postico", env={"ENDPOINT": HOST, "C4N4RY": "c4n4ry"})
    assert "Postico will not have C4N4RY, ENDPOINT, which the project reads with getenv()" in done.stderr
    assert "c4n4ry" not in done.stdout + done.stderr


def test_an_added_project_is_named_with_its_variables(desk: Desk, odd: Path) -> None:
    text = (odd / "atlas.hcl").read_text()
    desk.write(odd / "atlas.hcl", text + 'variable "v" {\n  type = string\n}\n')
    desk.ok("projects", "add", "--var", "v=a b", cwd=odd)
    (desk.work / "atlas.hcl").unlink()
    words = shlex.split(command_in(desk.ok("ide", "postico", "dsql")))
    assert words[1:] == ["get", "-n", "dsql", "--config", str(odd / "atlas.hcl"), "--var", "v=a b"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("dsql",), 'there is no ide "dsql"\nhint: use datagrip, dbeaver, pgadmin, postico, tableplus or vscode'),
        ((), "which ide?\nhint: such as dsqltok ide pgadmin NAME; or datagrip, dbeaver, pgadmin, postico, tableplus, "),
        (("vscode", "--write", "x"), "there is no file that VS Code could import\nhint: "),
        (("pgadmin", "prod"), 'env "prod" is not defined in '),
        (("pgadmin", "bare"), 'env "bare" has no aws_dsql_token in its url'),
    ],
)
def test_what_cannot_be_shown_is_told(words: tuple[str, ...], told: str, desk: Desk) -> None:
    desk.project(
        f'data "aws_dsql_token" "other" {{\n  endpoint = "{HOST}"\n  admin = true\n}}\n'
        'env "bare" {\n  url = "postgres://localhost/postgres"\n}\n'
    )
    done = desk.dsqltok("ide", *words)
    assert done.returncode > 1
    assert done.stdout == ""
    assert told in done.stderr


def test_a_line_that_no_field_takes_is_refused(desk: Desk, odd: Path) -> None:
    done = desk.dsqltok("ide", "postico", "dsql", cwd=odd, env={"AWS_PAGER": "a\nb"})
    assert (done.returncode, done.stdout) == (2, "")
    assert "has a character in it that cannot be printed" in done.stderr


@pytest.mark.parametrize("ide", IDES)
def test_the_recipe_shows_what_is_printed_for_the_example(ide: str, desk: Desk, example: Callable[[str], str]) -> None:
    def shown(text: str) -> str:
        return text.replace(str(desk.work), "/home/me/app").replace(str(BIN), "/home/me/.local/bin")

    example("admin")
    printed = [shown(desk.ok("ide", ide, "dsql"))]
    if ide == "pgadmin":
        printed.append(shown(desk.ok("ide", ide, "dsql", "--write", "servers.json")))
        assert recipes.code(ide, "json") == shown((desk.work / "servers.json").read_text())
    assert recipes.blocks(ide, "text") == printed
