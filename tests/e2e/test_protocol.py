"""The socket as any program finds it, and as a stranger does."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from standin import people

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
    from standin.people import Person


def test_many_requests_share_a_connection(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    with desk.daemon(), desk.connection() as connection:
        for _ in range(3):
            answer = connection.ask("token.get", config=str(desk.work / "atlas.hcl"))
            assert answer["result"]["token"]
        assert connection.ask("daemon.status")["result"]["running"] is True


def test_a_malformed_request_is_explained_and_the_connection_goes_on(desk: Desk) -> None:
    with desk.daemon(), desk.connection() as connection:
        no_such = b'{"jsonrpc":"2.0","id":1,"method":"no.such"}\n'
        for line, code in ((b"{nonsense\n", -32700), (b"[]\n", -32600), (no_such, -32601)):
            connection.send(line)
            error = connection.receive()["error"]
            assert error["code"] == code
            assert error["data"]["hint"]
        assert connection.ask("projects.list")["result"] == {"projects": []}


def test_an_oversized_request_is_refused_and_the_daemon_goes_on(desk: Desk) -> None:
    with desk.daemon():
        with desk.connection() as connection:
            connection.send(b"x" * 100_000 + b"\n")
            assert "at most 65536 bytes" in connection.receive()["error"]["message"]
            assert connection.receive() is None
        assert desk.status()["running"] is True


def test_parameters_are_checked(desk: Desk) -> None:
    wrong: list[dict[str, object]] = [{"config": "atlas.hcl"}, {"config": 1}, {"vars": "a=b"}, {"environment": []}]
    odd: list[dict[str, object]] = [{"surprise": 1}, {"protocol": 2}]
    with desk.daemon(), desk.connection() as connection:
        for params in [*wrong, *odd]:
            error = connection.ask("token.get", **params)["error"]
            assert error["data"]["kind"] == "usage", params


def test_a_program_that_leaves_a_variable_out_is_told_which(desk: Desk) -> None:
    desk.project('data "aws_dsql_token" "db" {\n  endpoint = "${getenv("CLUSTER")}.dsql.us-east-1.on.aws"\n}\n')
    asked = {"config": str(desk.work / "atlas.hcl"), "data": "db"}
    with desk.daemon(), desk.connection() as connection:
        error = connection.ask("token.get", **asked)["error"]["data"]
        assert (error["kind"], error["data"]) == ("environment", {"names": ["CLUSTER"]})
        answer = connection.ask("token.get", **asked, environment={"CLUSTER": "abc"})
        assert answer["result"]["host"] == "abc.dsql.us-east-1.on.aws"


def test_another_user_is_refused_even_where_permissions_would_let_him_in(desk: Desk, stranger: Person) -> None:
    with desk.daemon():
        for path in (desk.runtime, desk.socket.parent, desk.socket):
            path.chmod(0o777)
        with desk.connection(stranger) as connection:
            connection.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "daemon.status"}).encode() + b"\n")
            assert connection.receive()["error"]["data"]["kind"] == "denied"
            assert connection.receive() is None


IMPOSTOR = """
import socket, sys
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(sys.argv[1])
    listener.listen()
    print("listening", flush=True)
    print(listener.accept()[0].recv(100), flush=True)
"""


def test_nothing_is_sent_to_a_socket_of_another_user(
    desk: Desk, stranger: Person, example: Callable[[str], str]
) -> None:
    example("admin")
    public = desk.root / "public"
    public.mkdir()
    public.chmod(0o777)
    argv = stranger.argv(sys.executable, "-c", IMPOSTOR, str(public / "socket"))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as impostor:
        assert impostor.stdout is not None
        assert impostor.stdout.readline() == "listening\n"
        desk.socket.parent.mkdir(mode=0o700)
        people.ordinary().own(desk.socket.parent)
        (public / "socket").rename(desk.socket)
        desk.socket.chmod(0o777)
        done = desk.dsqltok("get")
        assert (done.returncode, done.stdout) == (6, "")
        assert "belongs to another user" in done.stderr
        assert impostor.stdout.readline() == "b''\n"
    desk.socket.unlink()


def test_a_project_names_its_envs_and_tokens_though_it_cannot_be_evaluated(desk: Desk) -> None:
    config = desk.project(
        'variable "needed" {\n  type = string\n}\nenv "a" {}\nenv "b" {\n  url = getenv(var.needed)\n}\n'
        'data "aws_dsql_token" "db" {}\n'
    )
    with desk.daemon(), desk.connection() as connection:
        result = connection.ask("project.names", config=str(config))["result"]
        assert result == {"envs": ["a", "b"], "tokens": ["db"]}
        assert connection.ask("project.names")["error"]["data"]["kind"] == "usage"


def test_a_standing_watch_begins_without_a_token_and_tells_of_the_first(
    desk: Desk, example: Callable[[str], str]
) -> None:
    config = str(desk.project("env {"))
    with desk.daemon(), desk.connection() as connection:
        assert connection.ask("token.watch", config=config)["error"]["data"]["kind"] == "configuration"
        answer = connection.ask("token.watch", config=config, standing=True)
        assert answer["result"]["error"]["kind"] == "configuration"
        example("admin")
        assert connection.receive()["params"]["env"] == "dsql"
