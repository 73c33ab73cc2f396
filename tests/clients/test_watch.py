"""`dsqltok watch`: each new token as a line, in a file, or to a command."""

from __future__ import annotations

import signal
import stat
import subprocess
import time
from contextlib import AbstractContextManager, contextmanager
from random import Random
from typing import TYPE_CHECKING

import pytest

import recipes
from desk import ACCESS_KEY_ID, BIN, eventually, secrets_in
from desks import HOST, is_let_in
from standin import people

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Desk
    from standin.secretservice import SecretService

DSQLTOK = str(BIN / "dsqltok")
KILLS = 30


@pytest.fixture
def short_lived(desk: Desk, example: Callable[[str], str]) -> Desk:
    """Give a desk whose tokens are replaced again and again."""
    desk.configure("token_ttl = 3\n")
    example("admin")
    return desk


def watch(desk: Desk, *arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """Run a watch until the block ends."""
    return running(desk, DSQLTOK, "watch", *arguments)


@contextmanager
def running(desk: Desk, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program until the block ends."""
    process = subprocess.Popen(
        desk.argv(*command),
        cwd=desk.work,
        env=desk.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    """Return what a watch prints next."""
    assert process.stdout is not None
    found = process.stdout.readline()
    assert found.endswith("\n"), process.stderr.read() if process.stderr else ""
    return found.removesuffix("\n")


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    """End a watch, and return its exit code and what it said."""
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert not secrets_in(said)
    return process.returncode, said


# Lines


def test_each_new_token_is_a_line(short_lived: Desk, login: Callable[..., str]) -> None:
    with watch(short_lived, "dsql") as process:
        tokens = [line(process) for _ in range(3)]
        eventually(lambda: is_let_in(login, line(process)), "one of the tokens logs in")
        assert end(process, signal.SIGTERM) == (143, "")
    assert len(set(tokens)) == len(tokens)


def test_it_outlives_the_daemon(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    with watch(desk, "dsql") as process:
        tokens = [line(process)]
        for stop in (desk.kill, lambda: desk.ok("stop")):
            time.sleep(1.1)  # a token signed in the same second is the same
            stop()
            tokens.append(line(process))
        assert end(process, signal.SIGINT) == (130, "")
    assert len(set(tokens)) == len(tokens)


def test_a_token_that_another_daemon_has_from_the_keyring_is_no_news(
    desk: Desk, example: Callable[[str], str], secret_service: SecretService
) -> None:
    desk.environment |= secret_service.environment
    desk.run("keyring", "del", "dsqltok", "tokens")
    example("admin")
    with watch(desk, "dsql") as process:
        told = [line(process)]

        def taken_over() -> bool:
            eventually(lambda: told[-1] in desk.run("keyring", "get", "dsqltok", "tokens").stdout, "it is stored")
            desk.kill()
            if desk.ok("get", "dsql", "-n") == told[-1]:
                return True
            told.append(line(process))  # nobody waits for the keyring of a busy machine for longer than a second
            return False

        eventually(taken_over, "the next daemon has the token from the keyring")
        time.sleep(1.1)
        desk.ok("flush")
        assert line(process) not in told


def test_an_error_in_between_is_told_once_and_the_watch_goes_on(
    short_lived: Desk, example: Callable[[str], str]
) -> None:
    with watch(short_lived, "dsql") as process:
        line(process)
        short_lived.project("env {")
        short_lived.kill()  # a daemon that knew a good version would go on with that
        assert process.stderr is not None
        assert process.stderr.readline().startswith("error: ")
        example("admin")
        assert ACCESS_KEY_ID in line(process)
        _, said = end(process, signal.SIGTERM)
    assert "error: " not in said


def test_a_daemon_that_cannot_start_is_told_once_and_tried_again_and_again(
    desk: Desk, example: Callable[[str], str]
) -> None:
    example("admin")
    with watch(desk, "dsql") as process:
        first = line(process)
        desk.configure("token_ttl = 0\n")
        desk.kill()
        assert process.stderr is not None
        assert "token_ttl must be a whole number" in process.stderr.readline()
        for _ in range(3):  # meanwhile the watch tries as well
            assert desk.dsqltok("get", "dsql").returncode == 4
        desk.configure("")
        assert line(process) != first
        _, said = end(process, signal.SIGTERM)
    assert "token_ttl" not in said


def test_what_is_wrong_from_the_start_ends_it(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    done = desk.dsqltok("watch", "dsqql")
    assert (done.returncode, done.stdout) == (3, "")
    assert 'error: env "dsqql" is not defined' in done.stderr


@pytest.mark.parametrize("reader", ["head -n 1", "exec <&-; sleep 1"])
def test_a_reader_that_goes_ends_it(reader: str, desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    done = desk.run("bash", "-c", f"{DSQLTOK} watch dsql | {{ {reader}; }}; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.splitlines()[-1] == "7"
    assert done.stderr == ""


# A file


def test_a_file_has_the_newest_token(short_lived: Desk, login: Callable[..., str]) -> None:
    path = short_lived.work / "token"
    with running(short_lived, "sh", "-c", f"umask 0; exec {recipes.code('watch', 'sh')}") as process:
        eventually(path.exists, "a file")
        first = path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        eventually(lambda: path.read_text() != first, "another token")
        eventually(lambda: is_let_in(login, path.read_text().removesuffix("\n")), "a token that logs in")
        process.terminate()
        assert process.communicate(timeout=60)[0] == ""
    assert [each.name for each in short_lived.work.glob("token*")] == ["token"]


def test_a_link_stays_one_and_the_file_it_leads_to_is_written(short_lived: Desk) -> None:
    target = short_lived.write(short_lived.root / "elsewhere/token", "old")
    link = short_lived.work / "token"
    link.symlink_to(target)
    with watch(short_lived, "dsql", "--write", "token"):
        eventually(lambda: ACCESS_KEY_ID in target.read_text(), "a token in the file")
    assert link.is_symlink()


def test_a_killed_watch_leaves_a_whole_file_and_nobody_ever_sees_a_part(short_lived: Desk) -> None:
    path, chances = short_lived.work / "token", Random("killed")  # noqa: S311 - for moments
    with watch(short_lived, "dsql", "--write", "token"):
        eventually(path.exists, "a file")
    first = path.stat().st_ino
    with watch(short_lived, "dsql", "--write", "token"):
        usual = eventually(lambda: path.stat().st_ino != first, "a write at the start")
    for _ in range(KILLS):
        with watch(short_lived, "dsql", "--write", "token") as process:
            moment = time.monotonic() + usual * chances.uniform(0.7, 1.3)
            while time.monotonic() < moment:
                text = path.read_text()
                assert (text.startswith(HOST), text.endswith("\n"), text.count("X-Amz-Signature=")) == (True, True, 1)
            process.kill()


@pytest.mark.skipif(bool(people.why_no_stranger()), reason=people.why_no_stranger())
def test_a_link_that_somebody_else_planted_in_a_shared_directory_is_refused(
    desk: Desk, example: Callable[[str], str]
) -> None:
    example("admin")
    mine = desk.write(desk.home / ".bashrc", "mine")
    shared = desk.write(desk.root / "shared/other", "").parent
    shared.chmod(0o1777)
    (shared / "token").symlink_to(mine)
    people.stranger().own(shared / "token")
    done = desk.dsqltok("watch", "dsql", "--write", str(shared / "token"))
    assert (done.returncode, done.stdout) == (6, "")
    assert "shared/token belongs to another user" in done.stderr
    assert mine.read_text() == "mine"


def missing(desk: Desk) -> str:
    del desk
    return "no such/token"


def directory(desk: Desk) -> str:
    (desk.work / "token").mkdir()
    return "token"


def pipe(desk: Desk) -> str:
    assert desk.run("mkfifo", "token").returncode == 0
    return "token"


def closed(desk: Desk) -> str:
    desk.write(desk.work / "closed/other", "").parent.chmod(0o500)
    return "closed/token"


@pytest.mark.parametrize(
    ("place", "code", "words"),
    [
        (missing, 3, "there is no directory"),
        (directory, 2, "token is a directory"),
        (pipe, 2, "token is not a regular file"),
        (closed, 6, "no file can be written into"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_at_once(
    place: Callable[[Desk], str], code: int, words: str, desk: Desk, example: Callable[[str], str]
) -> None:
    example("admin")
    done = desk.dsqltok("watch", "dsql", "--write", place(desk))
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "\nhint: " in done.stderr
    assert not desk.socket.exists()  # nobody was asked for a token that has no place


def test_a_file_that_cannot_be_written_any_more_is_tried_again(short_lived: Desk) -> None:
    place = short_lived.write(short_lived.work / "place/token", "").parent
    with watch(short_lived, "dsql", "--write", "place/token") as process:
        eventually(lambda: (place / "token").read_text() != "", "a token")
        place.rename(place.with_name("moved"))
        assert process.stderr is not None
        assert process.stderr.readline().endswith("place/token: no such file or directory\n")
        place.with_name("moved").rename(place)
        (place / "token").unlink()
        eventually((place / "token").exists, "a token again")


# A command


def test_a_command_is_run_for_each_token_with_what_it_takes_to_connect(reachable: Desk) -> None:
    recipes.program("psql", "postgresql-client")
    reachable.configure("token_ttl = 3\n")
    seen = reachable.work / "seen"
    with running(reachable, "sh", "-c", f"exec {recipes.code('watch', 'sh', 1)}") as process:
        eventually(lambda: seen.exists() and seen.read_text().startswith("admin\nadmin\n"), "two runs")
        process.terminate()
        assert process.communicate(timeout=60)[0] == ""


def test_the_token_is_not_in_the_commands_arguments(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    seen = desk.work / "seen"
    command = "tr '\\0' ' ' </proc/$$/cmdline >seen; echo $PGSSLMODE >>seen; cat >>seen; echo >>seen"
    with watch(desk, "dsql", "--exec", command):
        eventually(lambda: seen.exists() and seen.read_text().endswith("require\n\n"), "a run")
    assert not secrets_in(seen.read_text())


def test_a_command_that_fails_is_told_and_the_watch_goes_on(short_lived: Desk) -> None:
    with watch(short_lived, "dsql", "--write", "token", "--exec", "cat token; exit 3") as process:
        first, second = line(process), line(process)
        assert first != second
        _, said = end(process, signal.SIGTERM)
    assert "warning: the command of --exec ended with 3\n" in said
