"""The pool with real worker processes. What a worker is seen to do, it does through a credential_process of ours."""

from __future__ import annotations

import asyncio
import os
import resource
import shlex
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from dsqltok.errors import CredentialsError, TimedOutError, UnavailableError
from dsqltokd import process
from dsqltokd.pool import Pool, raise_error
from unit.processes import PATIENCE, play, until_no_workers, workers

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
HOST = "abc.dsql.us-east-1.on.aws"


@dataclass
class Bench:
    """Jobs for workers, in a directory of their own."""

    directory: Path

    def project(self) -> dict[str, Any]:
        """Return a job that takes no time."""
        path = self.directory / "atlas.hcl"
        path.write_text(f'data "aws_dsql_token" "db" {{\n  endpoint = "{HOST}"\n}}\n')
        given: dict[str, Any] = {"vars": [], "environment": {}, "tokens": {}, "texts": None, "outputs": []}
        limits: dict[str, Any] = {"allowed": [], "allow_hosts": []}
        return {"question": "targets", "path": str(path), "env": None, "data": "db", **given, **limits}

    def keys(self) -> dict[str, Any]:
        """Return a job that signs with keys of its environment."""
        return self._aws({"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"})

    def helper(self, script: str) -> dict[str, Any]:
        """Return a job whose credentials come from a shell script, in this directory."""
        (self.directory / "helper.sh").write_text(f"cd {shlex.quote(str(self.directory))}\n{script}\n")
        config = self.directory / "config"
        config.write_text(f"[default]\ncredential_process = /bin/sh {shlex.quote(str(self.directory / 'helper.sh'))}\n")
        return self._aws({"AWS_CONFIG_FILE": str(config)})

    def _aws(self, environment: dict[str, str]) -> dict[str, Any]:
        asked = {"profile": None, "role_arn": None, "session": None, "renew": True, "code": None, "ttl": 900}
        nowhere = {"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
        return {**asked, "environment": nowhere | environment, "targets": [[HOST, "us-east-1", "DbConnect"]]}

    def fifo(self) -> Path:
        """Return a pipe: who reads it comes to its end when the last process that holds it has gone."""
        path = self.directory / "held"
        os.mkfifo(path)
        return path


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    tmp_path.chmod(0o755)
    return Bench(tmp_path)


def test_a_job_is_done_by_a_process_of_its_own(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        answer = await pool.run("project", bench.project(), deadline=PATIENCE)
        assert answer["targets"]["db"]["host"] == HOST
        assert pool.size == len(workers()) == 1
        pool.close()

    play(scene())


def test_a_worker_that_did_its_job_does_the_next(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        await pool.run("project", bench.project(), deadline=PATIENCE)
        first = workers()
        for _ in range(3):
            await pool.run("project", bench.project(), deadline=PATIENCE)
        assert workers() == first
        pool.close()

    play(scene())


def test_a_spare_worker_does_the_first_job(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        pool.warm_up("project")
        spare = workers()
        assert pool.size == len(spare) == 1
        await pool.run("project", bench.project(), deadline=PATIENCE, key="any")
        assert workers() == spare
        pool.close()

    play(scene())


def test_a_worker_that_was_there_before_the_pool_does_the_first_job(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT, started=[("project", process.start("project", ENVIRONMENT))])
        early = workers()
        await pool.run("project", bench.project(), deadline=PATIENCE)
        assert workers() == early
        pool.close()

    play(scene())


def test_a_spare_worker_that_nobody_needs_goes_and_one_that_died_is_replaced(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        pool.warm_up("project")
        [spare] = workers()
        os.kill(spare, signal.SIGKILL)
        assert (await pool.run("project", bench.project(), deadline=PATIENCE))["targets"]
        assert spare not in workers()
        pool.close()
        unneeded = Pool(ENVIRONMENT, linger=0.0)
        unneeded.warm_up("project")
        await until_no_workers()
        assert unneeded.size == 0

    play(scene())


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc that tells what a process holds")
def test_a_worker_holds_nothing_that_was_open_here(bench: Bench) -> None:
    async def scene() -> None:
        reading, writing = os.pipe()
        os.set_inheritable(reading, True)
        pool = Pool(ENVIRONMENT)
        await pool.run("project", bench.project(), deadline=PATIENCE)
        [worker] = workers()
        there = f"/proc/{worker}/fd"
        assert os.readlink(f"/proc/self/fd/{reading}") not in {os.readlink(f"{there}/{fd}") for fd in os.listdir(there)}
        pool.close()
        os.close(reading)
        os.close(writing)

    play(scene())


def test_a_worker_is_not_shared_between_keys(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        await pool.run("project", bench.project(), deadline=PATIENCE, key="one")
        await pool.run("project", bench.project(), deadline=PATIENCE, key="two")
        assert pool.size == 2
        pool.close()

    play(scene())


def test_a_worker_whose_job_held_secrets_does_no_other(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        await pool.run("project", bench.project(), deadline=PATIENCE, linger=False)
        assert pool.size == 0
        await until_no_workers()

    play(scene())


def test_a_worker_that_nobody_needs_goes(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT, linger=0.0)
        await pool.run("project", bench.project(), deadline=PATIENCE)
        await until_no_workers()
        assert pool.size == 0

    play(scene())


def test_there_are_only_so_many_workers_of_a_kind(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        jobs = [pool.run("project", bench.project(), deadline=PATIENCE) for _ in range(9)]
        assert len(await asyncio.gather(*jobs)) == 9
        assert 1 < pool.size <= 4
        pool.close()

    play(scene())


def test_a_worker_that_died_while_idle_is_replaced_without_a_word(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        await pool.run("project", bench.project(), deadline=PATIENCE)
        [first] = workers()
        os.kill(first, signal.SIGKILL)
        answer = await pool.run("project", bench.project(), deadline=PATIENCE)
        assert answer["targets"]["db"]["host"] == HOST
        assert first not in workers()
        pool.close()

    play(scene())


def test_a_worker_that_dies_over_its_job_is_an_error_that_may_pass(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        with pytest.raises(UnavailableError, match="the aws worker died"):
            await pool.run("aws", bench.helper("kill -9 $PPID"), deadline=PATIENCE)
        assert pool.size == 0

    play(scene())


def test_a_job_over_which_a_worker_was_killed_is_done_by_another(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        once = "test -e killed || { touch killed; kill -9 $PPID; sleep 60; }; "
        keys = '{"Version": 1, "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x"}'
        answer = await pool.run("aws", bench.helper(f"{once}echo '{keys}'"), deadline=PATIENCE)
        assert answer["tokens"][0]["value"].startswith(HOST)
        assert pool.size == 1
        pool.close()

    play(scene())


def test_what_a_worker_that_dies_by_itself_had_started_ends_with_it(bench: Bench) -> None:
    async def scene() -> None:
        pool, held = Pool(ENVIRONMENT), bench.fifo()
        reading = asyncio.create_task(asyncio.to_thread(held.read_bytes))
        job = bench.helper("test -e once || { touch once; exec 9>held; }; sleep 60 & kill -9 $PPID; sleep 60")
        with pytest.raises(UnavailableError):
            await pool.run("aws", job, deadline=PATIENCE)
        assert await reading == b""
        pool.close()

    play(scene())


def test_past_its_deadline_a_worker_is_killed_with_all_that_it_started(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        answer = await pool.run("aws", bench.keys(), deadline=PATIENCE)
        assert answer["tokens"][0]["value"].startswith(HOST)
        held = bench.fifo()
        job = bench.helper("exec 9>held; echo up >&9; sleep 60 & sleep 60")
        reading = asyncio.create_task(asyncio.to_thread(held.read_bytes))
        with pytest.raises(TimedOutError, match="the aws worker did not finish in 3 s"):
            await pool.run("aws", job, deadline=3.0)
        assert await reading == b"up\n"
        assert pool.size == 0
        await until_no_workers()

    play(scene())


def test_a_new_worker_has_no_more_time_for_its_job_than_an_old_one(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        with pytest.raises(TimedOutError, match="the aws worker did not finish in 2 s"):
            await pool.run("aws", bench.helper("touch begun; sleep 60"), deadline=2.0)
        assert time.time() - (bench.directory / "begun").stat().st_mtime < 6  # it would have seven seconds more
        await until_no_workers()

    play(scene())


def test_who_asked_and_went_away_leaves_no_worker_behind(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        held = bench.fifo()
        job = bench.helper("exec 9>held; echo up >&9; sleep 60")
        task = asyncio.create_task(pool.run("aws", job, deadline=PATIENCE))
        with await asyncio.to_thread(held.open, "rb") as pipe:
            assert await asyncio.to_thread(pipe.readline) == b"up\n"
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(pipe.read) == b""
        assert pool.size == 0

    play(scene())


def test_closing_ends_idle_and_busy_workers_and_starts_no_other(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        await pool.run("project", bench.project(), deadline=PATIENCE)
        await pool.run("aws", bench.keys(), deadline=PATIENCE)
        held = bench.fifo()
        job = bench.helper("exec 9>held; echo up >&9; sleep 60")
        task = asyncio.create_task(pool.run("aws", job, deadline=PATIENCE))
        with await asyncio.to_thread(held.open, "rb") as pipe:
            assert await asyncio.to_thread(pipe.readline) == b"up\n"
            pool.close()
            with pytest.raises(UnavailableError):
                await task
            assert await asyncio.to_thread(pipe.read) == b""
        assert pool.size == 0
        await until_no_workers()

    play(scene())


def test_a_worker_has_the_environment_that_it_was_given_and_the_job_s_and_no_other(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "ours")

    async def scene() -> None:
        pool = Pool({**ENVIRONMENT, "GIVEN": "yes"})
        job = bench.helper("env > seen; exit 1")
        answer = await pool.run("aws", job, deadline=PATIENCE)
        with pytest.raises(CredentialsError):
            raise_error(answer)
        seen = (bench.directory / "seen").read_text().splitlines()
        assert "GIVEN=yes" in seen
        assert "AWS_EC2_METADATA_DISABLED=true" in seen
        assert not [line for line in seen if line.startswith("CANARY")]
        pool.close()

    play(scene())


def test_a_helper_can_neither_eat_the_next_job_nor_write_into_an_answer(bench: Bench) -> None:
    async def scene() -> None:
        pool = Pool(ENVIRONMENT)
        keys = '{"Version": 1, "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x"}'
        greedy = f"cat >/dev/null; echo '{{\"error\": null}}' >&2; echo '{keys}'"
        jobs = [pool.run("aws", bench.helper(greedy), deadline=PATIENCE, key="k") for _ in range(2)]
        first = await jobs[0]
        second = await jobs[1]
        assert "value" in first["tokens"][0]
        assert "value" in second["tokens"][0]
        assert pool.size == 1
        pool.close()

    play(scene())


def test_what_a_helper_leaves_behind_ends_with_the_job_that_failed(bench: Bench) -> None:
    async def scene() -> None:
        pool, held = Pool(ENVIRONMENT), bench.fifo()
        reading = asyncio.create_task(asyncio.to_thread(held.read_bytes))
        failed = await pool.run("aws", bench.helper("exec 9>held; sleep 60 & exit 3"), deadline=PATIENCE)
        assert failed["error"]["kind"] == "credentials"
        assert await reading == b""
        assert pool.size == 0
        pool.close()

    play(scene())


def test_where_the_system_gives_no_worker_that_is_said(bench: Bench) -> None:
    async def scene() -> None:
        pool, job = Pool(ENVIRONMENT), bench.project()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            with pytest.raises(UnavailableError, match="no more"):
                await pool.run("project", job, deadline=PATIENCE)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert (await pool.run("project", job, deadline=PATIENCE))["targets"]
        pool.close()

    play(scene())
