"""`dsqltok pgpass`: the daemon keeps a passfile fresh, and clients log in by nothing else."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

import recipes
from desk import ACCESS_KEY_ID, BIN, SECRET_ACCESS_KEY, eventually
from desks import HOST
from standin import mirror, people

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from desk import Desk
    from standin.endpoint import DsqlStandin
    from standin.steps import Steps

CONNECTS = f"""
import psycopg, sys
where = f"host={HOST} port={{sys.argv[1]}} user=admin dbname=postgres sslmode=verify-full"
print(psycopg.connect(where).execute("select current_user").fetchone()[0])
"""
OTHERS = b"# mine\r\ndb.example:5432:*:me:its\\:word\r\n\xff\xfe:5432:a:b:c\n\nlast:1:*:me:no newline"


@pytest.fixture
def home(reachable: Desk) -> Iterator[Desk]:
    """Give a desk that leads to the stand-in, whose daemon ends before the test bed does."""
    yield reachable
    reachable.close()


def passfile(desk: Desk) -> Path:
    return desk.home / ".pgpass"


def stored(desk: Desk) -> Path:
    """Return where what is enabled is kept."""
    return desk.home / ".local/state/dsqltok/pgpass.json"


def lay(desk: Desk, content: bytes, mode: int = 0o600, path: Path | None = None) -> Path:
    """Write a passfile as the user would."""
    file = path or passfile(desk)
    file.write_bytes(content)
    file.chmod(mode)
    people.ordinary().own(file)
    return file


def looks(desk: Desk) -> tuple[int, ...] | None:
    """Return all about the passfile that a write would change, None where there is none."""
    if not os.path.lexists(passfile(desk)):
        return None
    found = os.lstat(passfile(desk))
    return found.st_mode, found.st_ino, found.st_uid, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def token_in(desk: Desk) -> str:
    """Return the token in the passfile, or nothing."""
    lines = passfile(desk).read_text(errors="replace").splitlines() if passfile(desk).exists() else []
    found = [line for line in lines if line.startswith(f"{HOST}:")]
    return found[0].split(":admin:")[1] if found else ""


def by_psycopg(desk: Desk, standin: DsqlStandin) -> str:
    return desk.run(str(BIN / "python"), "-c", CONNECTS, str(standin.port)).stdout


def by_psql(desk: Desk, where: str) -> str:
    return desk.run("psql", "-Atwc", "select current_user", where).stdout


def kept(desk: Desk) -> Any:
    return json.loads(desk.ok("pgpass", "list", "--json"))


def recipe(home: Desk, standin: DsqlStandin, nth: int) -> str:
    """Run a block of the recipe in a shell, and return what it printed."""
    done = home.run("sh", "-ec", recipes.code("pgpass", "sh", nth).replace("5432", str(standin.port)))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_recipe_connects_by_the_passfile_alone(home: Desk, standin: DsqlStandin) -> None:
    assert by_psycopg(home, standin) == ""
    assert recipe(home, standin, 0) == f"{passfile(home)} is kept fresh for dsql\n"
    assert stat.S_IMODE(passfile(home).stat().st_mode) == 0o600
    assert recipe(home, standin, 1) == "admin\n"
    assert by_psycopg(home, standin) == "admin\n"
    assert recipe(home, standin, 2).endswith("psql service=dsql\nadmin\n")
    assert home.run(str(BIN / "python"), "-c", recipes.code("pgpass", "python")).stdout == "admin\n"
    recipe(home, standin, 3)
    assert by_psycopg(home, standin) == ""
    assert not passfile(home).exists()
    assert not (home.home / ".pg_service.conf").exists()


def test_what_a_terminal_would_obey_in_a_path_is_written_out(home: Desk) -> None:
    home.environment["PGPASSFILE"] = str(home.work / "a\x1b[31m\nb")
    said = home.ok("pgpass", "enable", "dsql") + home.ok("pgpass", "list") + home.ok("pgpass", "disable", "dsql")
    assert said.count("a\\x1b[31m\\nb") == 3
    assert "\x1b" not in said


def test_a_second_connection_is_made_after_the_first_token_died(
    home: Desk, standin: DsqlStandin, stepped: Steps
) -> None:
    with home.daemon():
        home.ok("pgpass", "enable", "dsql")
        assert by_psycopg(home, standin) == "admin\n"
        first = token_in(home)
        stepped.suspend(1000)
        eventually(lambda: token_in(home) not in ("", first), "there is another token")
        assert by_psycopg(home, standin) == "admin\n"


def test_after_a_crash_the_next_daemon_takes_the_old_token_out_first(home: Desk, standin: DsqlStandin) -> None:
    lay(home, OTHERS)
    home.ok("pgpass", "enable", "dsql")
    home.kill()
    assert token_in(home)
    home.aws(credentials="[other]\n")  # so that there will be no other
    home.dsqltok("config", "check")
    eventually(lambda: passfile(home).read_bytes() == OTHERS, "the old token is gone")
    eventually(lambda: kept(home)[0]["error"] is not None, "it is told why")
    home.aws(
        credentials=f"[default]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n"
    )
    eventually(lambda: token_in(home) != "", "it is renewed")
    assert by_psycopg(home, standin) == "admin\n"


def test_a_dead_token_is_taken_out_and_status_and_list_say_why(home: Desk, stepped: Steps) -> None:
    lay(home, OTHERS)
    with home.daemon():
        home.ok("pgpass", "enable", "dsql")
        home.project((home.work / "atlas.hcl").read_text().replace('"dsql" {', '"another" {'))
        eventually(lambda: kept(home)[0]["error"] is not None, "it is told that there will be no other")
        assert token_in(home)  # it still works
        stepped.suspend(1000)
        eventually(lambda: passfile(home).read_bytes() == OTHERS, "it is gone")
        eventually(lambda: kept(home)[0]["state"] == "absent", "the daemon knows that")
        for told in (home.ok("status"), home.ok("pgpass", "list")):
            assert "absent" in told
            assert 'error: env "dsql" is not defined' in told


def test_what_the_user_writes_stays_and_what_the_user_takes_out_comes_back(home: Desk) -> None:
    home.ok("pgpass", "enable", "dsql")
    lay(home, OTHERS)
    eventually(lambda: token_in(home) != "", "it is put back")
    home.ok("pgpass", "disable", "dsql")
    assert passfile(home).read_bytes() == OTHERS


def test_a_service_leads_there_and_takes_its_token_from_the_passfile(home: Desk) -> None:
    services = lay(home, b"[mine]\nhost=elsewhere\n", path=home.home / ".pg_service.conf", mode=0o644)
    home.ok("pgpass", "enable", "dsql", "--service")
    assert by_psql(home, "service=dsql") == "admin\n"
    assert stat.S_IMODE(services.stat().st_mode) == 0o644
    assert b"X-Amz" not in services.read_bytes()
    home.ok("stop")
    assert b"[dsql]" in services.read_bytes()  # there is no secret in it
    home.ok("pgpass", "disable", "dsql")
    assert services.read_bytes() == b"[mine]\nhost=elsewhere\n"


def test_a_service_of_the_users_own_is_not_touched(home: Desk) -> None:
    services = lay(home, b"[dsql]\nhost=elsewhere\n", path=home.home / ".pg_service.conf")
    done = home.dsqltok("pgpass", "enable", "dsql", "--service")
    assert (done.returncode, "not of dsqltok's making" in done.stderr) == (4, True)
    assert services.read_bytes() == b"[dsql]\nhost=elsewhere\n"
    assert not passfile(home).exists()
    assert kept(home) == []
    assert not stored(home).exists()


def a_directory(desk: Desk) -> None:
    passfile(desk).mkdir()


def a_fifo(desk: Desk) -> None:
    os.mkfifo(passfile(desk), 0o600)
    people.ordinary().own(passfile(desk))


def a_file_for_all_to_read(desk: Desk) -> None:
    lay(desk, OTHERS, mode=0o644)


def a_write_protected_file(desk: Desk) -> None:
    lay(desk, OTHERS, mode=0o400)


def a_file_of_another(desk: Desk) -> None:
    lay(desk, OTHERS)
    people.stranger().own(passfile(desk))
    passfile(desk).chmod(0o666)


def a_very_long_file(desk: Desk) -> None:
    lay(desk, b"#" * (1 << 20) + b"#")


def a_read_only_home(desk: Desk) -> None:
    desk.ok("status")
    desk.home.chmod(0o500)


def test_a_passfile_that_is_opened_to_others_loses_its_token(home: Desk) -> None:
    lay(home, OTHERS)
    home.ok("pgpass", "enable", "dsql")
    passfile(home).chmod(0o644)
    eventually(lambda: token_in(home) == "", "there is no token for others to read")
    assert passfile(home).read_bytes() == OTHERS
    eventually(lambda: kept(home)[0]["error"] is not None, "it is told")
    assert "others may read" in kept(home)[0]["error"]["message"]
    passfile(home).chmod(0o600)
    eventually(lambda: token_in(home) != "", "it is back")


def test_a_home_that_does_not_answer_hangs_nobody_else_and_status_says_so(home: Desk) -> None:
    if why := mirror.missing():
        pytest.skip(why)
    with mirror.Mirror() as mirrored:
        people.ordinary().own(mirrored.behind)
        home.ok("pgpass", "enable", "dsql", env={"PGPASSFILE": str(mirrored.front / "pgpass")})
        home.ok("pgpass", "enable", "dsql", "--var", "unused=1", "-c", str(home.work / "atlas.hcl"))
        mirrored.stop()
        try:
            before = token_in(home)

            def renewed() -> bool:
                home.ok("flush")  # each file is to get another token, which it is once its second is another
                return token_in(home) not in ("", before)

            eventually(renewed, "the other passfile is fresh")
            eventually(lambda: "could not be written in 5 s" in home.ok("status"), "it is told")
            home.ok("stop")
        finally:
            mirrored.go_on()
        home.ok("config", "check")
        home.ok("pgpass", "disable")
        assert not list(mirrored.behind.iterdir())


def test_all_else_in_the_file_stays_to_the_byte_and_a_symlink_to_it_too(home: Desk) -> None:
    (home.home / "dotfiles").mkdir(mode=0o700)
    people.ordinary().own(home.home / "dotfiles")
    target = lay(home, OTHERS, path=home.home / "dotfiles/pgpass")
    passfile(home).symlink_to("dotfiles/pgpass")
    home.ok("pgpass", "enable")
    assert token_in(home)
    assert target.read_bytes().endswith(b"\n" + OTHERS)
    assert passfile(home).is_symlink()
    home.ok("pgpass", "disable")
    assert target.read_bytes() == OTHERS
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert os.listdir(target.parent) == ["pgpass"]


def test_nothing_is_in_the_file_while_no_daemon_runs_and_the_next_one_puts_it_back(
    home: Desk, standin: DsqlStandin
) -> None:
    lay(home, OTHERS)
    home.ok("pgpass", "enable", "dsql")
    for end in (lambda: home.ok("stop"), home.terminate):
        end()
        assert passfile(home).read_bytes() == OTHERS
        home.ok("config", "check")  # starts a daemon, and asks it for no token
        eventually(lambda: token_in(home) != "", "the passfile is fresh again")
    assert by_psycopg(home, standin) == "admin\n"


def test_who_enabled_it_and_for_which_file_goes_on_to_count(home: Desk, standin: DsqlStandin) -> None:
    home.aws(credentials=f"[prod]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n")
    home.project((home.work / "atlas.hcl").read_text().replace("admin:", '${getenv("WHO")}:'))
    shell = {"AWS_PROFILE": "prod", "WHO": "admin", "PGPASSFILE": str(home.home / "elsewhere")}
    home.ok("pgpass", "enable", "dsql", env=shell)
    assert stat.S_IMODE(stored(home).stat().st_mode) == 0o600
    for _ in range(2):
        home.ok("restart")
        eventually(lambda: kept(home)[0]["state"] == "fresh", "the new daemon has written it")
        done = home.run(str(BIN / "python"), "-c", CONNECTS, str(standin.port), env=shell)
        assert done.stdout == "admin\n"
    home.ok("pgpass", "enable", "dsql", env={**shell, "PGPASSFILE": None})
    assert token_in(home)
    assert not (home.home / "elsewhere").exists()
    home.ok("pgpass", "disable")
    assert not stored(home).exists()
    assert not passfile(home).exists()


def test_what_rests_on_a_secret_of_the_shell_cannot_be_enabled_and_that_is_explained(home: Desk) -> None:
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
    done = home.dsqltok("pgpass", "enable", "dsql", env=keys)
    assert (done.returncode, "hint: use a profile" in done.stderr) == (4, True)
    home.project((home.work / "atlas.hcl").read_text().replace("admin:", '${getenv("WHO_SECRET")}:'))
    done = home.dsqltok("pgpass", "enable", "dsql", env={"WHO_SECRET": "admin"})
    assert (done.returncode, "looks like a secret" in done.stderr) == (4, True)
    assert not passfile(home).exists()


SPOILT = [
    (a_directory, 4, "is a directory"),
    (a_fifo, 4, "is no plain file"),
    (a_file_for_all_to_read, 4, "others may read"),
    (a_write_protected_file, 4, "is write-protected"),
    (a_very_long_file, 4, "is longer than 1 MiB"),
    (a_file_of_another, 4, "belongs to another user"),
    (a_read_only_home, 7, "permission denied"),
]


@pytest.mark.usefixtures("stranger")
def test_a_passfile_that_is_none_to_write_to_is_refused_and_nothing_is_lost(home: Desk, tmp_path: Path) -> None:
    home.ok("get", "dsql", "-n")
    for make, code, message in SPOILT:
        make(home)
        before = looks(home)
        done = home.dsqltok("pgpass", "enable", "dsql")
        assert (done.returncode, message in done.stderr, "hint: " in done.stderr) == (code, True, True), done.stderr
        assert kept(home) == []
        home.home.chmod(0o700)
        assert not stored(home).exists()
        assert looks(home) == before
        assert not list(home.home.glob(".pgpass.*"))
        if before is not None:
            passfile(home).rename(tmp_path / message)
    home.ok("stop")
    assert looks(home) is None


def test_what_there_is_not_is_told(home: Desk) -> None:
    for words, message in (
        (("enable", "prod"), 'env "prod" is not defined'),
        (("disable", "prod"), 'no passfile is kept for "prod"'),
        (("forget",), 'there is no action "forget"'),
    ):
        assert message in home.dsqltok("pgpass", *words).stderr
    with home.connection() as connection:
        config = str(home.work / "atlas.hcl")
        for given, message in (({}, "passfile is missing"), ({"passfile": "x"}, "passfile must be an absolute path")):
            answer = connection.ask("pgpass.enable", config=config, env="dsql", **given)
            assert answer["error"]["message"] == message
    assert home.ok("pgpass", "list") == "no passfile is kept: dsqltok pgpass enable NAME\n"
