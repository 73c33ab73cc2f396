"""However many ask at once, or fall due at once, AWS is asked once for each identity, and few at a time."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from crowd import Crowd
from desk import ACCESS_KEY_ID, SECRET_ACCESS_KEY, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
    from helper import HeldHelper
    from promise import Faults
    from standin.steps import Steps

ONCE = "however many clients ask at once, credentials are obtained once, and all tokens signed in one worker"
APART = "identities that were signed for together are not replaced together"
UNDISTURBED = "a machine that wakes refreshes few identities at a time, and whoever asks waits for none of the others"
CLIENTS = 500
MOST_UNASKED = 4
STRIDE = 15.0
KEYS = f"aws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}"
# A project with as many targets as there are values of a variable.
MANY = """
variable "number" { type = string }
data "aws_dsql_token" "db" {
  endpoint = "cluster-${var.number}.dsql.us-east-1.on.aws"
  region   = "us-east-1"
  admin    = true
}
"""
# One with an identity for each value.
TEAMS = """
variable "team" { type = string }
data "aws_dsql_token" "db" {
  endpoint = "cluster-id.dsql.us-east-1.on.aws"
  region   = "us-east-1"
  admin    = true
  profile  = var.team
}
"""


class Log:
    """What the daemon has logged since `mark`. It is written a moment after what it tells of, in the same order."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen = 0

    def mark(self, tokens: int = 1) -> None:
        """Look at nothing of what came before now: at least so many tokens have been signed since the last mark.

        How many refreshes brought them does not matter, but the last one's line must not be written after this.
        """
        eventually(lambda: sum(self._refreshes()) >= tokens, "the last refresh is logged")
        self._seen = len(self._desk.log.read_text())

    @property
    def text(self) -> str:
        return self._desk.log.read_text()[self._seen :]

    @property
    def signed(self) -> list[int]:
        """Return how many tokens each refresh brought, once one has."""
        eventually(lambda: bool(self._refreshes()), "a refresh is logged")
        return self._refreshes()

    def _refreshes(self) -> list[int]:
        return [int(number) for number in re.findall(r"refreshed (\d+) tokens", self.text)]


@pytest.fixture
def log(desk: Desk) -> Log:
    return Log(desk)


def results(answers: list[Any]) -> list[Any]:
    assert not [answer for answer in answers if "result" not in answer]
    return [answer["result"] for answer in answers]


def tokens(answers: list[Any]) -> list[str]:
    return [result["token"] for result in results(answers)]


@pytest.mark.promise(ONCE, fault="500 clients and some dsqltok at the moment of expiry", short=2, long=100)
def test_one_target(
    *,
    faults: Faults,
    desk: Desk,
    helper: HeldHelper,
    example: Callable[[str], str],
    stepped: Steps,
    log: Log,
) -> None:
    desk.aws(config=f"[default]\ncredential_process = {helper.path} me\n", credentials="[other]\n")
    example("admin")
    wanted = [{"config": str(desk.work / "atlas.hcl"), "env": "dsql"}] * CLIENTS
    with desk.daemon(), Crowd(desk) as crowd:
        desk.ok("get")
        for _ in faults:
            helper.forget()
            log.mark()
            stepped.suspend(1000.0)
            with ThreadPoolExecutor() as some:
                crowd.begin("token.get", wanted)
                by_hand = [some.submit(desk.ok, "get", "-n") for _ in range(3)]
                found = {*tokens(crowd.answers()), *(each.result() for each in by_hand)}
            faults.hold(len(found) == 1, f"{len(found)} tokens")
            faults.hold(helper.begun == ["me"], f"credentials were obtained {len(helper.begun)} times")
            faults.hold(log.signed == [1], "signed more than once")


@pytest.mark.promise(ONCE, fault="500 tokens of one identity expire at once, and are asked for", short=1, long=50)
def test_many_targets(faults: Faults, desk: Desk, helper: HeldHelper, stepped: Steps, log: Log) -> None:
    wanted = many_targets(desk, helper)
    with desk.daemon(), Crowd(desk) as crowd:
        tokens(crowd.ask("token.get", wanted))
        for _ in faults:
            helper.forget()
            log.mark(CLIENTS)
            stepped.suspend(1000.0)
            found = set(tokens(crowd.ask("token.get", wanted)))
            faults.hold(len(found) == CLIENTS, f"{len(found)} tokens")
            faults.hold(helper.begun == ["me"], f"credentials were obtained {len(helper.begun)} times")
            faults.hold(log.signed == [CLIENTS], f"{len(log.signed)} jobs")


@pytest.mark.promise(ONCE, fault="the AWS files behind 500 warm tokens change", short=1, long=50)
def test_many_targets_in_the_background(
    faults: Faults, desk: Desk, helper: HeldHelper, stepped: Steps, log: Log
) -> None:
    del stepped
    wanted = many_targets(desk, helper)
    with desk.daemon(), Crowd(desk) as crowd:
        tokens(crowd.ask("token.get", wanted))
        for turn in faults:
            helper.forget()
            log.mark(CLIENTS)
            desk.aws(credentials=f"[other]\n# {turn}\n")
            faults.hold(log.signed == [CLIENTS], f"{len(log.signed)} jobs")
            faults.hold(helper.begun == ["me"], f"credentials were obtained {len(helper.begun)} times")


def many_targets(desk: Desk, helper: HeldHelper) -> list[dict[str, object]]:
    """Write a project with many targets, and return what is to be asked for."""
    desk.aws(config=f"[default]\ncredential_process = {helper.path} me\n", credentials="[other]\n")
    config = desk.project(MANY)
    return [{"config": str(config), "data": "db", "vars": [f"number={number}"]} for number in range(CLIENTS)]


def teams(desk: Desk, number: int, behind: str) -> list[dict[str, object]]:
    """Write a project and profiles for so many identities and two more, which have keys; return what asks for each."""
    names = [f"team-{each}" for each in range(number)]
    desk.aws(
        config="".join(f"[profile {name}]\n{behind.format(name)}\n" for name in names),
        credentials=f"[one]\n{KEYS}\n[other]\n{KEYS}\n",
    )
    config = desk.project(TEAMS)
    return [{"config": str(config), "data": "db", "vars": [f"team={name}"]} for name in (*names, "one", "other")]


def ends(crowd: Crowd) -> dict[str, str]:
    """Return when each identity's token ends, once none is due."""
    found: dict[str, Any] = {}

    def settled() -> bool:
        [status] = results(crowd.ask("daemon.status", [{}]))
        shown = [each for each in status["tokens"] if each["identity"] != "profile one"]
        found.update((each["identity"], each["expires_at"]) for each in shown)
        return all(each["refresh_in"] > 0 and not each["refreshing"] for each in shown)

    eventually(settled, "nothing is due", patience=60.0)
    return found


@pytest.mark.promise(APART, fault="as many identities are signed for at once", short=8, long=50)
def test_many_identities(faults: Faults, desk: Desk, stepped: Steps) -> None:
    *wanted, one, _ = teams(desk, faults.times, KEYS)
    faults.more(faults.times)
    with desk.daemon(), Crowd(desk) as crowd:
        tokens(crowd.ask("token.get", wanted))
        before = ends(crowd)
        replaced: list[int] = []
        stepped.suspend(450.0 - STRIDE)
        while sum(replaced) < faults.times and len(replaced) * STRIDE <= 150.0:
            stepped.suspend(STRIDE)
            results(crowd.ask("login", [one]))  # has the daemon look at the clock
            after = ends(crowd)
            replaced.append(sum(after[each] != before[each] for each in before))
            before = after
    faults.hold(sum(replaced) == faults.times, f"{replaced} were replaced in time")
    faults.hold(max(replaced, default=0) <= 2 + faults.times / 4, f"{replaced} were replaced together")


@pytest.mark.promise(UNDISTURBED, fault="as many credential_process hang after a suspend", short=8, long=200)
def test_many_hung_identities(faults: Faults, desk: Desk, helper: HeldHelper, stepped: Steps, log: Log) -> None:
    number = min(50, faults.times)
    *wanted, one, other = teams(desk, number, f"credential_process = {helper.path} {{}}")
    desk.configure("aws_timeout = 60\n")
    with desk.daemon(), Crowd(desk) as crowd:
        tokens(crowd.ask("token.get", [*wanted, one, other]))
        for _ in range(faults.times // number):
            faults.more(number)
            helper.forget()
            log.mark()
            helper.hang()
            stepped.suspend(1000.0)
            crowd.ask("token.get", [one])  # has the daemon look at the clock
            eventually(lambda: len(helper.begun) >= MOST_UNASKED, "the background is busy")
            [answer] = crowd.ask("token.get", [other])
            faults.hold("result" in answer, f"no token for another identity: {answer}")
            faults.hold("failed" not in log.text, "another identity waited for one that hangs")
            helper.go_on()
            ends(crowd)
            faults.hold(len(set(helper.begun)) == number, "not all had their turn")
            faults.hold(helper.busiest <= MOST_UNASKED, f"{helper.busiest} at a time")
