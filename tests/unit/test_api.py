"""The Python API without a daemon of ours: one that is played answers many requests on a connection."""

from __future__ import annotations

import functools
import gc
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import dsqltok
from desk import eventually
from dsqltok import drivers, errors, kept, paths, protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAYED = pytest.mark.skipif(sys.platform == "darwin", reason="macOS keeps the socket at a place of its own")
CLIENT = str(Path(dsqltok.__file__).parent.parent)
PLACE: dict[str, Any] = {
    "host": "abc.dsql.us-east-1.on.aws",
    "hostaddr": None,
    "port": "5432",
    "user": "admin",
    "dbname": "postgres",
    "sslmode": "require",
    "sslrootcert": None,
    "parameters": {},
}
STALE = "FATAL:  unable to accept connection, access denied\nHINT:  Signature expired: 1 is now earlier than 2"


def answer(token: str = "one", **more: object) -> dict[str, Any]:  # noqa: S107 - an example
    return {"token": token, "connection": PLACE, **more}


class Daemon:
    """Answers each line with what `answers` has next, or with the last of it; `connections` has what was asked on each.

    A connection ends after `most` answers. With a `gate`, answers wait until as many have asked as it takes.
    """

    def __init__(self, path: str) -> None:
        self.connections: list[list[dict[str, Any]]] = []
        self.answers = [protocol.result(1, answer())]
        self.most = 1000
        self.gate: threading.Barrier | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [params for connection in self.connections for params in connection]

    def open(self) -> int:
        """Return how many connections have not ended."""
        return sum(thread.is_alive() for thread in self._threads[1:])

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections.append([])
            self._threads.append(threading.Thread(target=self._serve, args=(peer, self.connections[-1])))
            self._threads[-1].start()

    def _serve(self, peer: socket.socket, asked: list[dict[str, Any]]) -> None:
        with peer, peer.makefile("rb") as lines:
            for line in lines:
                asked.append(json.loads(line)["params"])
                if self.gate is not None:
                    self.gate.wait()
                peer.sendall(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
                if len(asked) == self.most:
                    return


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    directory = tmp_path_factory.mktemp("d")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    monkeypatch.chdir(directory)
    os.makedirs(paths.runtime_dir(), mode=0o700)
    played = Daemon(paths.socket_path())
    yield played
    kept.close()
    played.stop()


@PLAYED
def test_requests_that_follow_each_other_go_over_one_connection(daemon: Daemon) -> None:
    assert [dsqltok.token("dsql") for _ in range(5)] == ["one"] * 5
    assert dsqltok.connection("dsql", data="db")["password"] == "one"
    assert [params["env"] for params in daemon.asked] == ["dsql"] * 6
    assert len(daemon.connections) == 1


@PLAYED
def test_a_connection_that_the_daemon_ended_meanwhile_is_replaced(daemon: Daemon) -> None:
    daemon.most = 1
    assert [dsqltok.token() for _ in range(3)] == ["one"] * 3
    assert [len(connection) for connection in daemon.connections] == [1, 1, 1]


@PLAYED
def test_a_daemon_that_is_ending_is_asked_again_elsewhere(daemon: Daemon) -> None:
    leaving = protocol.failure(1, errors.UnavailableError("the daemon is ending"), protocol.LEAVING)
    daemon.answers = [protocol.result(1, answer()), leaving, protocol.result(1, answer("two"))]
    assert [dsqltok.token(), dsqltok.token()] == ["one", "two"]
    assert [len(connection) for connection in daemon.connections] == [2, 1]


@PLAYED
def test_an_answer_that_takes_its_time_is_waited_for_on_a_kept_connection_too(daemon: Daemon) -> None:
    daemon.answers = [protocol.result(1, answer()), protocol.wait(20) + protocol.result(1, answer("two"))]
    assert [dsqltok.token(), dsqltok.token()] == ["one", "two"]


@PLAYED
def test_after_an_error_the_connection_goes_on(daemon: Daemon) -> None:
    daemon.answers = [protocol.failure(1, errors.NotFoundError("no such env", hint="h")), protocol.result(1, answer())]
    with pytest.raises(dsqltok.NotFoundError, match="no such env"):
        dsqltok.token("x")
    assert dsqltok.token("dsql") == "one"
    assert len(daemon.connections) == 1


@PLAYED
def test_another_runtime_directory_means_another_daemon(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert dsqltok.token() == "one"
    other = tmp_path_factory.mktemp("e")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(other))
    os.makedirs(paths.runtime_dir(), mode=0o700)
    second = Daemon(paths.socket_path())
    second.answers = [protocol.result(1, answer("two"))]
    assert dsqltok.token() == "two"
    kept.close()
    second.stop()
    assert len(daemon.asked) == 1


@PLAYED
def test_a_crowd_leaves_few_connections_behind_and_no_warning(daemon: Daemon) -> None:
    daemon.gate = threading.Barrier(20)
    threads = [threading.Thread(target=dsqltok.token) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(daemon.connections) == 20
    eventually(lambda: daemon.open() == 8, "the others are closed")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept.close()
        gc.collect()
    eventually(lambda: daemon.open() == 0, "all are closed")


@PLAYED
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_that_is_forked_while_another_thread_asks_holds_no_connection(daemon: Daemon) -> None:
    daemon.gate = threading.Barrier(2)
    asking = threading.Thread(target=dsqltok.token)
    asking.start()
    eventually(lambda: bool(daemon.asked), "the daemon is asked")
    until, end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(end)
        os.read(until, 1)
        os._exit(0)
    try:
        daemon.gate.wait()
        asking.join()
        kept.close()
        eventually(lambda: daemon.open() == 0, "the connection is at its end")
    finally:
        for each in (until, end):
            os.close(each)
        os.waitpid(child, 0)


@PLAYED
def test_variables_that_a_project_reads_are_sent_at_once_the_next_time(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAGE", "prod")
    needed = errors.EnvironmentNeededError("needs more", data={"names": ["STAGE", "NOT_SET"]})
    daemon.answers = [protocol.failure(1, needed), protocol.result(1, answer())]
    config = str(Path.cwd() / "some.hcl")
    assert [dsqltok.token(config=config), dsqltok.token(config=config)] == ["one", "one"]
    monkeypatch.setenv("STAGE", "dev")
    assert dsqltok.connection(config=config)["password"] == "one"
    stages = [params["environment"].get("STAGE") for params in daemon.asked]
    assert stages == [None, "prod", "prod", "dev"]
    assert daemon.asked[2]["environment"]["NOT_SET"] is None


@PLAYED
def test_what_the_daemon_warns_of_goes_to_the_log_and_nowhere_else(
    daemon: Daemon, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    daemon.answers = [protocol.result(1, {"warnings": ["the last good version is used"], **answer()})]
    with caplog.at_level(logging.WARNING, "dsqltok"):
        assert dsqltok.token() == "one"
    assert caplog.messages == ["the last good version is used"]
    assert capfd.readouterr() == ("", "")


@PLAYED
def test_a_refused_token_is_replaced_once(daemon: Daemon) -> None:
    daemon.answers = [protocol.result(1, answer(token)) for token in ("old", "new")]
    tried: list[str] = []

    def connect(*, password: str, dbname: str, **_: object) -> str:
        tried.append(password)
        if password == "old":
            raise ConnectionError(STALE)
        return dbname

    assert dsqltok.connect(connect, "dsql", dbname="mine") == "mine"
    assert tried == ["old", "new"]
    assert [params.get("fresh") for params in daemon.asked] == [None, True]


@PLAYED
@pytest.mark.parametrize(
    ("said", "times"),
    [
        (STALE, 1),  # the daemon has no other token
        ("access denied; HINT: User: arn:aws:iam::1:user/x is not authorized to perform: dsql:DbConnect", 0),
        ("access denied; HINT: Wrong user to action mapping. user: admin, action: DbConnect", 0),
        ("could not connect: connection refused", 0),
    ],
)
def test_what_another_token_does_not_mend_is_raised_as_it_is(daemon: Daemon, said: str, times: int) -> None:
    tried = []

    def connect(**found: object) -> None:
        tried.append(found)
        raise ConnectionError(said)

    with pytest.raises(ConnectionError) as caught:
        dsqltok.connect(connect, "dsql")
    assert str(caught.value) == said
    assert len(tried) == 1
    assert len(daemon.asked) == 1 + times


def test_each_driver_is_told_what_the_url_says_in_its_own_words() -> None:
    said = {**PLACE, "parameters": {"application_name": "app", "options": "-c a=b", "connect_timeout": "3"}}
    said["sslmode"] = "verify-full"
    found = {"token": "one", "connection": said}
    asyncpg = drivers.arguments("asyncpg", found)
    assert asyncpg["ssl"].check_hostname
    assert asyncpg["server_settings"] == {"application_name": "app", "options": "-c a=b"}
    pg8000 = drivers.arguments("pg8000", found)
    assert pg8000["ssl_context"].check_hostname
    assert (pg8000["application_name"], pg8000["startup_params"]) == ("app", {"options": "-c a=b"})
    assert asyncpg["timeout"] == pg8000["timeout"] == 3
    libpq = drivers.arguments("libpq", found)
    assert (libpq["connect_timeout"], libpq["port"]) == ("3", 5432)


def test_a_partial_of_a_driver_s_function_is_the_driver_s() -> None:
    def connect(**_words: object) -> None:
        raise AssertionError

    connect.__module__ = "asyncpg.connection"
    assert drivers.of(functools.partial(functools.partial(connect, timeout=3))) == "asyncpg"


def test_direct_tls_is_asyncpg_s_too() -> None:
    found = {"token": "one", "connection": {**PLACE, "parameters": {"sslnegotiation": "direct"}}}
    assert drivers.arguments("asyncpg", found)["direct_tls"] is True


@pytest.mark.parametrize(
    ("driver", "place", "message"),
    [
        ("asyncpg", {"hostaddr": "127.0.0.1"}, "asyncpg cannot connect to one address by the name of another"),
        ("pg8000", {"hostaddr": "127.0.0.1"}, "pg8000 cannot connect to one address by the name of another"),
        ("pg8000", {"parameters": {"sslnegotiation": "direct"}}, "pg8000 cannot begin with tls at once"),
        ("asyncpg", {"sslrootcert": "/nonexistent"}, "/nonexistent holds no root certificates"),
        ("mysql", {}, 'there is no driver "mysql"'),
    ],
)
def test_what_a_driver_cannot_do_is_an_error_with_a_hint(driver: str, place: dict[str, object], message: str) -> None:
    with pytest.raises(errors.DsqltokError) as caught:
        drivers.arguments(driver, {"token": "one", "connection": {**PLACE, **place}})
    assert caught.value.message == message
    assert caught.value.hint


def modules(program: str) -> set[str]:
    shown = "print(*set(sys.modules) - before)"
    code = f"import sys; sys.path.insert(0, {CLIENT!r}); before = set(sys.modules); {program}; {shown}"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_loads_nothing_before_it_is_used() -> None:
    assert modules("import dsqltok") == {"dsqltok"}


def test_the_api_loads_neither_an_event_loop_nor_tls_nor_a_driver() -> None:
    heavy = {"asyncio", "ssl", "json", "logging", "typing", "subprocess", "socket", "sqlalchemy", "django", "psycopg"}
    assert not modules("import dsqltok; dsqltok.connect") & heavy


def test_every_name_of_the_package_is_there() -> None:
    assert set(dsqltok.__all__) <= set(dir(dsqltok))
    assert all(callable(getattr(dsqltok, name)) for name in dsqltok.__all__)
    with pytest.raises(AttributeError, match="module 'dsqltok' has no attribute 'tokens'"):
        _ = dsqltok.tokens  # type: ignore[attr-defined]  # that there is none is the point
