"""Whatever is wrong with somebody's AWS, he gets one typed error in time, and nobody else notices.

A secret stands wherever a failure may quote something. After each test everything that is said and kept is searched.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from desk import ACCESS_KEY_ID, SECRET_ACCESS_KEY, eventually
from standin import moods, people
from standin.moods import MoodySts
from standin.sts import BlackHole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from subprocess import CompletedProcess

    from desk import Desk
    from standin.moods import Mood

CANARY = "c4n4ry-wJalrXUtnFEMI"
BLOCK = 'data "aws_dsql_token" "db" {\n  endpoint = "abc.dsql.us-east-1.on.aws"\n}\n'
ROLE = "arn:aws:iam::123456789012:role/Dev"
USER = "arn:aws:sts::123456789012:assumed-role/Dev/dsqltok"
KEYS = f"aws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n"
AT_ONCE = 6  # clients
PATIENT = "aws_timeout = 40\n"  # more than anything takes that does not hang, however busy the machine
IMPATIENT = "aws_timeout = 3\n"

Row = tuple[int, str]
"""An exit code, and words of the message."""


@pytest.fixture(autouse=True)
def said(desk: Desk) -> Iterator[list[str]]:
    """Collect what was said, and search it for the secret at the end, with all that the daemon keeps."""
    words: list[str] = []
    desk.project(BLOCK)
    desk.configure(PATIENT)
    yield words
    assert CANARY not in "".join(words)
    assert CANARY not in desk.ok("status", "--json")
    assert CANARY not in desk.ok("status")
    for path in desk.log.parent.rglob("*"):
        assert not path.is_file() or CANARY not in path.read_text()


def get(desk: Desk, env: Mapping[str, str | None]) -> CompletedProcess[str]:
    return desk.dsqltok("get", "--data", "db", env={"AWS_EC2_METADATA_DISABLED": "true", **env})


def check(done: CompletedProcess[str], row: Row, said: list[str]) -> None:
    """Hold a failure against its row; it names no class of Python's or botocore's."""
    code, words = row
    said.append(done.stdout + done.stderr)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert words in done.stderr, done.stderr
    assert done.stderr.splitlines()[-1].startswith("hint: "), done.stderr
    assert "Traceback" not in done.stderr
    assert not re.search(r"\w(Error|Exception)\b", re.sub(r"aws says \w+", "", done.stderr)), done.stderr


def all_fail(desk: Desk, rows: Mapping[str, tuple[Mapping[str, str | None], Row]], said: list[str]) -> None:
    """Have a few clients at a time ask in the environments of the rows, and check that each fails as its row says."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for name, done in zip(rows, pool.map(lambda row: get(desk, row[0]), rows.values()), strict=True):
            try:
                check(done, rows[name][1], said)
            except AssertionError as error:
                raise AssertionError(f"{name}: {error}") from None
    desk.ok("get", "--data", "db")


def step(name: str, source: str, more: str = "") -> str:
    return f"[profile {name}]\nrole_arn = {ROLE}\nsource_profile = {source}\n{more}"


SSO = "sso_account_id = 123456789012\nsso_role_name = Dev\n"
TORN = "[sso-session torn]\nsso_region = x\nsso_start_url = y\n"
PROFILES: dict[str, tuple[str, Row]] = {
    "keyless": (f"[profile keyless]\naws_access_key_id = {ACCESS_KEY_ID}\n", (5, '"keyless": half of an access key')),
    "idless": (f"[profile idless]\naws_secret_access_key = {CANARY}\n", (5, '"idless": half of an access key')),
    "blank": (f"[profile blank]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key =\n", (5, "half of an")),
    "rootless": (f"[profile rootless]\nrole_arn = {ROLE}\n", (4, "its role_arn has nothing to assume it from")),
    "roleless": ("[profile roleless]\nsource_profile = default\n", (4, "it has source_profile but no role_arn")),
    "dangling": (step("dangling", "nobody"), (4, 'its source_profile "nobody" does not exist')),
    "deep": (step("deep", "rootless"), (4, 'profile "rootless", a source of profile "deep": its role_arn has nothing')),
    "poor": (step("poor", "bare") + "[profile bare]\nregion = us-east-1\n", (5, 'profile "bare", a source of profile')),
    "half": (step("half", "keyless"), (5, 'profile "keyless", a source of profile "half": half of an access key')),
    "self": (step("self", "self"), (4, "leads back to itself: self → self")),
    "one": (step("one", "two"), (4, "leads back to itself: one → two → three → one")),
    "two": (step("two", "three"), (4, "leads back to itself: two → three → one → two")),
    "three": (step("three", "one"), (4, "leads back to itself: three → one → two → three")),
    "both": (
        step("both", "default", "credential_source = Environment\n"),
        (4, "both source_profile and credential_source"),
    ),
    "moon": (
        f"[profile moon]\nrole_arn = {ROLE}\ncredential_source = {CANARY}\n",
        (4, "its credential_source is none"),
    ),
    "none": (f"[profile none]\nrole_arn = {ROLE}\ncredential_source = Environment\n", (5, "Environment gave no")),
    "lost": (f"[profile lost]\nsso_session = nowhere\n{SSO}", (4, 'its sso_session "nowhere" does not exist')),
    "thin": (
        f"[profile thin]\nsso_session = thin\n{SSO}[sso-session thin]\nsso_region = us-east-1\n",
        (4, "lack sso_start_url"),
    ),
    "shy": ("[profile shy]\nsso_session = thin\n", (4, "lack sso_start_url, sso_account_id, sso_role_name")),
    "torn": (
        f"[profile torn]\nsso_session = torn\nsso_region = {CANARY}\n{SSO}{TORN}",
        (4, "its sso_region is not that of its sso_session"),
    ),
    "webless": (
        "[profile webless]\nweb_identity_token_file = /nonexistent\n",
        (4, "web_identity_token_file but no role_arn"),
    ),
    "fileless": (
        f"[profile fileless]\nrole_arn = {ROLE}\nweb_identity_token_file = /nonexistent\n",
        (4, "is not there"),
    ),
    "folder": (f"[profile folder]\nrole_arn = {ROLE}\nweb_identity_token_file = /usr\n", (4, "cannot be read")),
    "unarned": ("[profile unarned]\nrole_arn = Dev\nsource_profile = default\n", (4, "Dev is no role's arn")),
    "brief": (step("brief", "default", "external_id = x\n"), (4, "its external_id is none that AWS takes")),
    "quoted": (f'[profile quoted]\ncredential_process = "helper {CANARY}\n', (4, "a setting of it makes no sense")),
    "empty": ("[profile empty]\ncredential_process =\n", (4, "its credential_process is empty")),
    "far": (step("far", "default", "region = eu west\n"), (4, "what is configured as the region cannot be one")),
}


def test_a_profile_that_cannot_work_is_told_by_what_is_wrong_with_it(desk: Desk, said: list[str]) -> None:
    desk.aws(config="".join(text for text, _ in PROFILES.values()))
    rows = {name: ({"AWS_PROFILE": name}, row) for name, (_, row) in PROFILES.items()}
    more: dict[str, tuple[dict[str, str | None], Row]] = {
        "gone": ({"AWS_PROFILE": "gone"}, (4, 'there is no profile "gone"')),
        "half of the environment": (
            {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID},
            (5, "the environment: half of an access key"),
        ),
        "no moment": (
            {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": CANARY, "AWS_CREDENTIAL_EXPIRATION": CANARY},
            (5, "the expiry of its credentials is no moment in time"),
        ),
        "no endpoint": (
            {"AWS_PROFILE": "brief", "AWS_ENDPOINT_URL_STS": f"{CANARY}:nowhere"},
            (4, "a setting of it makes no sense"),
        ),
    }
    all_fail(desk, {**rows, **more}, said)


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 50 << 20)


def bare(path: Path) -> None:
    path.touch(mode=0o000)


def text(words: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(words)


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "bare": (bare, "permission denied"),
    "directory": (Path.mkdir, "it is no regular file"),
    "fifo": (os.mkfifo, "it is no regular file"),
    "huge": (huge, "it is larger than 2 MiB"),
    "binary": (lambda path: path.write_bytes(bytes(range(256)) * 100), "binary is no text"),
    "sections": (
        text(f"[default]\nregion = us-east-1\n[default]\nx = {CANARY}\n"),
        "sections:3: the section is there twice",
    ),
    "keys": (text(f"[default]\nx = y\nx = {CANARY}\n"), "keys:3: the setting is there twice"),
    "stray": (text(f"[default]\n{CANARY}\n"), "stray:2: the line is no setting"),
    "headless": (text(f"{CANARY} = 1\n"), "headless:1: the line is no setting"),
}


def test_an_aws_file_that_cannot_be_read_is_named_and_counts_again_once_it_is_mended(
    desk: Desk, said: list[str]
) -> None:
    kinds = {name: each for name, each in FILES.items() if name != "bare" or people.ordinary().uid != 0}
    for name, (make, _) in kinds.items():
        make(desk.work / name)
    people.ordinary().own(desk.work)
    rows = {
        f"{name} as {variable}": ({variable: str(desk.work / name)}, (4, words))
        for name, (_, words) in kinds.items()
        for variable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
    }
    all_fail(desk, rows, said)
    desk.write(desk.work / "stray", "[default]\n")
    eventually(lambda: get(desk, {"AWS_CONFIG_FILE": str(desk.work / "stray")}).returncode == 0, "it is mended")


def printing(**parts: object) -> str:
    keys = {"Version": 1, "AccessKeyId": ACCESS_KEY_ID, "SecretAccessKey": CANARY, **parts}
    return f"echo '{json.dumps({name: value for name, value in keys.items() if value is not None})}'"


HELPERS: dict[str, tuple[str, Row]] = {
    "fails": (f"echo {CANARY} >&2; echo {CANARY}; exit 1", (5, '"fails": its credential_process failed with status 1')),
    "floods": ("head -c 1073741824 /dev/zero", (5, "printed more than 64 KiB")),
    "complains": (f"yes {CANARY} | head -c 10000000 >&2; exit 2", (5, "failed with status 2")),
    "chats": (f"echo {CANARY}", (5, "printed no JSON")),
    "mumbles": ("head -c 1000 /dev/urandom", (5, "printed no JSON")),
    "lists": (f"echo '[\"{CANARY}\"]'", (5, "printed JSON that is no object")),
    "advances": (printing(Version=2), (5, "of a version other than 1")),
    "forgets": (printing(AccessKeyId=None), (5, "printed no AccessKeyId")),
    "ages": (printing(Expiration="2001-01-01T00:00:00Z"), (5, "printed credentials that have expired")),
    "dreams": (printing(Expiration="soon", SessionToken=CANARY), (5, "is no moment in time")),
    "drifts": (printing(Expiration="2999-01-01T00:00:00", SessionToken=CANARY), (5, "is no moment in time")),
}
HANGING = {"hangs": "sleep 1000", "lingers": "exec >&-; sleep 1000"}


def profiles(desk: Desk, started: Path, scripts: Mapping[str, str]) -> str:
    """Write helpers that note which processes they start, and return a profile for each."""
    config = f"[profile other]\n{KEYS}"
    for name, script in scripts.items():
        begin = f"#!/bin/sh\nsleep 1000 & echo $! >> {started}; echo $$ >> {started}\n"
        helper = desk.write(desk.work / f"helper-{name}", begin + script + "\n", mode=0o700)
        config += f"[profile {name}]\ncredential_process = {helper}\n"
    return config


def test_a_helper_that_gives_no_credentials_leaves_nothing_behind(desk: Desk, said: list[str]) -> None:
    started = desk.work / "started"
    config = profiles(desk, started, {name: script for name, (script, _) in HELPERS.items()})
    plain = desk.write(desk.work / "plain", "#!/bin/sh\n")
    config += f"[profile plain]\ncredential_process = {plain} {CANARY}\n"
    config += f"[profile absent]\ncredential_process = /nonexistent {CANARY}\n"
    desk.aws(config=config)
    desk.ok("get", "--data", "db")
    rows: dict[str, Row] = {name: row for name, (_, row) in HELPERS.items()}
    rows["plain"] = (4, "its credential_process cannot be started: permission denied")
    rows["absent"] = (4, "its credential_process cannot be started: no such file")
    all_fail(desk, {name: ({"AWS_PROFILE": name}, row) for name, row in rows.items()}, said)
    assert len(started.read_text().split()) == 2 * len(HELPERS)
    eventually(lambda: not [pid for pid in started.read_text().split() if alive(int(pid))], "all have ended")


def test_a_helper_that_hangs_leaves_nothing_behind_and_keeps_nobody_waiting(desk: Desk, said: list[str]) -> None:
    started = desk.work / "started"
    desk.aws(config=profiles(desk, started, HANGING))
    desk.ok("get", "--data", "db")
    too_long = (8, "no credentials within 3 s")
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(get, desk, {"AWS_PROFILE": "hangs"})
        eventually(started.exists, "the helper runs")
        assert get(desk, {"AWS_PROFILE": "other"}).returncode == 0
        assert not hanging.done()
        desk.configure(IMPATIENT)
        desk.kill()  # who waits asks the next daemon, which goes by that
        check(hanging.result(), too_long, said)
    check(get(desk, {"AWS_PROFILE": "lingers"}), too_long, said)
    eventually(lambda: not [pid for pid in started.read_text().split() if alive(int(pid))], "all have ended")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_helper_whose_child_holds_the_pipe_has_done_its_work(desk: Desk) -> None:
    helper = desk.write(desk.work / "helper", f"#!/bin/sh\nsleep 1000 &\n{printing()}\n", mode=0o700)
    desk.aws(config=f"[profile forks]\ncredential_process = {helper}\n")
    assert get(desk, {"AWS_PROFILE": "forks"}).returncode == 0


def issuing(**given: Any) -> Mood:
    return moods.issues(**({"user": USER, "secret": CANARY} | given))


# How each mood ends, and how often STS is asked: botocore tries what may pass twice, and nothing else again.
MOODS: dict[str, tuple[Mood, Row, int]] = {
    "throttles": (moods.complains(400, "Throttling"), (7, "aws says Throttling: Because"), 2),
    "is busy": (moods.complains(429, "TooManyRequestsException"), (7, "aws says TooManyRequests"), 2),
    "is down": (moods.complains(503, "ServiceUnavailable"), (7, "aws says ServiceUnavailable"), 2),
    "denies": (moods.complains(403, "AccessDenied"), (6, f'"work", role {ROLE}: aws says AccessDenied'), 1),
    "knows no key": (
        moods.complains(403, "InvalidClientTokenId"),
        (5, 'renew the credentials of profile "default", a source of profile "work"'),
        1,
    ),
    "quotes": (moods.complains(400, "ValidationError", f"Value '{CANARY}' at 'x' failed"), (4, "the value at 'x'"), 1),
    "blunders": (moods.says(200, f"<a><b>{CANARY}"), (7, "the answer makes no sense"), 1),
    "greets": (moods.says(200, f"<html><body>{CANARY}<br></body></html>"), (7, "the answer makes no sense"), 1),
    "is well formed": (moods.says(200, f"<html>{CANARY}</html>"), (7, "the answer makes no sense"), 1),
    "is empty": (moods.says(200, ""), (7, "the answer makes no sense"), 1),
    "leads on": (moods.says(302, "", Location="http://127.0.0.1:9/"), (7, "the answer makes no sense"), 1),
    "has no key": (issuing(key=""), (7, "the answer lacks AccessKeyId"), 1),
    "has no secret": (issuing(secret=""), (7, "the answer lacks SecretAccessKey, SessionToken"), 1),
    "never ends": (issuing(expiration=""), (7, "the answer lacks Expiration"), 1),
    "has ended": (issuing(expiration="2001-01-01T00:00:00Z"), (5, "the credentials in the answer have expired"), 1),
    "ends some day": (issuing(expiration=CANARY), (7, "the answer makes no sense"), 1),
    "is mistaken": (issuing(user=USER.replace("Dev", "Admin")), (7, "the answer is for another role"), 1),
}


def at_work(url: str) -> dict[str, str]:
    """Return an environment in which STS is there, and is asked for a role."""
    return {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_STS": url}


def test_what_sts_does_wrong_is_told_and_not_asked_for_again_at_once(desk: Desk, said: list[str]) -> None:
    desk.aws(config=step("work", "default"))
    with contextlib.ExitStack() as parts:
        beds = {name: parts.enter_context(MoodySts(mood)) for name, (mood, _, _) in MOODS.items()}
        rows: dict[str, tuple[Mapping[str, str | None], Row]] = {
            name: (at_work(beds[name].url), row) for name, (_, row, _) in MOODS.items()
        }
        environment, row = rows.pop("denies")
        check(get(desk, environment), row, said)
        eventually(lambda: "s old; a new one can be had in " in get(desk, environment).stderr, "it is told again")
        check(get(desk, environment), row, said)
        tls = parts.enter_context(MoodySts(moods.drips, tls=True))
        elsewhere: dict[str, tuple[str, Row]] = {
            "untrusted": (tls.url, (7, "the TLS certificate of AWS was not accepted at 127.0.0.1")),
            "refused": (f"http://me:{CANARY}@127.0.0.1:9", (7, "AWS cannot be reached at 127.0.0.1")),
            "no such name": ("http://sts.invalid", (7, "AWS cannot be reached at sts.invalid")),
        }
        all_fail(desk, rows | {name: (at_work(url), row) for name, (url, row) in elsewhere.items()}, said)
        asked = {name: bed.asked for name, bed in beds.items()}
        assert asked == {name: times for name, (_, _, times) in MOODS.items()}


def test_sts_that_hangs_is_given_up(desk: Desk, said: list[str]) -> None:
    desk.configure(IMPATIENT)
    desk.aws(config=step("work", "default"))
    with BlackHole() as hole, MoodySts(moods.drips) as dripping:
        for url in (hole.url, dripping.url):
            check(get(desk, at_work(url)), (8, "no credentials within 3 s"), said)
        assert dripping.asked == 1
    desk.configure(PATIENT)
    eventually(lambda: get(desk, {}).returncode == 0, "there are tokens by other keys")


def test_sts_that_floods_fills_no_memory(desk: Desk, said: list[str]) -> None:
    desk.configure("aws_timeout = 20\n")
    desk.aws(config=step("work", "default"))
    with MoodySts(moods.floods) as sts:
        done = get(desk, {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL_STS": sts.url})
        check(done, (7, "an answer is larger than there is memory for"), said)
    desk.ok("get", "--data", "db")
