"""`dsqltok login`: a person adds an MFA code or confirms an SSO login, and what waited for that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from desk import ACCESS_KEY_ID, BIN, SECRET_ACCESS_KEY
from standin.mfa import MfaSts
from terminal import at_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Desk
    from standin.sts import Sts

SERIAL = "arn:aws:iam::123456789012:mfa/ana"
ROLE = "arn:aws:iam::123456789012:role/Ops"
CREDENTIALS = 5
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


def test_logging_in_again_renews_a_session_that_still_lives(desk: Desk, mfa: MfaSts, sts: Sts) -> None:
    for code in ("123456", "234567"):
        mfa.code = code
        before = len(sts.issued())
        assert piped(desk, code, "login")[0] == 0
        assert len(sts.issued()) == before + 1


def test_who_needs_no_person_is_logged_in_at_once(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    assert desk.ok("login").startswith("profile default: logged in until ")
