"""AWS that is away, however: who has a good token keeps it, nobody waits for long, and all is well once it is back.

The role sessions and sign-ins of these tests last for 15 minutes, which pass by stepping the clocks.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from cloud import SSO_ROLE, SSO_SESSION, START_URL
from desk import ACCESS_KEY_ID, SECRET_ACCESS_KEY, eventually
from standin import dated, moods
from standin.moods import MoodySts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Connection, Desk
    from promise import Faults
    from standin.ledger import Clock, Ledger
    from standin.moods import Mood
    from standin.sigv4 import Credentials
    from standin.sso import Sso
    from standin.steps import Steps

SERVED = "with AWS away, the last good token is served to its end, then an error says why; tokens come once it is back"
QUICK = "with AWS away, nobody waits for it who can be served without"
BOUNDED = "AWS that is away is asked 15 times a minute at most, however many ask, and ever less while nobody does"
ROLE = "arn:aws:iam::123456789012:role/Dev"
USER = "arn:aws:sts::123456789012:assumed-role/Dev/dsqltok"
LIFE = 900
POOR = 290.0  # seconds left: less than a token is served with while a better one can be had
PAUSE = 5.0  # seconds after a failure until a request tries again
A_LITTLE = 5.0  # seconds; a request of botocore's that is not answered takes 8
PATIENCE = 10.0  # seconds, against a hang
PASSES = {5, 7, 8}  # exit codes
GONE = None  # connections are refused

AWS_AWAY: list[Mood | None] = [
    GONE,
    moods.says(200, ""),
    moods.says(200, "<html><b>Sign in to this network</html>"),
    moods.says(403, "<html>Sign in to this network</html>"),
    moods.swallows,
    moods.drips,
    moods.says(503, ""),
]
STS_AWAY = [
    *AWS_AWAY,
    moods.issues(user=USER, secret="s", expiration="2001-01-01T00:00:00Z"),
    moods.complains(429, "TooManyRequestsException"),
    moods.complains(400, "Throttling"),
    moods.complains(503, "ServiceUnavailable"),
]
ENDED = {"accessKeyId": "ASIA", "secretAccessKey": "s", "sessionToken": "t", "expiration": 1_000_000_000_000}
SSO_AWAY = [
    moods.says(200, json.dumps({"roleCredentials": ENDED})),
    *AWS_AWAY,
    moods.says(429, "{}", **{"x-amzn-ErrorType": "TooManyRequestsException"}),
    moods.says(200, "{}"),
]
OIDC_AWAY = [moods.says(429, '{"error": "slow_down"}', **{"x-amzn-ErrorType": "SlowDownException"}), *AWS_AWAY]


@dataclass
class Away:
    """A desk whose AWS can go away: `front` stands there, and answers by `good` while all is well."""

    desk: Desk
    front: MoodySts
    good: Mood
    find: Callable[[str], Credentials | None]
    stepped: Steps
    clock: Clock
    login: Callable[..., str]
    faults: Faults

    def goes(self, mood: Mood | None) -> None:
        """Have AWS go away."""
        if mood is None:
            self.front.leave()
        else:
            self.front.mood = mood

    def returns(self) -> None:
        """Have AWS come back, and wait until what it was asked meanwhile has come to its end."""
        self.front.leave()
        eventually(lambda: not any(each["refreshing"] for each in self.desk.status()["tokens"]), "nothing is refreshed")
        self.front.mood = self.good
        self.front.come_back()

    def works(self, token: str) -> None:
        """Hold that a token logs in."""
        try:
            self.faults.hold(self.login(token=token) == "admin", "somebody else is let in")
        except psycopg.OperationalError as error:
            self.faults.hold(False, f"nobody is let in: {error}")

    def until(self, left: float, token: str) -> None:
        """Let the machine sleep until the credentials behind a token have so many seconds left."""
        behind = self.find(dated.access_key_id(token))
        assert behind is not None
        assert behind.expires_at is not None
        self.stepped.suspend(behind.expires_at - left - self.clock())

    def get(self) -> str:
        """Get a token, and hold that this takes no time worth mentioning and that it works."""
        begin = time.monotonic()
        done = self.desk.dsqltok("get", "-n")
        self.faults.hold(time.monotonic() - begin < PATIENCE, "it takes for ever")
        self.faults.hold(done.returncode == 0, f"there is no token: {done.stderr}")
        if done.returncode == 0:
            self.works(done.stdout)
        return done.stdout

    def outage(self, mood: Mood | None) -> None:
        """Have AWS go away for longer than credentials last, and come back."""
        token = self.get()
        self.goes(mood)
        self.until(POOR, token)
        self.get()
        self.until(10.0, token)
        self.get()
        self.until(-1.0, token)
        done = self.desk.dsqltok("get", "-n")
        told = done.stderr.startswith("error: ") and "\nhint: " in done.stderr
        self.faults.hold(done.returncode in PASSES and not done.stdout and told, f"no typed error: {done.stderr}")
        self.status("expired", failing=True)
        self.returns()
        self.stepped.suspend(PAUSE)
        self.get()
        self.status("good", failing=False)

    def status(self, state: str, *, failing: bool) -> None:
        """Wait until `dsqltok status` says so of the token."""

        def look() -> bool:
            (token,) = self.desk.status()["tokens"]
            return (token["state"], token["error"] is not None) == (state, failing)

        eventually(look, f"status says {state}")

    def ask(self, connection: Connection) -> dict[str, Any]:
        """Ask for a token by the protocol."""
        found: dict[str, Any] = connection.ask("token.get", config=str(self.desk.work / "atlas.hcl"))
        return found


@pytest.fixture
def away(
    desk: Desk, example: Callable[[str], str], login: Callable[..., str], stepped: Steps, faults: Faults
) -> Iterator[Away]:
    """Give a desk with a project, whose AWS is in good mood once `good` is set."""
    example("admin")
    desk.configure("aws_timeout = 3\n")
    with MoodySts(moods.swallows) as front:
        yield Away(desk, front, front.mood, dated.find, stepped, stepped.clock, login, faults)


@pytest.fixture
def by_role(away: Away, ledger: Ledger) -> Away:
    """Give a desk whose default profile has a role."""
    ledger.also_ask(dated.find)
    keys = f"aws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n"
    role = f"role_arn = {ROLE}\nsource_profile = base\nendpoint_url = {away.front.url}\n"
    away.desk.aws(config=f"[default]\nregion = us-east-1\n{role}", credentials=f"[base]\n{keys}")
    away.front.mood = away.good = moods.issues_dated(user=USER, clock=away.clock, life_s=LIFE)
    return away


@pytest.fixture
def by_sign_in(away: Away, sso: Sso) -> Away:
    """Give a desk whose default profile has a role of single sign-on. Nobody is signed in yet."""
    profile = f"[default]\nsso_session = corp\nendpoint_url = {away.front.url}\n{SSO_ROLE}"
    away.desk.aws(config=f"{SSO_SESSION}{profile}", credentials="[other]\n")
    sso.role_life_s = LIFE
    away.find = sso.find
    away.front.mood = away.good = moods.passes_on(sso.url)
    return away


def asked(away: Away, times: int) -> bool:
    """Tell whether AWS has been asked so many times."""
    return away.front.asked >= times


def signed_in(desk: Desk, sso: Sso, life_s: float) -> None:
    """Leave what `aws sso login` leaves, good for so long; so is what it is renewed to."""
    sso.token_life_s = life_s
    name, kept = sso.signed_in(START_URL, "corp")
    desk.write(desk.home / ".aws/sso/cache" / name, kept)


@pytest.mark.promise(
    SERVED, fault="STS refused, silent, dripping, throttled, down, garbled, empty, expired", short=3, long=44
)
def test_while_sts_is_away(faults: Faults, by_role: Away) -> None:
    with by_role.desk.daemon():
        for turn in faults:
            by_role.outage(STS_AWAY[turn % len(STS_AWAY)])


@pytest.mark.promise(
    SERVED, fault="SSO refused, silent, dripping, throttled, down, garbled, empty, expired", short=1, long=30
)
def test_while_single_sign_on_is_away(faults: Faults, by_sign_in: Away, sso: Sso) -> None:
    signed_in(by_sign_in.desk, sso, 30 * 86_400)
    with by_sign_in.desk.daemon():
        for turn in faults:
            by_sign_in.outage(SSO_AWAY[turn % len(SSO_AWAY)])


@pytest.mark.promise(SERVED, fault="SSO away as the sign-in is to be renewed", short=1, long=24)
def test_while_a_sign_in_cannot_be_renewed(faults: Faults, by_sign_in: Away, sso: Sso) -> None:
    signed_in(by_sign_in.desk, sso, LIFE)
    with by_sign_in.desk.daemon():
        for turn in faults:
            by_sign_in.outage(OIDC_AWAY[turn % len(OIDC_AWAY)])
        faults.hold(sso.refreshed >= faults.happened, "the sign-in was not renewed")


@pytest.mark.promise(
    "a session signs to its end while it cannot be renewed",
    fault="SSO renews the sign-in and gives no credentials",
    short=1,
    long=15,
)
def test_while_single_sign_on_is_half_away(faults: Faults, by_sign_in: Away, sso: Sso) -> None:
    signed_in(by_sign_in.desk, sso, LIFE)
    sso.role_life_s = 4 * LIFE
    half = moods.divides("/federation", moods.says(500, "{}"), by_sign_in.good)
    with by_sign_in.desk.daemon():
        for _ in faults:
            token = by_sign_in.get()
            by_sign_in.goes(half)
            for left in (1200.0, 600.0, 30.0):
                before = by_sign_in.front.asked
                by_sign_in.until(left, token)
                by_sign_in.get()
                eventually(partial(asked, by_sign_in, before + 1), "the session is to be renewed")
            by_sign_in.returns()
            by_sign_in.stepped.suspend(4 * LIFE)


@pytest.mark.promise(
    SERVED, fault="away for so long that the background rests; one watches, nobody asks", short=1, long=6
)
def test_whoever_watches_is_told_once_aws_is_back(faults: Faults, by_role: Away) -> None:
    with by_role.desk.daemon(), by_role.desk.connection() as watching, by_role.desk.connection() as asking:
        answer = watching.ask("token.watch", config=str(by_role.desk.work / "atlas.hcl"))["result"]
        for _ in faults:
            by_role.goes(moods.says(200, ""))
            by_role.until(-1.0, answer["token"])
            for _ in range(9):
                faults.hold("error" in by_role.ask(asking), "a token that has ended is served")
                by_role.stepped.suspend(PAUSE)
            faults.hold("error" in watching.receive()["params"], "the end of the token is not told")
            by_role.returns()
            answer = watching.receive()["params"]
            while "token" not in answer:
                answer = watching.receive()["params"]
            by_role.works(answer["token"])


@pytest.mark.promise(QUICK, fault="AWS never answers", short=2, long=20)
def test_who_has_a_token_does_not_wait_for_aws(faults: Faults, by_role: Away) -> None:
    by_role.desk.configure("aws_timeout = 40\n")
    with by_role.desk.daemon(), by_role.desk.connection() as connection:
        for turn in faults:
            by_role.good = moods.issues_dated(user=USER, clock=by_role.clock, life_s=(LIFE, 4 * LIFE)[turn % 2])
            by_role.returns()
            by_role.stepped.suspend(4 * LIFE)
            token = by_role.ask(connection)["result"]["token"]
            by_role.goes(moods.swallows)
            # A token that is to be replaced, or a session that is to be renewed and nothing signed with it yet.
            by_role.until((POOR, LIFE)[turn % 2], token)
            took = []
            for _ in range(9):
                begin = time.monotonic()
                token = by_role.ask(connection)["result"]["token"]
                took.append(time.monotonic() - begin)
                by_role.works(token)
            faults.hold(max(took) < A_LITTLE, f"somebody waits for AWS: {max(took)} s")
            faults.hold(statistics.median(took) < 1.0, "everybody waits a second for AWS")


def hammer(away: Away, connections: list[Connection], seconds: float) -> None:
    """Have each connection ask 25 times at once, and again for so long."""
    config, end = str(away.desk.work / "atlas.hcl"), time.monotonic() + seconds
    while True:
        for each in connections:
            for number in range(25):
                each.request(number, "token.get", config=config)
        for each in connections:
            for _ in range(25):
                away.faults.hold("id" in each.receive(), "no answer")
        if time.monotonic() >= end:
            return


@pytest.mark.promise(BOUNDED, fault="a minute, throttled or empty; 100 at once ask again and again", short=1, long=8)
def test_requests_of_a_minute_are_few(faults: Faults, by_role: Away, request: pytest.FixtureRequest) -> None:
    real = 1 if request.config.getoption("soak") else 0  # minutes that pass by themselves
    with by_role.desk.daemon(), contextlib.ExitStack() as parts:
        several = [parts.enter_context(by_role.desk.connection()) for _ in range(4)]
        for turn in faults:
            by_role.returns()
            by_role.stepped.suspend(2 * LIFE)
            token = by_role.ask(several[0])["result"]["token"]
            by_role.until((-1.0, POOR)[turn % 2], token)
            throttled = turn % 3 == 1
            by_role.goes(moods.complains(429, "TooManyRequestsException") if throttled else moods.says(200, ""))
            before, begin = by_role.front.asked, time.monotonic() - 60.0
            if turn < real:
                begin = time.monotonic()
                hammer(by_role, several, 60.0)
            else:
                for _ in range(12):
                    hammer(by_role, several, 0.2)
                    by_role.stepped.suspend(PAUSE)
            times = by_role.front.asked - before
            times //= 2 if throttled else 1  # botocore asks again then
            minutes = (time.monotonic() - begin) / 60.0  # a busy machine takes longer for each of the twelve steps
            faults.hold(2 <= times <= 15 * minutes, f"AWS is asked {times} times in {minutes:.1f} minutes")


@pytest.mark.promise(BOUNDED, fault="empty, nobody asks", short=1, long=2)
def test_attempts_of_the_background_are_few(faults: Faults, by_role: Away, request: pytest.FixtureRequest) -> None:
    attempts = 5 if request.config.getoption("soak") else 2
    with by_role.desk.daemon(), by_role.desk.connection() as connection:
        for turn in faults:
            by_role.returns()
            by_role.stepped.suspend(2 * LIFE)
            token = by_role.ask(connection)["result"]["token"]
            by_role.until((POOR, -1.0)[turn % 2], token)
            by_role.goes(moods.says(200, ""))
            by_role.ask(connection)
            before, begin = by_role.front.asked, time.monotonic()
            eventually(partial(asked, by_role, before + attempts), "it tries again", 120.0)
            # A second, twice that, and so on; each up to a fifth less.
            least = 0.8 * (2**attempts - 1) - 0.5
            faults.hold(time.monotonic() - begin >= least, f"AWS is asked {attempts} times in less than {least} s")
