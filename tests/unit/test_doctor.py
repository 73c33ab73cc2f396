"""The doctor's walk, with answers of a daemon that are played, and how it is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dsqltok import __version__, doctor, doctortext, errors
from dsqltok.doctortext import Outcome, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS = {
    "version": __version__,
    "pid": 12,
    "keyring": {"state": "in use", "backend": "x.Keyring", "error": None},
}
TARGET: dict[str, Any] = {
    "config": "/app/atlas.hcl",
    "data": "db",
    "host": "abc.dsql.us-east-1.on.aws",
    "region": "us-east-1",
    "action": "DbConnect",
    "identity": "profile default",
    "warnings": [],
    "user": "app",
    "env": "dsql",
    "refusal": errors.ConfigurationError("the url leads elsewhere", hint="change it").as_data(),
    "connection": None,
}  # so that the walk ends there, and looks at no network


def walk(answers: Mapping[str, Any]) -> dict[str, Step]:
    def ask(method: str, _params: dict[str, object]) -> dict[str, Any]:
        answer = {"daemon.status": STATUS, "target.describe": TARGET, **answers}[method]
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    return {step.name: step for step in doctor.walk(doctor.Visit({"config": None, "env": None}, ask))}


def test_a_daemon_of_another_version_is_a_warning() -> None:
    step = walk({"daemon.status": STATUS | {"version": "0.0.9"}})["daemon"]
    assert step.outcome is Outcome.WARNING
    assert "version 0.0.9" in step.text
    assert "dsqltok stop" in step.hint


def test_a_daemon_that_answers_in_another_shape_does_not_end_the_walk() -> None:
    found = walk({"daemon.status": {"version": "0.0.9", "pid": 12}})
    assert found["daemon"].outcome is Outcome.WARNING
    assert (found["keyring"].outcome, found["keyring"].exit_code) == (Outcome.FAILED, 7)
    assert "dsqltok stop" in found["keyring"].hint
    assert found["target"].text == "the url leads elsewhere"


def test_a_daemon_that_hangs_is_a_failure_and_its_steps_are_not_taken() -> None:
    found = walk({"daemon.status": errors.TimedOutError("the daemon does not answer", hint="see its log")})
    assert (found["daemon"].outcome, found["daemon"].exit_code) == (Outcome.FAILED, 8)
    dependent = [step for name, step in found.items() if name not in ("daemon", "socket")]
    assert {(step.outcome, step.text) for step in dependent} == {
        (Outcome.SKIPPED, "not looked at, since daemon failed")
    }


def test_a_keyring_in_use_is_named() -> None:
    assert walk({})["keyring"].text == "in use (x.Keyring)"


def test_a_locked_keyring_is_a_warning_with_its_remedy() -> None:
    error = errors.UnavailableError("the keyring is locked", hint="unlock it").as_data()
    step = walk({"daemon.status": STATUS | {"keyring": {"state": "memory only", "backend": None, "error": error}}})
    assert (step["keyring"].outcome, step["keyring"].hint) == (Outcome.WARNING, "unlock it")


def test_a_broken_edit_that_is_not_in_use_is_a_warning() -> None:
    step = walk({"target.describe": TARGET | {"warnings": ["line 3 is broken; the last good version is used"]}})
    assert step["project"].outcome is Outcome.WARNING
    assert step["project"].text == "line 3 is broken; the last good version is used"


@pytest.mark.parametrize(
    ("data", "failed"),
    [({}, "project"), ({"absent": "env"}, "env"), ({"absent": "token"}, "target")],
    ids=["project", "env", "target"],
)
def test_what_is_wrong_with_a_project_is_told_where_it_belongs(data: dict[str, object], failed: str) -> None:
    found = walk({"target.describe": errors.NotFoundError("not there", hint="see", data=data)})
    assert [name for name, step in found.items() if step.outcome is Outcome.FAILED] == [failed]
    assert found[failed].text == "not there"


def test_a_url_that_leads_elsewhere_is_no_target() -> None:
    step = walk({})["target"]
    assert (step.outcome, step.text, step.hint) == (Outcome.FAILED, "the url leads elsewhere", "change it")


def test_a_token_of_another_endpoint_than_was_looked_at_is_not_taken_there() -> None:
    connection = {"places": 2, "host": TARGET["host"], "hostaddr": "127.0.0.1", "port": "1", "user": "app"}
    who = {
        "credentials": None,
        "chain": ["default"],
        "profile_from": None,
        "region": None,
        "refusal": None,
        "skew": None,
    }
    found = walk(
        {
            "target.describe": TARGET | {"refusal": None, "connection": connection},
            "identity.describe": who | {"caller": {"arn": "arn", "account": "1"}},
            "token.get": {"token": "t", "host": "other.dsql.us-east-1.on.aws", "region": "r", "expires_at": "e"},
        }
    )
    assert found["target"].text.endswith("by profile default; the first of 2 places, the only one looked at")
    assert found["token"].outcome is Outcome.FAILED
    assert "the project has changed" in found["token"].text
    assert found["login"].outcome is Outcome.SKIPPED


# --- how it is shown ------------------------------------------------------------------------------------

GOOD = Step("env", Outcome.GOOD, '"dsql"')
CHAIN = Step("profile", Outcome.GOOD, "prod (access key) → role X → role Y")
FAILED = Step("project", Outcome.FAILED, "a.hcl:1:1: mistake\n  url = 1\n  ^", "correct \x1b[1mit", 4)
SKIPPED = Step("login", Outcome.SKIPPED, "not looked at, since project failed")


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "de_DE.utf8"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "C.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "C.UTF-8", "LC_ALL": ""}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
        ({}, False),
    ],
)
def test_the_locale_decides_on_the_signs(environment: dict[str, str], shown: bool) -> None:
    assert doctortext.line(GOOD, doctortext.signs(environment)).startswith("✓" if shown else "ok")


def test_a_step_is_a_line_with_its_remedy_below() -> None:
    signs = doctortext.signs({"LANG": "C.UTF-8"})
    assert "".join(doctortext.line(step, signs) for step in (GOOD, CHAIN, FAILED, SKIPPED)) == (
        '✓ env       "dsql"\n'
        "✓ profile   prod (access key) → role X → role Y\n"
        "✗ project   a.hcl:1:1: mistake\n"
        "              url = 1\n"
        "              ^\n"
        "            hint: correct \\x1b[1mit\n"
        "- login     not looked at, since project failed\n"
    )


def test_in_ascii_the_chain_is_drawn_too() -> None:
    line = doctortext.line(CHAIN, doctortext.signs({"LC_ALL": "C"}))
    assert line == "ok   profile   prod (access key) -> role X -> role Y\n"


def test_as_json_a_step_that_was_not_taken_is_null() -> None:
    found: Any = json.loads(json.dumps(doctortext.as_data([GOOD, FAILED, SKIPPED])))
    assert found["ok"] is False
    assert [step["ok"] for step in found["steps"]] == [True, False, None]
    assert found["steps"][0] == {"step": "env", "ok": True, "text": '"dsql"', "hint": None}
    warned = doctortext.as_data([Step("keyring", Outcome.WARNING, "locked", "unlock it")])
    assert warned == {"ok": True, "steps": [{"step": "keyring", "ok": True, "text": "locked", "hint": "unlock it"}]}
