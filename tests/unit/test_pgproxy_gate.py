"""A gate whose clients' owner the system does not tell: the password is wanted, and nothing else lets in."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, cast

import pytest

from dsqltokd.pgproxy import wire
from dsqltokd.pgproxy.gate import Gate
from dsqltokd.pgproxy.selecting import Selector
from dsqltokd.pgproxy.traffic import Traffic

if TYPE_CHECKING:
    from dsqltokd.pgproxy.upstream import Upstream

REFUSAL = wire.Response({"S": "FATAL", "C": "57P03", "M": "the server says no"})


class Refusing:
    """An upstream that lets nobody in."""

    async def begin(self, *_: Any) -> None:
        raise wire.RefusedError(REFUSAL)


async def conversation(ours: bool | None, *words: bytes) -> bytes:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gate = Gate(
            "dsql",
            [listener],
            cast("Upstream", Refusing()),
            Traffic(),
            selector=Selector(),
            elsewhere=lambda _: None,
            password="secret",
            is_ours=lambda _: ours,
        )
        gate.open()
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.writelines([wire.startup(0x30000, {"user": "me"}), *words])
        said = await reader.read()
        writer.close()
        gate.close()
        await gate.drained(1.0)
    return said


@pytest.mark.parametrize(
    ("ours", "words", "said"),
    [
        (True, [], b"the server says no"),
        (False, [], b"this proxy serves another user"),
        (None, [wire.password("secret")], b"the server says no"),
        (None, [wire.password("wrong")], b"the password is wrong"),
        (None, [b"Q\0\0\0\5\0"], b"the password is wrong"),
    ],
)
def test_who_may_come_in(ours: bool | None, words: list[bytes], said: bytes) -> None:
    answer = asyncio.run(conversation(ours, *words))
    assert said in answer
    assert answer.startswith(wire.PASSWORD_WANTED) is (ours is None)
