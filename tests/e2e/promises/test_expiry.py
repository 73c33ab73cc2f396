"""Whatever happens to clocks, credentials and the daemon, no token is served past its end, or too near to it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pytest

from crowd import Crowd
from day import HOST, Day
from desk import eventually
from standin import dated
from standin.sigv4 import Login, Refusal, authenticate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Desk
    from helper import HeldHelper
    from promise import Faults
    from standin.ledger import Clock, Ledger
    from standin.secretservice import SecretService
    from standin.steps import Steps

NEVER = "no token is served past its end, nor with less left than five minutes where its credentials allow more"
PAUSE_S = 35.0  # after a failure that does not pass by itself, AWS is asked again at most every 30 s
REST_S = 31.0  # for which a token is left alone that its credentials cut short
RENEWED_AT = 0.66  # of their life, at the latest, where they can be had
A_MOMENT_S = 5.0
ORDER = "what the AWS files say now counts, whatever was begun before"
RIGHT = "the first token is right by the clock as it is then"


class Good(NamedTuple):
    """What a token is good for at some moment, and for how many seconds more."""

    login: Login
    left: float


class Judge:
    """Holds each answer against what the credentials behind it are worth, by the ledger and by the day's clocks."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self._trouble_at = float("-inf")  # by the boot clock, as all that follows
        self._seen: dict[str, float] = {}
        self._in_hand = ("", 0.0, 0)  # the last token, when it ends, and what had been lost by then

    def looks(self) -> None:
        """Note whether credentials can be had now."""
        if self._day.failing:
            self._trouble_at = self._day.boot

    def finds_wrong(self, token: str | None, moments: tuple[float, float]) -> str:
        """Return what is wrong with an answer that was given between two moments, nothing if it is right."""
        self.looks()
        troubled = self._day.boot - self._trouble_at < PAUSE_S
        if token is None:
            return self._withheld(moments[1]) if troubled else "no token, though credentials can be had"
        good = [found for at in moments if (found := self.read(token, at))]
        if not good:
            return "a dead token"
        left = max(each.left for each in good)
        self._in_hand = (token, self._day.boot + left, self._day.lost)
        self._seen.setdefault(token, self._day.boot)
        least = min(300.0, self._day.ttl / 3)
        if left >= least or troubled or any(self._is_all_there_is(token, good[0].login, at) for at in moments):
            return ""
        return f"{left:.1f} s left"

    def left(self, token: str) -> float:
        """Return the seconds for which a token is good, from now on."""
        good = self.read(token, self._day.clock())
        return good.left if good else 0.0

    @staticmethod
    def read(token: str, at: float) -> Good | None:
        """Return what a token is good for at a moment, None where the endpoint would refuse it."""
        try:
            login = authenticate(token, host=HOST, user="admin", now=at, credentials_of=dated.find)
        except Refusal:
            return None
        credentials = dated.find(login.access_key_id)
        assert credentials is not None
        assert credentials.expires_at is not None
        return Good(login, min(login.signed_at + login.expires_in, credentials.expires_at) - at)

    def _is_all_there_is(self, token: str, login: Login, at: float) -> bool:
        """Tell whether its credentials have no more, and are not to be renewed yet."""
        credentials = dated.find(login.access_key_id)
        end = credentials.expires_at if credentials else None
        assert end is not None
        if self._day.boot - self._seen[token] < REST_S or 0 <= at - login.signed_at < REST_S:
            return True
        obtained_at = self._day.obtained_at(end)
        due = obtained_at + RENEWED_AT * (end - obtained_at)
        return end < login.signed_at + login.expires_in and at < due + A_MOMENT_S

    def _withheld(self, at: float) -> str:
        """Return what is wrong with having no token while credentials cannot be had."""
        token, ends, lost = self._in_hand
        if lost < self._day.lost or self._day.boot > ends - A_MOMENT_S:
            return ""
        good = self.read(token, at)
        return "the last good token was withheld" if good and good.left > A_MOMENT_S else ""


@pytest.fixture
def keyring(desk: Desk, secret_service: SecretService) -> SecretService:
    """Give the desk a Secret Service, emptied of what an earlier test stored."""
    desk.environment |= secret_service.environment
    desk.run("keyring", "del", "dsqltok", "tokens")
    return secret_service


@pytest.fixture
def day(desk: Desk, keyring: SecretService, stepped: Steps, clock: Clock, ledger: Ledger) -> Iterator[Day]:
    del keyring  # what each daemon leaves to the next is in there
    ledger.also_ask(dated.find)
    with Day(desk, stepped, clock) as made:
        yield made


@pytest.mark.promise(
    NEVER, fault="sleep, clock steps, credentials of any life or none, edits, crashes in any order", short=20, long=600
)
def test_any_day(faults: Faults, day: Day, login: Callable[..., str]) -> None:
    judge = Judge(day)

    def asked(turn: int) -> list[str]:
        """Ask for tokens, and return what is wrong with them."""
        before = day.clock()
        if turn % 5 == 0:
            tokens = day.by_hand()
        elif turn % 10 == 1:
            tokens = day.by_socket(meanwhile=day.leaps)
        else:
            tokens = day.by_socket(day.random.choice((1, 3)))
        return [wrong for token in tokens if (wrong := judge.finds_wrong(token, (before, day.clock())))]

    for turn in faults:
        judge.looks()
        day.goes_on()
        judge.looks()
        wrong = asked(turn)
        if wrong and wrong[0].endswith("left"):
            # While a token is in hand nobody waits long for a better one.
            eventually(lambda: not day.refreshing(), "the refresh is over", patience=90.0)
            wrong = asked(2)
        faults.hold(not wrong, f"{', '.join(wrong)}; SEED={day.seed}: {'; '.join(day.happened[-8:])}")
        if turn % 20 == 0:
            [token] = day.by_socket()
            if token and judge.left(token) > A_MOMENT_S:
                faults.hold(login(token=token) == "admin", "nobody is let in")


@pytest.mark.promise(RIGHT, fault="suspended in the middle of a refresh", short=2, long=50)
def test_suspended_in_the_middle_of_a_refresh(
    *, faults: Faults, desk: Desk, helper: HeldHelper, example: Callable[[str], str], stepped: Steps, clock: Clock
) -> None:
    desk.aws(config=f"[default]\ncredential_process = {helper.path} me\n", credentials="[other]\n")
    example("admin")
    wanted = [{"config": str(desk.work / "atlas.hcl"), "env": "dsql"}]
    with desk.daemon(), Crowd(desk) as crowd:
        for _ in faults:
            helper.forget()
            helper.hang()
            crowd.begin("token.get", wanted)
            eventually(lambda: bool(helper.begun), "a refresh is in flight")
            stepped.suspend(1000.0)
            helper.go_on()
            [answer] = crowd.answers()
            good = "result" in answer and Judge.read(answer["result"]["token"], clock())
            faults.hold(bool(good and good.left >= 300), f"what came of it: {answer}")
            stepped.suspend(1000.0)


@pytest.mark.promise(ORDER, fault="changed in the middle of a refresh", short=2, long=50)
def test_files_that_change_in_the_middle_of_a_refresh(
    faults: Faults, desk: Desk, helper: HeldHelper, example: Callable[[str], str]
) -> None:
    example("admin")
    wanted = [{"config": str(desk.work / "atlas.hcl"), "env": "dsql"}]
    process = f"credential_process = {helper.path}"

    def invalidations() -> int:
        return desk.log.read_text().count("is to be signed for again")

    desk.aws(config=f"[default]\n{process} first\n", credentials="[other]\n")
    with desk.daemon(), Crowd(desk) as crowd:
        crowd.ask("token.get", wanted)
        for turn in faults:
            helper.hang()
            helper.forget()
            desk.aws(config=f"[default]\n{process} {turn}\n")
            eventually(lambda: bool(helper.begun), "a refresh is in flight")
            crowd.begin("token.get", wanted)
            before = invalidations()
            key = f"AKIA{turn:016}"
            desk.aws(config=f"[default]\naws_access_key_id = {key}\naws_secret_access_key = x\n")
            eventually(partial(_is_more, invalidations, before), "the change is seen")
            helper.go_on()
            answers = [*crowd.answers(), *crowd.ask("token.get", wanted)]
            keys = {dated.access_key_id(answer["result"]["token"]) for answer in answers}
            faults.hold(keys == {key}, f"signed by {keys}, not by {key}")


def _is_more(number: Callable[[], int], before: int) -> bool:
    return number() > before
