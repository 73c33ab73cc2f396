"""A socket that systemd hands over is taken if it is what it should be; what systemd is told arrives."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dsqltokd.systemd import Notifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TAKE = """
import json, os, sys
os.environ["LISTEN_PID"] = sys.argv[1].replace("me", str(os.getpid()))
if sys.argv[2] != "-":
    os.dup2(int(sys.argv[2]), 3)
from dsqltok.errors import DsqltokError
from dsqltokd import systemd
try:
    taken = systemd.take_listener()
    answer = taken and [taken.fileno(), taken.getsockname(), os.get_inheritable(3)]
except DsqltokError as error:
    answer = error.message
print(json.dumps([answer, sorted(name for name in os.environ if name.startswith("LISTEN_"))]))
"""
_NOTIFY = """
import sys
from dsqltokd import systemd
notifier = systemd.Notifier()
print(notifier.watchdog)
for words in sys.argv[1:]:
    what, _, rest = words.partition(" ")
    getattr(notifier, what)(*([float(rest)] if what == "reloading" else [lambda: rest] if rest else []))
"""


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "s"))
        made.listen()
        yield made


def taken(pid: str, found: socket.socket | None, count: str = "1", names: str = "dsqltokd") -> object:
    """Return what a process takes that is started as systemd starts one; it leaves nothing of it to its children."""
    fd = "-" if found is None else str(found.fileno())
    done = subprocess.run(
        [sys.executable, "-c", _TAKE, pid, fd],
        env={**os.environ, "LISTEN_FDS": count, "LISTEN_FDNAMES": names},
        pass_fds=() if found is None else (found.fileno(),),
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    answer, left = json.loads(done.stdout)
    assert left == []
    return answer


def test_a_listening_socket_is_taken_and_not_inherited_on(listener: socket.socket) -> None:
    assert taken("me", listener) == [3, listener.getsockname(), False]
    assert taken("me", listener, names="") == [3, listener.getsockname(), False]


def test_what_was_meant_for_another_process_is_left_alone(listener: socket.socket) -> None:
    assert taken("1", listener) is None
    assert taken("", listener) is None


def test_without_systemd_there_is_none() -> None:
    assert taken("me", None, count="") is None
    assert taken("me", None, count="0") is None


@pytest.mark.parametrize(("count", "names"), [("2", "dsqltokd:dsqltokd"), ("1", "other"), ("x", "dsqltokd")])
def test_anything_else_is_an_error(count: str, names: str, listener: socket.socket) -> None:
    assert "one named dsqltokd is expected" in str(taken("me", listener, count=count, names=names))


def test_a_socket_of_another_kind_is_an_error(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent, socket.create_server(("127.0.0.1", 0)) as tcp:
        silent.bind(str(tmp_path / "s"))
        assert "not a Unix socket that listens" in str(taken("me", silent))
        assert "not a Unix socket that listens" in str(taken("me", tcp))


def told(address: str, bound: socket.socket, *words: str, **environment: str) -> tuple[str, list[str]]:
    """Return what the watchdog's pace is, and what systemd gets to hear."""
    done = subprocess.run(
        [sys.executable, "-c", _NOTIFY, *words],
        env={**os.environ, "NOTIFY_SOCKET": address, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    bound.setblocking(False)
    heard = []
    while True:
        try:
            heard.append(bound.recv(4096).decode())
        except BlockingIOError:
            return done.stdout.strip(), heard


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_how_the_service_is(abstract: bool, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        name = f"{tmp_path}/n"
        bound.bind("\0" + name if abstract else name)
        said = ["ready", "status all is well", "status all is well", "alive", "reloading 1.5", "stopping"]
        pace, heard = told("@" + name if abstract else name, bound, *said, WATCHDOG_USEC="20000000")
    assert pace == "10.0"
    assert heard == [
        "READY=1",
        "STATUS=all is well",
        "WATCHDOG=1",
        "RELOADING=1\nMONOTONIC_USEC=1500000",
        "STOPPING=1",
    ]


def test_how_the_service_is_is_worked_out_only_where_somebody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    asked: list[str] = []

    def describe() -> str:
        asked.append("how it is")
        return "all is well"

    Notifier().status(describe)
    assert not asked


def test_a_watchdog_of_another_process_is_not_ours(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "n"))
        assert told(str(tmp_path / "n"), bound, WATCHDOG_USEC="20000000", WATCHDOG_PID="1") == ("None", [])


def test_a_systemd_that_is_gone_stops_nobody(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "n"))
        assert told(str(tmp_path / "gone"), bound, "ready", "alive") == ("None", [])
