"""What is remembered of requests: while its ground holds, not too much, and nothing of the requests themselves."""

from __future__ import annotations

import gc
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dsqltokd.memory import Answer, Memory

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = b"AKIA-canary-that-is-kept-nowhere"


@dataclass
class Nobody:
    """A channel at whose other end is nobody."""

    def notify(self, method: str, params: dict[str, Any]) -> None:
        raise NotImplementedError

    def program(self) -> str | None:
        return None

    def on_close(self, callback: Callable[[], None]) -> None:
        raise NotImplementedError


@dataclass
class Ground:
    """Holds while the test says so."""

    held: bool = True
    asked: list[Nobody] = field(default_factory=list)

    def holds(self, channel: Any) -> bool:
        self.asked.append(channel)
        return self.held


def told(memory: Memory, request: bytes, channel: Nobody | None = None) -> tuple[str, bytes] | None:
    known = memory.recall(request, channel or Nobody())
    return None if known is None else (known.method, known.line)


def test_the_same_words_get_the_same_answer_and_others_none() -> None:
    memory, ground, me = Memory(), Ground(), Nobody()
    memory.learn(b"one", "token.get", b"answer\n", Answer({}, ground))
    assert told(memory, b"one", me) == ("token.get", b"answer\n")
    assert told(memory, b"One") is None
    assert ground.asked == [me]


def test_an_answer_whose_ground_is_gone_is_not_given_again_even_where_that_comes_back() -> None:
    memory, ground = Memory(), Ground()
    memory.learn(b"one", "token.get", b"answer\n", Answer({}, ground))
    ground.held = False
    assert told(memory, b"one") is None
    ground.held = True
    assert told(memory, b"one") is None


def test_forgetting_is_of_everything() -> None:
    memory = Memory()
    for request in (b"one", b"two"):
        memory.learn(request, "token.get", b"answer\n", Answer({}, Ground()))
    memory.forget()
    assert told(memory, b"one") is told(memory, b"two") is None


def test_of_very_many_the_first_ones_are_remembered() -> None:
    memory = Memory()
    for number in range(10_000):
        memory.learn(b"%d" % number, "token.get", b"%d\n" % number, Answer({}, Ground()))
    kept = [number for number in range(10_000) if told(memory, b"%d" % number)]
    assert 0 < len(kept) <= 1000
    assert kept == list(range(len(kept)))


def test_nothing_of_a_request_is_kept_and_no_answer_shows_in_a_repr() -> None:
    memory = Memory()
    request = b'{"environment": "' + CANARY + b'"}'
    memory.learn(request, "token.get", CANARY, Answer({"token": CANARY.decode()}, Ground()))
    known = memory.recall(request, Nobody())
    assert CANARY.decode() not in repr(known)
    assert CANARY in held_by(memory), "the search finds what is there"
    assert request not in held_by(memory)


def held_by(memory: Memory) -> list[object]:
    """Return the memory and what can be reached from it."""
    reached: list[object] = [memory]
    for each in reached:  # which grows meanwhile
        new = [one for one in gc.get_referents(each) if not isinstance(one, (type, ModuleType))]
        reached += [one for one in new if not any(one is other for other in reached)]
    return reached
