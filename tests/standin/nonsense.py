"""Requests that chance has damaged, and whether the daemon answers each of them as the protocol has it.

`python -m standin.nonsense` sends some of them, tells each violation in a line of JSON, and then that it is done. A
damaged request is a function of the seed and its number: what fails once fails again.
"""

from __future__ import annotations

import copy
import json
import random
import select
import socket
import sys
import time
from collections import Counter
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from standin.crowd import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_MOST = 64 * 1024  # bytes of a request
_TOGETHER = 25  # that go through one connection
_PATIENCE = 60.0  # seconds for the answers to these
_LAST = "the last"


class Nonsense(Program):
    """Damaged requests about the project file `config`, which `data` is in."""

    def __init__(self, path: Path, config: Path, data: str, seed: int) -> None:
        super().__init__(__name__, str(path), str(config), data, str(seed))

    def send(self, first: int, number: int) -> Iterator[str]:
        """Send so many, beginning with that of this number; return the violations."""
        self.say(f"{first} {number}")
        while (line := self.hear()) != "done\n":
            assert line, "it died"
            yield line


def _corpus(config: str, data: str) -> list[dict[str, Any]]:
    """Return requests that make sense. None needs AWS anew: 100,000 of them are to take minutes."""
    whole = {"config": config, "data": data, "vars": ["a=b"], "progress": True, "protocol": 1}
    elsewhere = {"config": "/nowhere/atlas.hcl", "env": "dev", "vars": ["name=value"]}
    shell = {"HOME": "/home/me", "AWS_PROFILE": "prod", "AWS_SECRET_ACCESS_KEY": "x", "HTTPS_PROXY": "http://u:p@h"}
    asked: list[tuple[str, dict[str, Any]]] = [
        *((method, {"config": config, "data": data}) for method in ("token.get", "token.watch", "target.describe")),
        *((method, whole) for method in ("token.get", "url.get", "project.inspect")),
        *((method, {**elsewhere, "environment": shell}) for method in ("token.get", "token.watch", "url.get")),
        *((method, {**elsewhere, "environment": shell}) for method in ("identity.describe", "login", "login.sso")),
        ("project.inspect", {"config": config, "reveal": True, "environment": {"A": None, "B": "b"}}),
        ("login", {**elsewhere, "code": "123456"}),
        ("login.poll", {"handle": "abc"}),
        ("projects.add", {"config": config, "vars": ["a=b"]}),
        *((f"projects.{each}", {"config": config}) for each in ("add", "allow", "remove", "list")),
        ("tokens.flush", {"config": config, "data": "other"}),
        *((f"daemon.{each}", {}) for each in ("status", "health", "metrics")),
        ("config.show", {}),
        ("no.such", {"a": [1, 2.5, None, True, {"b": "c"}]}),
    ]
    return [{"jsonrpc": "2.0", "id": 1, "method": method, "params": params} for method, params in asked]


_ODD: list[object] = [None, True, False, 0, -1, 1.5, -0.0, 1e308, 2**53 + 1, 2**64, 10**400, [], {}, [[]], {"a": {}}]
_ODD += ["", "x", "=", "a=b", "\0", "\n", "\ud800", "\udcff", "é", "\u202e", "\x1b[2J", "a" * 300, "a" * 5000, "%s%n"]
_ODD += ["/", "//", "/dev/null", "/dev/zero", "/proc/self/mem", "..", "/" + "a/" * 2100, "/" + "a" * 300, "/\udcff"]
_ODD += ['${getenv("HOME")}', "2.0", 2.0, ["a=b", 1], {"A": 1}, {"": "x"}, {"A=B": "x"}, {"A\0": "x"}]
_NAMES = ["id", "method", "params", "config", "env", "vars", "environment", "", "x", "\ud800"]
_RAW = [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"1" * 5000, b"[" * 3000, b"[" * 500 + b"]" * 500, b'{"a":' * 3000]
_RAW += [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\0", b"\r", b"\n", b"\n\n", b"\\u0000", b"\\ud800", b'"']
_RAW += b'{ } [ ] , : \\ 0 - e " "" \t null true {} []'.split(b" ")


def _places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each part of a JSON value."""
    yield path
    if isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(part, (*path, name))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name]
    return value


def _exchange(chance: random.Random, request: Any, _corpus: list[Any]) -> Any:
    """Have something odd in place of a part."""
    where, name = _part(chance, request)
    where[name] = copy.deepcopy(chance.choice(_ODD))
    return request


def _omit(chance: random.Random, request: Any, _corpus: list[Any]) -> Any:
    where, name = _part(chance, request)
    where.pop(name)
    return request


def _part(chance: random.Random, request: Any) -> tuple[Any, Any]:
    """Return what a part of a request is in, and its name there."""
    *way, name = chance.choice(list(_places(request))[1:] or [("id",)])
    where = _at(request, tuple(way))
    if not where:
        where[name] = None
    return where, name


def _add(chance: random.Random, request: Any, corpus: list[Any]) -> Any:
    """Have something more in an object or list, odd or from another request."""
    parts = [_at(request, way) for way in _places(request)]
    where = chance.choice([part for part in parts if isinstance(part, dict | list)])
    other = chance.choice(corpus)
    odd = copy.deepcopy(chance.choice([chance.choice(_ODD), _at(other, chance.choice(list(_places(other))))]))
    if isinstance(where, list):
        where.insert(chance.randint(0, len(where)), odd)
    else:
        where[chance.choice(_NAMES)] = odd
    return request


def _insert(chance: random.Random, text: bytes, _other: bytes) -> bytes:
    at = chance.randint(0, len(text))
    return text[:at] + chance.choice([*_RAW, chance.randbytes(chance.randint(1, 4))]) + text[at:]


def _lose(chance: random.Random, text: bytes, _other: bytes) -> bytes:
    at, length = chance.randint(0, len(text)), chance.choice([1, 1, 2, 5, 50])
    return text[:at] + text[at + length :]


def _change(chance: random.Random, text: bytes, _other: bytes) -> bytes:
    at = chance.randrange(len(text)) if text else 0
    return text[:at] + chance.randbytes(1) + text[at + 1 :]


def _cut(chance: random.Random, text: bytes, _other: bytes) -> bytes:
    at = chance.randint(0, len(text))
    return chance.choice([text[:at], text[at:]])


def _splice(chance: random.Random, text: bytes, other: bytes) -> bytes:
    return _cut(chance, text, text) + _cut(chance, other, other)


def _repeat(chance: random.Random, text: bytes, _other: bytes) -> bytes:
    at, length = chance.randint(0, len(text)), chance.choice([1, 2, 10, 100])
    return text[:at] + text[at : at + length] * chance.choice([2, 2, 10, 700]) + text[at:]


_PARTS: list[Callable[[random.Random, Any, list[Any]], Any]] = [_exchange, _exchange, _exchange, _omit, _add]
_BYTES: list[Callable[[random.Random, bytes, bytes], bytes]] = [
    _insert,
    _insert,
    _lose,
    _change,
    _cut,
    _splice,
    _repeat,
]


_HALF = 0.5


def damaged(corpus: list[dict[str, Any]], seed: int, number: int) -> bytes:
    """Return the damaged request of this number. It may have newlines in it."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 - chance that repeats itself is what is wanted
    request = json.loads(json.dumps(chance.choice(corpus)))
    times = chance.choice([1, 1, 1, 2, 3])
    if chance.random() < _HALF:
        for _ in range(times):
            request = chance.choice(_PARTS)(chance, request, corpus)
        return json.dumps(request, ensure_ascii=chance.random() < _HALF).encode("utf-8", "surrogatepass")
    text = json.dumps(request).encode()
    for _ in range(times):
        text = chance.choice(_BYTES)(chance, text, json.dumps(chance.choice(corpus)).encode())
    return text


class Expected(NamedTuple):
    """The ids of the answers to come, and whether the last is followed by the end of the connection."""

    ids: Counter[str]
    ends: bool


def expected(lines: bytes) -> Expected:
    """Return what is to come of complete lines."""
    ids: Counter[str] = Counter()
    for line in lines.split(b"\n"):
        if len(line) >= _MOST:
            return Expected(ids, ends=True)
        if line.strip():
            ids.update(_answered(line))
    return Expected(ids, ends=False)


def _answered(line: bytes) -> list[str]:
    """Return the id of the answer to a line, as it shows; none for a notification."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return ["null"]
    if not isinstance(request, dict):
        return ["null"]
    request_id, params = request.get("id"), request.get("params", {})
    if isinstance(request_id, bool | list | dict) or (isinstance(request_id, float) and not isfinite(request_id)):
        return ["null"]
    good = request.get("jsonrpc") == "2.0" and isinstance(request.get("method"), str) and isinstance(params, dict)
    if good and params.get("protocol", 1) == 1 and request_id is None:
        return []
    return [json.dumps(request_id)]


def told(line: bytes) -> tuple[list[str], str]:
    """Return the id of an answer, none of a notification; and what is wrong with it."""
    try:
        answer = json.loads(line, parse_constant=_not_json)
        if "method" in answer and "id" not in answer:
            return [], ""
        if answer["jsonrpc"] != "2.0" or ("result" in answer) == ("error" in answer):
            return [], "no answer of the protocol's"
        error = answer.get("error", {"code": 0, "message": "", "data": {"kind": "", "hint": ""}})
        if error["data"]["kind"] == "internal" or "please report" in str(error["data"]["hint"]):
            return [json.dumps(answer["id"])], "a bug"
        return [json.dumps(answer["id"])], ""
    except (ValueError, KeyError, TypeError) as error:
        return [], f"no answer: {error!r}"


def _not_json(word: str) -> NoReturn:
    raise ValueError(word)


def _converse(path: str, lines: bytes, wanted: Expected) -> str:
    """Send lines, read until all is answered or the end; return what is wrong with that."""
    found: Counter[str] = Counter()
    received, end = b"", time.monotonic() + _PATIENCE
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sock.setblocking(False)
        while wanted.ends or sum(found.values()) < sum(wanted.ids.values()):
            if not _ready(sock, end, sending=bool(lines)):
                return f"still {dict(wanted.ids - found)} to come after {_PATIENCE} s"
            try:
                lines = _sent(sock, lines)
                more = sock.recv(_MOST)
            except BlockingIOError:
                continue
            except OSError:
                more = b""
            if not more:
                return "" if wanted.ends else f"it ended without {dict(wanted.ids - found)}"
            *complete, received = (received + more).split(b"\n")
            for line in complete:
                ids, wrong = told(line)
                found.update(ids)
                if wrong:
                    return f"{wrong}: {line.decode(errors='replace')[:500]}"
    return "" if found == wanted.ids else f"{dict(found - wanted.ids)} in place of {dict(wanted.ids - found)}"


def _sent(sock: socket.socket, lines: bytes) -> bytes:
    """Send what goes at once, and return the rest."""
    try:
        return lines[sock.send(lines) :] if lines else lines
    except BrokenPipeError:
        return b""  # it was cut off, and what was said to that is still to be read
    except BlockingIOError:
        return lines


def _ready(sock: socket.socket, end: float, *, sending: bool) -> bool:
    waiting = select.poll()
    waiting.register(sock, select.POLLIN | (select.POLLOUT if sending else 0))
    return bool(waiting.poll(max(0.0, end - time.monotonic()) * 1000))


def _main(path: str, config: str, data: str, seed: int) -> None:
    corpus = _corpus(config, data)
    last = json.dumps({"jsonrpc": "2.0", "id": _LAST, "method": "projects.list"}).encode()
    for order in sys.stdin:
        first, number = map(int, order.split())
        for begin in range(first, first + number, _TOGETHER):
            numbers = range(begin, min(begin + _TOGETHER, first + number))
            lines = b"".join(damaged(corpus, seed, each) + b"\n" for each in numbers) + last + b"\n"
            wrong = _converse(path, lines, expected(lines))
            if wrong:
                _say(json.dumps({"seed": seed, "numbers": [numbers[0], numbers[-1]], "wrong": wrong}))
        _say("done")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
