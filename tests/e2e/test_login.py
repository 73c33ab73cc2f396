"""`dsqltok login`: a person adds an MFA code or confirms an SSO login, and what waited for that goes on."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from desk import ACCESS_KEY_ID, BIN, SECRET_ACCESS_KEY, eventually
from standin.mfa import MfaSts
from terminal import at_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Desk
    from standin.sso import Sso
    from standin.sts import Sts

SERIAL = "arn:aws:iam::123456789012:mfa/ana"
ROLE = "arn:aws:iam::123456789012:role/Ops"
CREDENTIALS = 5
PROBE_PAUSE_S = 30.0  # until a `get` asks AWS again after a failure that only a person can mend
DSQLTOK = str(BIN / "dsqltok")


@pytest.fixture
def mfa(desk: Desk, sts: Sts, example: Callable[[str], str]) -> Iterator[MfaSts]:
    """Give a profile whose role asks for a code."""
    with MfaSts(sts.url, SERIAL) as front:
        desk.aws(
            config="[profile ops]\nregion = us-east-1\nsource_profile = base\n"
            f"role_arn = {ROLE}\nmfa_serial = {SERIAL}\nendpoint_url = {front.url}\n",
            credentials=f"[base]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n",
        )
        desk.environment["AWS_PROFILE"] = "ops"
        example("admin")
        yield front


def piped(desk: Desk, code: str, *command: str) -> tuple[int, str, str]:
    done = desk.run("setsid", "--wait", "sh", "-c", f"echo {code} | {DSQLTOK} {' '.join(command)}")
    return done.returncode, done.stdout, done.stderr


def test_a_get_that_needs_a_code_fails_at_once_with_the_command_to_run(desk: Desk, mfa: MfaSts) -> None:
    done = desk.dsqltok("get", "dsql")
    assert (done.returncode, done.stdout) == (CREDENTIALS, "")
    assert f"asks for an mfa code of {SERIAL}" in done.stderr
    assert "hint: run dsqltok login dsql\n" in done.stderr
    project = desk.project((desk.work / "atlas.hcl").read_text().replace('env "dsql"', 'env "-n"'), "other.hcl")
    assert "hint: run dsqltok login --env=-n\n" in desk.dsqltok("get", "--env=-n", "-c", str(project)).stderr
    assert mfa.asked == 0


def test_a_code_from_the_terminal_logs_in_for_as_long_as_the_session_lasts(
    desk: Desk, mfa: MfaSts, sts: Sts, login: Callable[..., str]
) -> None:
    mfa.code = "987654"
    with at_terminal(desk, DSQLTOK, "login", "dsql") as terminal:
        terminal.answer(f"mfa code of {SERIAL}: ", "987654")
        assert terminal.end() == 0
    assert "profile ops: logged in until 20" in terminal.screen
    assert "987654" not in terminal.screen
    assert login(token=desk.ok("get", "dsql", "-n")) == "admin"
    assert login(url=desk.ok("url", "dsql", "-n")) == "admin"
    assert mfa.asked == 1
    assert sts.issued()[-1].role_arn == ROLE


def test_a_code_may_be_piped_where_there_is_no_terminal(desk: Desk, mfa: MfaSts) -> None:
    mfa.code = "654321"
    code, out, err = piped(desk, "654321", "login")
    assert (code, err) == (0, "")
    assert out.startswith("profile ops: logged in until ")
    assert desk.ok("get")


def test_a_wrong_code_says_what_to_do_and_a_good_one_heals_at_once(desk: Desk, mfa: MfaSts) -> None:
    mfa.code = "111111"
    code, out, err = piped(desk, "222222", "login")
    assert (code, out) == (CREDENTIALS, "")
    assert "invalid MFA one time pass code" in err
    assert "hint: wait for the next code, which works once: dsqltok login" in err
    mfa.code = "333333"
    assert piped(desk, "333333", "login")[0] == 0
    assert desk.ok("get")


def test_no_code_is_a_mistake_of_the_caller(desk: Desk, mfa: MfaSts) -> None:
    code, _, err = piped(desk, "", "login")
    assert (code, mfa.asked) == (2, 0)
    assert "no mfa code was given" in err


def test_a_get_at_a_terminal_offers_to_log_in(desk: Desk, mfa: MfaSts) -> None:
    mfa.code = "123456"
    with at_terminal(desk, DSQLTOK, "get", "dsql") as terminal:
        terminal.answer("log in now? [Y/n] ", "")
        terminal.answer("mfa code of", "123456")
        assert terminal.end() == 0
    assert "cluster-id.dsql.us-east-1.on.aws/?Action=DbConnectAdmin" in terminal.screen


def test_who_declines_the_offer_gets_the_error(desk: Desk, mfa: MfaSts) -> None:
    with at_terminal(desk, DSQLTOK, "get", "dsql") as terminal:
        terminal.answer("log in now? [Y/n] ", "n")
        assert terminal.end() == CREDENTIALS
    assert mfa.asked == 0


def test_the_end_of_the_input_declines_the_offer(desk: Desk, mfa: MfaSts) -> None:
    with at_terminal(desk, DSQLTOK, "get", "dsql") as terminal:
        terminal.give_up("log in now? [Y/n] ")
        assert terminal.end() == CREDENTIALS
    assert mfa.asked == 0


def test_the_end_of_the_input_is_no_code(desk: Desk, mfa: MfaSts) -> None:
    with at_terminal(desk, DSQLTOK, "login", "dsql") as terminal:
        terminal.give_up("mfa code of")
        assert terminal.end() == 2
    assert "no mfa code was given" in terminal.screen
    assert mfa.asked == 0


@pytest.mark.parametrize(("command", "code"), [("get", CREDENTIALS), ("login", 2)])
def test_a_script_with_its_input_closed_gets_the_error_too(desk: Desk, mfa: MfaSts, command: str, code: int) -> None:
    done = desk.run("setsid", "--wait", "sh", "-c", f"exec {DSQLTOK} {command} dsql <&-")
    assert (done.returncode, done.stdout, mfa.asked) == (code, "", 0)
    assert "hint: run dsqltok login" in done.stderr


def test_logging_in_again_renews_a_session_that_still_lives(desk: Desk, mfa: MfaSts, sts: Sts) -> None:
    for code in ("123456", "234567"):
        mfa.code = code
        before = len(sts.issued())
        assert piped(desk, code, "login")[0] == 0
        assert len(sts.issued()) == before + 1


def test_who_needs_no_person_is_logged_in_at_once(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    assert desk.ok("login").startswith("profile default: logged in until ")


START_URL = "https://corp.awsapps.com/start"
SSO = """
[sso-session corp]
sso_region = us-east-1
sso_start_url = https://corp.awsapps.com/start
[profile sso]
region = us-east-1
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Dba
"""
LEGACY = """
[profile sso]
region = us-east-1
sso_region = us-east-1
sso_start_url = https://corp.awsapps.com/start
sso_account_id = 123456789012
sso_role_name = Dba
"""


@pytest.fixture
def signing_in(desk: Desk, sso: Sso, example: Callable[[str], str]) -> Sso:
    """Give a profile of an SSO session that nobody has begun."""
    desk.aws(config=SSO)
    desk.environment |= {
        "AWS_PROFILE": "sso",
        "AWS_ENDPOINT_URL_SSO": sso.url,
        "AWS_ENDPOINT_URL_SSO_OIDC": sso.url,
        "BROWSER": "/bin/true",
    }
    example("admin")
    return sso


def person(sso: Sso, act: Callable[[], None]) -> threading.Thread:
    """Have a person act at the browser once a device waits for that."""

    def wait() -> None:
        eventually(lambda: bool(sso.devices) and sso.devices[-1].standing == "authorization_pending", "a device waits")
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_get_without_an_sso_session_names_the_command(desk: Desk, signing_in: Sso) -> None:
    done = desk.dsqltok("get", "dsql")
    assert (done.returncode, done.stdout) == (CREDENTIALS, "")
    assert "sso session has expired, or was never begun" in done.stderr
    assert "hint: run dsqltok login dsql\n" in done.stderr
    assert not signing_in.devices


@pytest.mark.parametrize("config", [SSO, LEGACY], ids=["session", "legacy"])
def test_an_sso_login_in_the_browser_ends_in_a_token_that_logs_in(
    desk: Desk, signing_in: Sso, login: Callable[..., str], config: str
) -> None:
    desk.aws(config=config)
    waiting = person(signing_in, signing_in.approve)
    done = desk.dsqltok("login", "dsql", "--no-browser")
    waiting.join()
    assert done.returncode == 0, done.stderr
    code = signing_in.devices[-1].user_code
    assert done.stderr == f"confirm the code {code} at {signing_in.page}?user_code={code}\n"
    assert done.stdout.startswith("profile sso: logged in until ")
    assert login(token=desk.ok("get", "dsql", "-n")) == "admin"
    assert signing_in.granted[-1].role_name == "Dba"


def test_the_login_lies_where_the_aws_cli_has_its_own(desk: Desk, signing_in: Sso) -> None:
    waiting = person(signing_in, signing_in.approve)
    desk.ok("login", "--no-browser")
    waiting.join()
    (file,) = (desk.home / ".aws/sso/cache").iterdir()
    named, expected = signing_in.signed_in(START_URL, "corp")
    assert file.name == named
    assert sorted(json.loads(file.read_text())) == sorted(json.loads(expected))
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_browser_is_opened_unless_that_is_not_wanted(desk: Desk, signing_in: Sso) -> None:
    browser = desk.write(desk.home / "browser", f'#!/bin/sh\necho "$1" > {desk.home}/opened\n', mode=0o700)
    desk.environment["BROWSER"] = str(browser)
    waiting = person(signing_in, signing_in.approve)
    desk.ok("login")
    waiting.join()
    opened = desk.home / "opened"
    eventually(lambda: opened.exists() and opened.read_text().endswith("\n"), "the browser is there")
    assert opened.read_text().startswith(f"{signing_in.page}?user_code=")


def test_a_refused_login_is_a_denial(desk: Desk, signing_in: Sso) -> None:
    waiting = person(signing_in, signing_in.deny)
    done = desk.dsqltok("login", "--no-browser")
    waiting.join()
    assert (done.returncode, done.stdout) == (6, "")
    assert "the login was refused in the browser" in done.stderr


def test_a_code_that_nobody_confirms_runs_out(desk: Desk, signing_in: Sso) -> None:
    waiting = person(signing_in, signing_in.expire)
    done = desk.dsqltok("login", "--no-browser")
    waiting.join()
    assert (done.returncode, done.stdout) == (CREDENTIALS, "")
    assert "the code was not confirmed in time" in done.stderr


def test_a_login_elsewhere_heals_what_waited_for_it_before_aws_is_asked_again(desk: Desk, signing_in: Sso) -> None:
    assert desk.dsqltok("get", "dsql").returncode == CREDENTIALS
    name, held = signing_in.signed_in(START_URL, "corp")
    desk.write(desk.home / ".aws/sso/cache" / name, held)
    eventually(lambda: desk.dsqltok("get", "dsql").returncode == 0, "the login counts", patience=PROBE_PAUSE_S / 2)


def test_a_role_on_top_of_sso_needs_the_same_login(desk: Desk, signing_in: Sso, sts: Sts) -> None:
    desk.aws(config=f"{SSO}[profile ops]\nregion = us-east-1\nrole_arn = {ROLE}\nsource_profile = sso\n")
    desk.environment |= {"AWS_PROFILE": "ops", "AWS_ENDPOINT_URL_STS": sts.url}
    assert "hint: run dsqltok login" in desk.dsqltok("get").stderr
    waiting = person(signing_in, signing_in.approve)
    assert desk.ok("login", "--no-browser").startswith("profile ops: logged in until ")
    waiting.join()
    assert sts.issued()[-1].role_arn == ROLE


def test_of_two_sso_sessions_in_an_env_the_one_that_has_ended_is_begun(desk: Desk, signing_in: Sso) -> None:
    other = SSO.replace("session corp", "session lab").replace("= corp", "= lab").replace("profile sso", "profile lab")
    desk.aws(config=SSO + other.replace("corp.awsapps", "lab.awsapps"))
    tokens = (
        f'data "aws_dsql_token" "{name}" {{\n  endpoint = "a.dsql.us-east-1.on.aws"\n  profile = "{name}"\n}}\n'
        for name in ("lab", "sso")
    )
    token = 'each.key == "lab" ? data.aws_dsql_token.lab : data.aws_dsql_token.sso'
    url = f"dsql://a:${{urlescape({token})}}@a.dsql.us-east-1.on.aws/postgres?sslmode=require"
    desk.project("".join(tokens) + f'env "dsql" {{\n  for_each = toset(["lab", "sso"])\n  url = "{url}"\n}}\n')
    name, held = signing_in.signed_in("https://lab.awsapps.com/start", "lab")
    desk.write(desk.home / ".aws/sso/cache" / name, held)
    waiting = person(signing_in, signing_in.approve)
    done = desk.ok("login", "--no-browser")
    waiting.join()
    assert [line.partition(":")[0] for line in done.splitlines()] == ["profile lab", "profile sso"]
    assert [device.start_url for device in signing_in.devices] == [START_URL]


def test_no_secret_of_a_login_is_shown_or_logged(desk: Desk, signing_in: Sso) -> None:
    waiting = person(signing_in, signing_in.approve)
    done = desk.dsqltok("login", "--no-browser")
    waiting.join()
    (file,) = (desk.home / ".aws/sso/cache").iterdir()
    held = json.loads(file.read_text())
    said = done.stdout + done.stderr + desk.log.read_text() + desk.ok("status", "--json")
    for name in ("accessToken", "refreshToken", "clientSecret"):
        assert held[name] not in said
    assert signing_in.devices[-1].device_code not in said
