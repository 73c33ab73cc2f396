"""Processes are killed, stopped and started at any moment: the next command works, and nothing is torn or left behind.

The moments are random, by seeds, within what something takes: where that depends on the machine, it is measured first.
"""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import TYPE_CHECKING

import pytest

from desk import ACCESS_KEY_ID, BIN, SECRET_ACCESS_KEY, eventually
from footprint import children
from registrar import Registrar
from standin import people
from victim import Helper, Victim, answer_pipes, serving, strike, workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from desk import Connection, Desk
    from promise import Faults
    from standin.secretservice import SecretService

AFTER = "after a kill -9 the next start works, and nothing is torn, stuck or left behind"
ANSWERED = "a get gets an answer in time, whatever happens to the processes of the daemon"
ONE = "however many start it at once, one daemon serves"
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ .+\n")
PROJECT = """
variable "name" {
  type    = string
  default = "abc"
}
data "aws_dsql_token" "db" {
  endpoint = "${var.name}.dsql.us-east-1.on.aws"
}
env "dsql" {
  url = "dsql://app:${urlescape(data.aws_dsql_token.db)}@${var.name}.dsql.us-east-1.on.aws/postgres?sslmode=require"
}
"""
KEYS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
}  # each get has a worker of its own


@pytest.fixture
def project(desk: Desk) -> Desk:
    """Give a desk with a project that has any number of targets."""
    desk.project(PROJECT)
    return desk


@pytest.fixture
def keyring(project: Desk, secret_service: SecretService) -> Iterator[Desk]:
    """Give a desk with an empty keyring, and tokens that outlive a test."""
    project.environment |= secret_service.environment
    project.configure("token_ttl = 86400\n")
    project.run("keyring", "del", "dsqltok", "tokens")
    yield project
    project.close()


def chances(seed: str) -> Random:
    return Random(seed)  # noqa: S311 - a seed is there to have the same again


def go_on_for(seconds: float) -> None:
    """Let what goes on go on until the moment of the fault."""
    time.sleep(seconds)


def check_end(faults: Faults, victim: Victim) -> None:
    log = victim.log()
    faults.hold(log is not None, "a process of the daemon is left")
    faults.hold(not LINE.sub("", log or ""), f"a line of the log is torn: {log!r}")


def start_seconds(desk: Desk) -> float:
    begin = time.monotonic()
    with Victim(desk) as victim:
        assert victim.is_ready()
    return time.monotonic() - begin


# --- the daemon is killed -------------------------------------------------------------------------------


@pytest.mark.promise(AFTER, fault="killed while it starts", short=5, long=400)
def test_killed_while_it_starts(faults: Faults, project: Desk) -> None:
    project.ok("projects", "add")
    project.kill()
    chance, usual = chances("start"), start_seconds(project)
    for turn in faults:
        with Victim(project) as victim:
            go_on_for(chance.uniform(0, 1.3 * usual))
            victim.kill()
            check_end(faults, victim)
        if turn % 5 == 4:
            with Victim(project) as victim:
                faults.hold(victim.is_ready(), "it does not start")
                with project.connection() as connection:
                    listed = connection.ask("projects.list")["result"]["projects"]
                    faults.hold([each["config"] for each in listed] == [str(project.work / "atlas.hcl")], str(listed))


@pytest.mark.promise(AFTER, fault="killed while it writes projects.json", short=2, long=250)
def test_killed_while_it_writes(faults: Faults, desk: Desk) -> None:
    chance = chances("write")
    registrar = Registrar(desk, chance)
    with ThreadPoolExecutor(1) as clerk:
        for _ in faults:
            with Victim(desk) as victim:
                faults.hold(victim.is_ready(), "it does not start")
                faults.hold(registrar.drafts() == 0, "a draft is left")
                with desk.connection() as connection:
                    registrar.change(connection)

                    def go_on(connection: Connection = connection) -> None:
                        while registrar.change(connection):
                            pass

                    busy = clerk.submit(go_on)
                    go_on_for(chance.uniform(0, 0.1))
                    victim.kill()
                    busy.result(30)
                check_end(faults, victim)
            found = registrar.look()
            faults.hold(found in registrar.may_be, f"{found} is none of {registrar.may_be}")
            registrar.may_be = registrar.may_be[:1] if found is None else [found]


@pytest.mark.promise(AFTER, fault="killed while it stores in the keyring", short=2, long=60)
def test_killed_while_it_stores(faults: Faults, keyring: Desk) -> None:
    chance, config = chances("store"), str(keyring.work / "atlas.hcl")
    asked = {"config": config, "environment": {"HOME": str(keyring.home)}}
    assert keyring.ok("get").startswith("abc.dsql.")
    eventually(lambda: "abc.dsql." in keyring.run("keyring", "get", "dsqltok", "tokens").stdout, "it is stored")
    keyring.ok("stop")
    before, new = {"abc.dsql.us-east-1.on.aws"}, ""
    for turn in faults:
        with Victim(keyring) as victim:
            faults.hold(victim.is_ready(), "it does not start")
            with keyring.connection() as connection:
                found = restored(connection, before, before | {new} - {""})
                faults.hold(found is not None, f"of {before} and {new} something is lost")
                before, new = found or before, f"n{turn}.dsql.us-east-1.on.aws"
                assert "result" in connection.ask("token.get", **asked, vars=[f"name=n{turn}"])
                if turn % 2:
                    victim.terminate()
                go_on_for(chance.uniform(0, 0.5) + (0 if turn % 2 else 0.4))
                victim.kill()
            check_end(faults, victim)


def restored(connection: Connection, *possible: set[str]) -> set[str] | None:
    """Return the hosts of the tokens that a daemon took over, None where they come to nothing that was possible."""
    hosts: set[str] = set()

    def loaded() -> bool:
        nonlocal hosts
        status = connection.ask("daemon.status")["result"]
        hosts = {each["host"] for each in status["tokens"]}
        return status["keyring"]["state"] == "in use" and hosts in possible

    try:
        eventually(loaded, "the tokens are there again")
    except AssertionError:
        return None
    return hosts


@pytest.mark.promise(AFTER, fault="killed while it leaves, with a request in flight", short=2, long=150)
def test_killed_while_it_leaves(faults: Faults, project: Desk) -> None:
    chance, asked = chances("leave"), {"config": str(project.work / "atlas.hcl"), "environment": KEYS}
    for _ in faults:
        with Victim(project) as victim:
            faults.hold(victim.is_ready(), "it does not start")
            with project.connection() as connection:
                connection.request(1, "token.get", **asked)
                go_on_for(chance.uniform(0, 0.1))
                victim.terminate()
                go_on_for(chance.uniform(0, 0.4))
                victim.kill()
            check_end(faults, victim)


@pytest.mark.promise(AFTER, fault="killed while a credential_process runs, or its worker is", short=2, long=30)
def test_killed_while_a_helper_runs(faults: Faults, project: Desk) -> None:
    helper, asked = Helper(project), {"config": str(project.work / "atlas.hcl")}
    for turn in faults:
        with Victim(project) as victim:
            faults.hold(victim.is_ready(), "it does not start")
            with project.connection() as connection, helper.holding() as has_gone:
                connection.request(1, "token.get", environment={"HOME": str(project.home)}, **asked)
                helper.wait()
                if turn % 2:
                    strike(next(pid for pid in workers(victim.pid) if children(pid)))
                    faults.hold("result" in connection.receive(), "its worker is not replaced")
                else:
                    victim.kill()
                eventually(has_gone, "the helper has gone, with what it started")
            victim.kill()
            check_end(faults, victim)


# --- a get waits for its answer -------------------------------------------------------------------------


def begin_get(desk: Desk, name: str, env: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        people.ordinary().argv(str(BIN / "dsqltok"), "get", "--var", f"name={name}"),
        cwd=desk.work,
        env={**desk.environment, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check_answer(faults: Faults, asking: subprocess.Popen[str], name: str, typed: tuple[int, ...] = ()) -> str:
    """Hold that a `get` ends in time with a token, or with one of these exit codes and a hint; return the token."""
    try:
        token, said = asking.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        asking.kill()
        token, said = asking.communicate()
    right = asking.returncode == 0 and token.startswith(f"{name}.dsql.")
    faults.hold(right or (asking.returncode in typed and "\nhint: " in said), f"{asking.returncode}: {said}")
    return token


def check_recovery(desk: Desk, name: str, env: Mapping[str, str]) -> None:
    eventually(lambda: desk.dsqltok("get", "--var", f"name={name}", env=env).returncode == 0, "there is a token again")


def get_seconds(desk: Desk) -> float:
    """Return how long a `get` takes whose worker has to be started, where a daemon runs."""
    desk.ok("get")
    begin = time.monotonic()
    desk.ok("get", env=KEYS)
    return time.monotonic() - begin


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(
            signal.SIGKILL, marks=pytest.mark.promise(ANSWERED, fault="the daemon is killed over it", short=1, long=120)
        ),
        pytest.param(
            signal.SIGTERM, marks=pytest.mark.promise(ANSWERED, fault="the daemon is told to end", short=1, long=40)
        ),
    ],
)
def test_the_daemon_goes(how: signal.Signals, faults: Faults, project: Desk) -> None:
    chance, usual = chances(how.name), get_seconds(project)
    for turn in faults:
        asking = begin_get(project, f"n{turn}", KEYS)
        go_on_for(chance.uniform(0, 0.9 * usual))
        strike(serving(project), how)
        check_answer(faults, asking, f"n{turn}")
    faults.hold(not LINE.sub("", project.log.read_text()), "a line of the log is torn")


@pytest.mark.promise(ANSWERED, fault="the daemon is told to end, and a refresh outlasts it", short=1, long=8)
def test_the_daemon_goes_before_a_refresh_is_done(faults: Faults, project: Desk) -> None:
    helper = Helper(project)
    for turn in faults:
        with helper.holding() as has_gone:
            asking = begin_get(project, f"n{turn}", {})
            helper.wait()
            project.terminate()
            check_answer(faults, asking, f"n{turn}")
            eventually(has_gone, "the helper has gone, with what it started")


def stop(worker: int) -> None:
    strike(worker, signal.SIGSTOP)


def flood(worker: int) -> None:
    for path in answer_pipes(worker):
        with contextlib.suppress(OSError), open(path, "wb", buffering=0) as pipe:
            pipe.writelines(b"x" * 65_535 + b"\n" for _ in range(1024))
            raise AssertionError("nobody stems the flood")


@pytest.mark.parametrize(
    ("harm", "typed"),
    [
        pytest.param(strike, (), marks=pytest.mark.promise(ANSWERED, fault="its workers are killed", short=2, long=40)),
        pytest.param(
            stop, (7, 8), marks=pytest.mark.promise(ANSWERED, fault="its workers are stopped", short=1, long=6)
        ),
        pytest.param(flood, (), marks=pytest.mark.promise(ANSWERED, fault="its workers flood", short=2, long=30)),
    ],
)
def test_its_workers_go(harm: Callable[[int], None], typed: tuple[int, ...], faults: Faults, project: Desk) -> None:
    if harm is flood and not people.is_root():
        pytest.skip("needs root, to write into the pipes of another process")
    if harm is stop:  # else nothing is to be given up, however busy the machine
        project.configure("aws_timeout = 2\n")
    chance, usual = chances(harm.__name__), get_seconds(project)
    daemon = serving(project)
    for turn in faults:
        # Of a worker that has to start, or of one that waits.
        env, span = (KEYS, 0.9 * usual) if turn % 2 else ({}, 0.05)
        asking = begin_get(project, f"n{turn}", env)
        go_on_for(chance.uniform(0, span))
        for worker in workers(daemon):
            harm(worker)
        check_answer(faults, asking, f"n{turn}", typed)
        check_recovery(project, f"again{turn}", env)
    faults.hold(serving(project) == daemon, "the daemon is another one")


# --- many starts ----------------------------------------------------------------------------------------


@pytest.mark.promise(ONE, fault="many starts at once, by dsqltokd and by dsqltok get", short=16, long=200)
def test_many_starts_at_once(faults: Faults, project: Desk) -> None:
    crowd = min(faults.times, 50)
    for _ in range(faults.times // crowd):
        faults.more(crowd)
        project.write(project.log, "")
        with contextlib.ExitStack() as stack:
            daemons, asking = [], []
            for _ in range(crowd // 2):
                daemons.append(stack.enter_context(Victim(project)))
                asking.append(begin_get(project, "abc", {}))
            tokens = {check_answer(faults, each, "abc") for each in asking}
            faults.hold(len(tokens) == 1, "more than one signs")
            faults.hold(all(each.is_ready() for each in daemons), "one does not say that a daemon serves")
            project.ok("stop")
            logs = "".join([project.log.read_text(), *(str(each.log()) for each in daemons)])
            faults.hold(logs.count(" INFO serving at ") == 1, logs)
            faults.hold(not LINE.sub("", logs), f"one does not end, or not well: {logs}")
