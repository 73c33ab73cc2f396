"""The log: to the journal with its fields, to a file that stays small, or to a terminal.

The rules:
- A line is written in a thread of its own: a pipe that nobody reads or a dead disk costs lines, never an answer. What
  was lost is counted, and told once there is room again.
- What a project, a path or a server wrote is text here: no control character of theirs reaches a terminal, and no
  newline of theirs begins a line.
- An exception is told by its type and place. Its own words may quote a secret.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from dsqltok import paths, text

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_WAITING = 1000  # lines
_LONGEST = 8192  # characters of one
_LONGEST_FILE = 1 << 20  # bytes, and as much again in the file before
_JOURNAL = "/run/systemd/journal/socket"
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class _Line(NamedTuple):
    level: int
    at: float
    text: str
    fields: dict[str, str]


class Log(logging.Handler):
    """Takes what is logged in any thread and has it written in its own. `fields` of a record go to the journal."""

    def __init__(self) -> None:
        super().__init__()
        self._queue: queue.SimpleQueue[_Line | None] = queue.SimpleQueue()
        self._lost = 0
        self._write = _sink()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        if self._queue.qsize() >= _MOST_WAITING:
            self._lost += 1
            return
        try:
            said = record.getMessage()
        except Exception as error:  # noqa: BLE001 - a line that makes no sense must not stop what it was to tell of
            said = f"{record.msg} ({described(error)})"
        words = text.plain(said[:_LONGEST], keep="")
        if record.exc_info and record.exc_info[1] is not None:
            words += f" ({described(record.exc_info[1])})"
        fields = {"LOGGER": record.name, **getattr(record, "fields", {})}
        self._queue.put(_Line(record.levelno, record.created, words, fields))

    def stop(self, seconds: float) -> None:
        """Write what is still to be written, for at most so long."""
        self._queue.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while (line := self._queue.get()) is not None:
            self._put(line)
            lost, self._lost = self._lost, 0
            if lost:
                self._put(_Line(logging.WARNING, time.time(), f"{lost} lines were lost: the log took none", {}))

    def _put(self, line: _Line) -> None:
        try:
            self._write(line)
        except OSError:
            self._lost += 1  # a full disk, or a terminal that is gone


def start() -> Log:
    """Have everything that is logged from now on written; of others than dsqltokd from level INFO up."""
    log = Log()
    logging.basicConfig(handlers=[log], level=logging.INFO)
    return log


def described(error: BaseException) -> str:
    """Return the type of an exception and where it came from."""
    place, traceback = "", error.__traceback__
    while traceback is not None:
        place = f" at {os.path.basename(traceback.tb_frame.f_code.co_filename)}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return type(error).__name__ + place


def _sink() -> Callable[[_Line], None]:
    """Return what writes a line to where stderr leads."""
    there = os.fstat(2)
    if os.environ.pop("JOURNAL_STREAM", "") == f"{there.st_dev}:{there.st_ino}":
        return _Journal()
    try:
        ours = os.path.samestat(os.stat(paths.log_file()), there)
    except OSError:
        ours = False
    return _File(paths.log_file()) if ours else _to_stderr


def _to_stderr(line: _Line) -> None:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(line.at)) + f",{int(line.at * 1000) % 1000:03}"
    rest = f"{moment} {logging.getLevelName(line.level)} {line.text}\n".encode("utf-8", "backslashreplace")
    while rest:
        rest = rest[os.write(2, rest) :]


class _File:
    """stderr is the log file that whoever started the daemon opened: it begins anew when it is full."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __call__(self, line: _Line) -> None:
        if os.fstat(2).st_size > _LONGEST_FILE:
            os.replace(self._path, self._path + ".old")
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            os.dup2(fd, 2)
            os.close(fd)
        _to_stderr(line)


class _Journal:
    """The journal's own protocol: a datagram of fields, a newline after each."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __call__(self, line: _Line) -> None:
        fields = {
            "MESSAGE": line.text,
            "PRIORITY": str(_PRIORITIES.get(line.level, 6)),
            "SYSLOG_IDENTIFIER": "dsqltokd",
            **{name: text.plain(value, keep="") for name, value in line.fields.items()},
        }
        words = "".join(f"{name}={value}\n" for name, value in fields.items()).encode("utf-8", "backslashreplace")
        try:
            self._socket.sendto(words, _JOURNAL)
        except OSError:
            _to_stderr(line)
