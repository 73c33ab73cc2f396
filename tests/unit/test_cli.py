"""The command line: what the arguments say, what the daemon is asked, what is printed. The daemon's part is played."""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any

import pytest

from dsqltok import arguments, cli, commands, errors, paths, protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAYED = pytest.mark.skipif(sys.platform == "darwin", reason="macOS keeps the socket at a place of its own")
TOKEN = "abc.dsql.us-east-1.on.aws/?Action=DbConnectAdmin&X-Amz-Expires=900&X-Amz-Signature=c0ffee"
ANSWER = {
    "token": TOKEN,
    "expires_at": "2026-01-01T00:15:00Z",
    "host": "abc.dsql.us-east-1.on.aws",
    "user": "admin",
    "region": "us-east-1",
    "action": "DbConnectAdmin",
    "env": "dsql",
    "data": "db",
}


# --- what the arguments say -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "words", "options"),
    [
        ("pgpass", "enable a --service b", {"action": "enable", "names": ["a", "b"], "service": True}),
        ("pgpass", "disable", {"action": "disable"}),
        ("get", "", {}),
        ("get", "dsql", {"name": "dsql"}),
        ("get", "--env dsql", {"env": "dsql"}),
        ("get", "--env=dsql", {"env": "dsql"}),
        ("get", "--env=a=b", {"env": "a=b"}),
        ("get", "--env=", {"env": ""}),
        ("get", "-c x.hcl dsql -n", {"config": "x.hcl", "name": "dsql", "bare": True}),
        ("get", "dsql --config file://x.hcl", {"config": "file://x.hcl", "name": "dsql"}),
        ("get", "--var a=b --var=c=d", {"vars": ["a=b", "c=d"]}),
        ("get", "--var --env", {"vars": ["--env"]}),
        ("get", "--data db --json", {"data": "db", "json": True}),
        ("get", "--help", {"help": True}),
        ("get", "dsql -h", {"name": "dsql", "help": True}),
        ("get", "-", {"name": "-"}),
        ("url", "dsql -n --json", {"name": "dsql", "bare": True, "json": True}),
        ("status", "--json", {"json": True}),
        ("stop", "", {}),
        ("projects", "", {}),
        ("projects", "add", {"action": "add"}),
        ("projects", "add x.hcl --var a=b", {"action": "add", "file": "x.hcl", "vars": ["a=b"]}),
        ("projects", "list --json", {"action": "list", "json": True}),
    ],
)
def test_arguments_mean(command: str, words: str, options: dict[str, object]) -> None:
    assert arguments.parse(command, words.split()) == options


@pytest.mark.parametrize(
    ("positional", "words", "options"),
    [
        (("name", "*command"), "dsql -- ls -l", {"name": "dsql", "command": ["ls", "-l"]}),
        (("name", "*command"), "dsql ls -l", {"name": "dsql", "command": ["ls", "-l"]}),
        (("name", "*command"), "-- ls", {"command": ["ls"]}),
        (
            ("name", "*command"),
            "dsql --env dsql ls --env x",
            {"name": "dsql", "env": "dsql", "command": ["ls", "--env", "x"]},
        ),
        (("name", "*command"), "dsql", {"name": "dsql", "command": []}),
        (("name", "*command"), "--env=dsql -- --", {"env": "dsql", "command": ["--"]}),
        (("name", "**words"), "dsql -c x --env y", {"name": "dsql", "words": ["-c", "x", "--env", "y"]}),
        (("name", "**words"), "dsql --env dsql -At", {"name": "dsql", "env": "dsql", "words": ["-At"]}),
    ],
)
def test_another_programs_words_are_left_alone(
    positional: tuple[str, ...], words: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(arguments.COMMANDS, "run", ({"--env": "env"}, {}, positional))
    assert arguments.parse("run", words.split()) == options


def test_an_unknown_option_is_another_programs_only_where_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(arguments.COMMANDS, "run", ({"--env": "env"}, {}, ("name", "*command")))
    with pytest.raises(errors.UsageError, match="no option --evn"):
        arguments.parse("run", ["dsql", "--evn", "x", "--", "ls"])


@pytest.mark.parametrize(
    ("command", "words", "message", "hint"),
    [
        ("get", "dsql prod", 'dsqltok get has no use for "prod"', "run dsqltok get --help"),
        ("get", "--evn dsql", "dsqltok get has no option --evn", "did you mean --env?"),
        ("get", "--vra=a=secret", "dsqltok get has no option --vra", "did you mean --var?"),
        ("get", "--zzzz", "dsqltok get has no option --zzzz", "run dsqltok get --help"),
        ("get", "-x", "dsqltok get has no option -x", None),
        ("get", "--", "dsqltok get has no option --", None),
        ("get", "dsql --env", "--env needs a value", "run dsqltok get --help"),
        ("get", "--var", "--var needs a value", "run dsqltok get --help"),
        ("get", "--json=yes", "dsqltok get has no option --json", None),
        ("status", "now", 'dsqltok status has no use for "now"', "run dsqltok status --help"),
        ("stop", "--json", "dsqltok stop has no option --json", "run dsqltok stop --help"),
        ("projects", "add a.hcl b.hcl", 'dsqltok projects has no use for "b.hcl"', "run dsqltok projects --help"),
    ],
)
def test_a_mistake_is_named_with_what_was_likely_meant(
    command: str, words: str, message: str, hint: str | None
) -> None:
    with pytest.raises(errors.UsageError) as caught:
        arguments.parse(command, words.split())
    assert caught.value.message == message
    assert caught.value.hint == hint or (hint is None and caught.value.hint)


def test_an_env_may_be_named_twice_only_if_it_is_the_same() -> None:
    assert arguments.selection({"name": "a", "env": "a"})["env"] == "a"
    with pytest.raises(errors.UsageError, match='two envs are named: "a" and --env "b"') as caught:
        arguments.selection({"name": "a", "env": "b"})
    assert caught.value.hint == "name one"


@pytest.mark.parametrize(("options", "env"), [({}, None), ({"name": "a"}, "a"), ({"env": "a"}, "a"), ({"env": ""}, "")])
def test_a_name_and_env_mean_the_same(options: dict[str, object], env: str | None) -> None:
    assert arguments.selection(options)["env"] == env


def test_a_request_says_where_the_project_is_and_what_it_is_for(tmp_path: Path) -> None:
    path = str(tmp_path / "x.hcl")
    params = arguments.selection({"config": path, "data": "db", "vars": ["a=b"]})
    environment = params.pop("environment")
    assert isinstance(environment, dict)
    assert params == {
        "protocol": protocol.VERSION,
        "progress": True,
        "config": path,
        "env": None,
        "data": "db",
        "vars": ["a=b"],
    }


# --- the environment ------------------------------------------------------------------------------------


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Give an environment with nothing in it but a home."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


def sent() -> dict[str, str]:
    return {name: value for name, value in arguments.environment().items() if name != "HOME"}


def test_every_aws_variable_and_every_proxy_goes_along_and_nothing_else(bare: pytest.MonkeyPatch) -> None:
    kept = {
        "AWS_PROFILE": "prod",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EMPTY": "",
        "AWS_SOMETHING_NEW": "x",
        "HTTPS_PROXY": "http://proxy",
        "https_proxy": "http://proxy",
        "no_proxy": "localhost",
        "REQUESTS_CA_BUNDLE": "/ca.pem",
    }
    others = {"PATH": "/bin", "PGPASSWORD": "secret", "MY_AWS_KEY": "x", "NO_PROXIES": "x"}
    for name, value in (kept | others).items():
        bare.setenv(name, value)
    assert sent() == kept


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("config", "{cwd}/config"),
        ("../config", "{up}/config"),
        ("/etc/aws", "/etc/aws"),
        ("~/c", "~/c"),
        ("$X/c", "$X/c"),
    ],
)
def test_a_path_that_is_relative_is_relative_to_the_caller(
    bare: pytest.MonkeyPatch, tmp_path: Path, value: str, meant: str
) -> None:
    bare.chdir(tmp_path)
    bare.setenv("AWS_CONFIG_FILE", value)
    here = tmp_path.resolve()
    assert sent() == {"AWS_CONFIG_FILE": meant.format(cwd=here, up=here.parent)}


def test_a_value_of_any_bytes_arrives_as_it_is(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AWS_PROFILE", '\udcffé\n"')
    line = protocol.request("token.get", {"environment": dict(arguments.environment())})
    assert json.loads(line)["params"]["environment"]["AWS_PROFILE"] == '\udcffé\n"'


# --- with a daemon --------------------------------------------------------------------------------------


class Played:
    """A daemon that reads a line and answers with the next of its lines."""

    def __init__(self, path: str) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answers: list[bytes] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def will(self, *answers: bytes) -> None:
        self.answers += answers

    def run(self) -> None:
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rb") as lines:
                self.asked.append(json.loads(next(lines)))
                peer.sendall(self.answers.pop(0) if self.answers else b"")

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


@pytest.fixture
def daemon(bare: pytest.MonkeyPatch) -> Iterator[Played]:
    with tempfile.TemporaryDirectory(prefix="dt") as directory:
        bare.setenv("XDG_RUNTIME_DIR", directory)
        os.makedirs(paths.runtime_dir(), mode=0o700)
        bare.chdir(directory)
        played = Played(paths.socket_path())
        yield played
        played.stop()


def run(capfd: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.run(list(words)) == 0
    return capfd.readouterr().out


@PLAYED
def test_get_prints_the_token_and_a_newline(daemon: Played, capfd: pytest.CaptureFixture[str]) -> None:
    daemon.will(protocol.result(1, ANSWER))
    assert run(capfd, "get", "dsql") == TOKEN + "\n"
    assert [each["method"] for each in daemon.asked] == ["token.get"]
    assert daemon.asked[0]["params"]["env"] == "dsql"


@PLAYED
def test_get_without_a_newline_prints_the_token_only(daemon: Played, capfd: pytest.CaptureFixture[str]) -> None:
    daemon.will(protocol.result(1, ANSWER))
    assert run(capfd, "get", "-n", "dsql") == TOKEN


@PLAYED
def test_get_as_json_prints_what_goes_with_the_token(daemon: Played, capfd: pytest.CaptureFixture[str]) -> None:
    daemon.will(protocol.result(1, ANSWER))
    shown = json.loads(run(capfd, "get", "--json"))
    assert shown == {name: ANSWER[name] for name in ("token", "expires_at", "host", "user", "region")}


@PLAYED
def test_get_waits_as_long_as_the_daemon_asks_for(daemon: Played, capfd: pytest.CaptureFixture[str]) -> None:
    daemon.will(protocol.wait(20) + protocol.wait(20) + protocol.result(1, ANSWER))
    assert run(capfd, "get") == TOKEN + "\n"


@PLAYED
def test_what_the_user_ought_to_know_is_on_stderr(daemon: Played, capfd: pytest.CaptureFixture[str]) -> None:
    daemon.will(protocol.result(1, {"warnings": ["the last good version is used"], **ANSWER}))
    assert cli.run(["get"]) == 0
    shown = capfd.readouterr()
    assert shown.out == TOKEN + "\n"
    assert shown.err == "warning: the last good version is used\n"


@PLAYED
def test_variables_that_the_project_reads_are_sent_once_they_are_named(
    daemon: Played, capfd: pytest.CaptureFixture[str], bare: pytest.MonkeyPatch
) -> None:
    bare.setenv("STAGE", "prod")
    needed = errors.EnvironmentNeededError("needs more", data={"names": ["STAGE", "NOT_SET"]})
    daemon.will(protocol.failure(1, needed), protocol.result(1, ANSWER))
    assert run(capfd, "get") == TOKEN + "\n"
    assert "STAGE" not in daemon.asked[0]["params"]["environment"]
    environment = daemon.asked[1]["params"]["environment"]
    assert (environment["STAGE"], environment["NOT_SET"]) == ("prod", None)


@PLAYED
def test_a_project_that_never_has_enough_is_an_error(daemon: Played) -> None:
    needed = errors.EnvironmentNeededError("needs more", data={"names": ["STAGE"]})
    daemon.will(*[protocol.failure(1, needed)] * 20)
    with pytest.raises(errors.EnvironmentNeededError):
        cli.run(["get"])
    assert len(daemon.asked) < 12


@PLAYED
def test_url_prints_a_url_a_line(daemon: Played, capfd: pytest.CaptureFixture[str]) -> None:
    daemon.will(protocol.result(1, {"urls": ["postgres://a", "postgres://b"], "warnings": []}))
    assert run(capfd, "url", "dsql") == "postgres://a\npostgres://b\n"
    daemon.will(protocol.result(1, {"urls": ["postgres://a"], "warnings": []}))
    assert run(capfd, "url", "-n") == "postgres://a"
    daemon.will(protocol.result(1, {"urls": ["postgres://a"], "warnings": []}))
    assert json.loads(run(capfd, "url", "--json")) == ["postgres://a"]


@PLAYED
def test_the_daemon_s_error_is_the_command_s(daemon: Played, capfd: pytest.CaptureFixture[str]) -> None:
    daemon.will(protocol.failure(1, errors.NotFoundError("no such env", hint="it has dev")))
    with pytest.raises(errors.NotFoundError, match="no such env"):
        cli.run(["get", "x"])
    assert capfd.readouterr().out == ""


@PLAYED
def test_a_daemon_that_leaves_in_mid_request_is_asked_again(daemon: Played, capfd: pytest.CaptureFixture[str]) -> None:
    daemon.will(b"", protocol.result(1, ANSWER))
    assert run(capfd, "get") == TOKEN + "\n"
    assert len(daemon.asked) == 2


@PLAYED
def test_a_daemon_that_ends_without_an_answer_leaves_the_request_to_the_next(
    daemon: Played, capfd: pytest.CaptureFixture[str]
) -> None:
    ending = errors.UnavailableError("the daemon is ending", hint="try again")
    line = protocol.failure(1, ending, protocol.LEAVING)
    assert line.startswith(protocol.LEAVING_PREFIX)
    daemon.will(line, protocol.result(1, ANSWER))
    assert run(capfd, "get") == TOKEN + "\n"
    assert len(daemon.asked) == 2


@PLAYED
def test_what_may_be_done_only_once_is_asked_for_once(daemon: Played) -> None:
    with pytest.raises(errors.UnavailableError, match="the daemon ended before it answered"):
        cli.run(["projects", "remove", "x.hcl"])
    daemon.will(protocol.failure(1, errors.UnavailableError("the daemon is ending"), protocol.LEAVING))
    with pytest.raises(errors.UnavailableError, match="the daemon is ending"):
        cli.run(["projects", "remove", "x.hcl"])
    assert len(daemon.asked) == 2


@PLAYED
def test_a_daemon_that_never_answers_is_not_asked_for_ever(daemon: Played) -> None:
    with pytest.raises(errors.UnavailableError):
        cli.run(["status"])
    assert 1 < len(daemon.asked) < 10


@PLAYED
def test_a_request_too_large_for_the_daemon_is_not_sent(daemon: Played, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AWS_HUGE", "x" * protocol.MAX_REQUEST)
    with pytest.raises(errors.UsageError, match="more than 65536 bytes"):
        cli.run(["get"])
    assert daemon.asked == []


@PLAYED
def test_projects_are_named_by_their_absolute_path(daemon: Played, capfd: pytest.CaptureFixture[str]) -> None:
    daemon.will(protocol.result(1, {"config": "x"}))
    assert run(capfd, "projects", "add", "app/atlas.hcl", "--var", "a=b") == ""
    [asked] = daemon.asked
    assert asked["method"] == "projects.add"
    assert asked["params"]["config"] == os.path.join(os.getcwd(), "app", "atlas.hcl")
    assert asked["params"]["vars"] == ["a=b"]


@PLAYED
def test_added_projects_are_listed_without_the_values_of_their_variables(
    daemon: Played, capfd: pytest.CaptureFixture[str]
) -> None:
    daemon.will(protocol.result(1, {"projects": [{"config": "/app/atlas.hcl", "vars": ["tenant"]}]}))
    assert run(capfd, "projects") == "/app/atlas.hcl --var tenant=…\n"


# --- without a daemon -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [[], ["--help"], ["-h"], ["help"], ["get", "--help"], ["get", "x", "-h"], ["url", "-h"]]
)
def test_help_is_shown_without_a_daemon(capfd: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert run(capfd, *words) == commands.USAGE


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["version"]])
def test_the_version_is_shown_without_a_daemon(capfd: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert run(capfd, *words).startswith("dsqltok ")


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["gte"], 'there is no command "gte"', "did you mean get?"),
        (["zzz"], 'there is no command "zzz"', "run dsqltok --help"),
        (["projects", "ad"], 'there is no action "ad"', "use add, allow, list or remove"),
    ],
)
def test_a_command_that_there_is_not_is_named(words: list[str], message: str, hint: str) -> None:
    with pytest.raises(errors.UsageError) as caught:
        cli.run(words)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@PLAYED
def test_status_and_stop_start_no_daemon(
    bare: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bare.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(errors.UnavailableError, match="the daemon is not running"):
        cli.run(["status"])
    with pytest.raises(errors.UnavailableError):
        cli.run(["status", "--json"])
    assert json.loads(capfd.readouterr().out) == {"running": False}
    assert cli.run(["stop"]) == 0
    assert capfd.readouterr().err == "warning: the daemon was not running\n"


def test_a_command_without_a_project_says_so(bare: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare.chdir(tmp_path)
    with pytest.raises(errors.NotFoundError, match=r"no atlas\.hcl at or above"):
        cli.run(["projects", "add"])
