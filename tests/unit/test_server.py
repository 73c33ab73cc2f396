"""The server on real sockets. The handler is the test's: it answers at once, later, never, wrongly or not at all."""

from __future__ import annotations

import asyncio
import json
import os
import socket

import pytest

from dsqltok import protocol
from dsqltokd import peers
from unit.peers import CANARY, PATIENCE, play, request, serving


def test_a_request_is_answered() -> None:
    async def scene() -> None:
        async with serving() as there:
            peer = await there.peer()
            assert await peer.ask("echo", 7, a="b") == {"jsonrpc": "2.0", "id": 7, "result": {"params": {"a": "b"}}}

    play(scene())


@pytest.mark.parametrize("request_id", [0, 1, -5, 1.5, "", "x", "ü"])
def test_an_answer_has_the_id_of_its_request(request_id: object) -> None:
    async def scene() -> None:
        async with serving() as there:
            assert (await (await there.peer()).ask("echo", request_id))["id"] == request_id

    play(scene())


def test_a_connection_takes_any_number_of_requests() -> None:
    async def scene() -> None:
        async with serving() as there:
            peer = await there.peer()
            for number in range(20):
                assert (await peer.ask("echo", number))["id"] == number

    play(scene())


def test_requests_may_be_sent_ahead_and_in_pieces() -> None:
    async def scene() -> None:
        async with serving() as there:
            peer = await there.peer()
            text = b"\n \r\n".join(request("echo", number) for number in range(50))
            for start in range(0, len(text), 777):
                await peer.send(text[start : start + 777])
            assert [(await peer.receive())["id"] for _ in range(50)] == list(range(50))

    play(scene())


def test_a_slow_request_holds_up_no_other() -> None:
    async def scene() -> None:
        async with serving() as there:
            one, other = await there.peer(), await there.peer()
            await one.send(request("slow", "late"), request("echo", "early"))
            assert (await one.receive())["id"] == "early"
            assert (await other.ask("echo"))["id"] == 1
            there.release.set()
            assert await one.receive() == {"jsonrpc": "2.0", "id": "late", "result": {"method": "slow"}}

    play(scene())


def test_what_was_asked_before_the_peer_closed_its_sending_side_is_answered() -> None:
    async def scene() -> None:
        async with serving() as there:
            peer = await there.peer()
            await peer.send(request("slow", 1), request("echo", 2))
            peer.writer.write_eof()
            assert (await peer.receive())["id"] == 2
            there.release.set()
            assert (await peer.receive())["id"] == 1
            assert await peer.ended()

    play(scene())


def test_a_notification_gets_no_answer() -> None:
    async def scene() -> None:
        async with serving() as there:
            peer = await there.peer()
            for method in ("echo", "refuse", "nonsense"):
                await peer.send(json.dumps({"jsonrpc": "2.0", "method": method}).encode() + b"\n")
            assert (await peer.ask("echo", "after"))["id"] == "after"
            assert [method for method, _ in there.asked] == ["echo", "refuse", "nonsense", "echo"]

    play(scene())


def test_what_is_remembered_is_answered_without_being_handled() -> None:
    async def scene() -> None:
        async with serving() as there:
            peer = await there.peer()
            first = await peer.ask("echo", "one", a="b")
            there.remembers = True
            assert await peer.ask("echo", "one", a="b") == first
            assert await (await there.peer()).ask("echo", "one", a="b") == first
            assert (await peer.ask("echo", "two", a="b"))["id"] == "two"
            assert len(there.asked) == 2

    play(scene())


def test_only_what_is_answered_at_once_is_learned() -> None:
    async def scene() -> None:
        async with serving() as there:
            peer = await there.peer()
            there.release.set()
            await peer.send(json.dumps({"jsonrpc": "2.0", "method": "echo"}).encode() + b"\n")
            for method in ("refuse", "break", "slow", "nonsense", "echo"):
                await peer.ask(method)
            assert list(there.remembered) == [request("echo").rstrip()]

    play(scene())


@pytest.mark.parametrize(
    ("line", "code", "request_id"),
    [
        (b"GET / HTTP/1.1", protocol.PARSE_ERROR, None),
        (b'{"jsonrpc":"2.0","id":1,', protocol.PARSE_ERROR, None),
        (b"\xff\xfe\x00", protocol.PARSE_ERROR, None),
        (b"[" * 60_000, protocol.PARSE_ERROR, None),
        (b"[]", protocol.INVALID_REQUEST, None),
        (b"[" + request("echo").strip() + b"]", protocol.INVALID_REQUEST, None),
        (b'"echo"', protocol.INVALID_REQUEST, None),
        (b'{"id":5,"method":"echo"}', protocol.INVALID_REQUEST, 5),
        (b'{"jsonrpc":"1.0","id":5,"method":"echo"}', protocol.INVALID_REQUEST, 5),
        (b'{"jsonrpc":"2.0","id":5}', protocol.INVALID_REQUEST, 5),
        (b'{"jsonrpc":"2.0","id":5,"method":["echo"]}', protocol.INVALID_REQUEST, 5),
        (b'{"jsonrpc":"2.0","id":[],"method":"echo"}', protocol.INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":true,"method":"echo"}', protocol.INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":NaN,"method":"echo"}', protocol.INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":1e999,"method":"echo"}', protocol.INVALID_REQUEST, None),
        (b'{"jsonrpc":"2.0","id":5,"method":"echo","params":[1]}', protocol.INVALID_PARAMS, 5),
        (request("echo", 5, protocol=2).strip(), protocol.INVALID_PARAMS, 5),
        (request("nonsense", 5).strip(), protocol.METHOD_NOT_FOUND, 5),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else None,
)
def test_a_line_that_is_no_request_is_answered_and_the_connection_goes_on(
    line: bytes, code: int, request_id: object
) -> None:
    async def scene() -> None:
        async with serving() as there:
            peer = await there.peer()
            await peer.send(line + b"\n")
            answer = await peer.receive()
            assert (answer["error"]["code"], answer["id"]) == (code, request_id)
            assert answer["error"]["data"]["kind"] == "usage"
            assert answer["error"]["data"]["hint"]
            assert (await peer.ask("echo"))["id"] == 1

    play(scene())


def test_a_request_of_this_version_is_understood() -> None:
    async def scene() -> None:
        async with serving() as there:
            answer = await (await there.peer()).ask("echo", protocol=protocol.VERSION, a=1)
            assert answer["result"] == {"params": {"a": 1}}

    play(scene())


def test_an_error_is_answered_in_its_own_words() -> None:
    async def scene() -> None:
        async with serving() as there:
            error = (await (await there.peer()).ask("refuse"))["error"]
            assert (error["code"], error["message"]) == (protocol.APPLICATION_ERROR, "no such env")
            assert error["data"]["kind"] == "not_found"
            assert error["data"]["data"] == {"candidates": ["dev"]}

    play(scene())


@pytest.mark.parametrize("method", ["break", "slow break"])
def test_a_bug_is_answered_and_logged_without_its_text(method: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with serving() as there:
            there.release.set()
            peer = await there.peer()
            answer = await peer.ask(method)
            assert answer["error"]["data"]["kind"] == "internal"
            assert "RuntimeError" in answer["error"]["message"]
            assert CANARY not in json.dumps(answer)
            assert (await peer.ask("echo"))["id"] == 1

    play(scene())
    assert "RuntimeError" in caplog.text
    assert CANARY not in caplog.text


def test_a_request_may_have_64_kib_with_its_newline_and_no_more() -> None:
    async def scene() -> None:
        async with serving() as there:
            peer = await there.peer()
            frame = len(request("echo", 1, text=""))
            longest = request("echo", 1, text="x" * (protocol.MAX_REQUEST - frame))
            assert len(longest) == protocol.MAX_REQUEST
            await peer.send(longest)
            assert await peer.reader.readuntil()
            await peer.send(longest.replace(b"x", b"xx", 1))
            error = (await peer.receive())["error"]
            assert (error["code"], error["data"]["kind"]) == (protocol.INVALID_REQUEST, "usage")
            assert "65536 bytes" in error["message"]
            assert await peer.ended()
            assert (await (await there.peer()).ask("echo"))["id"] == 1

    play(scene())


def test_a_line_without_an_end_is_cut_off() -> None:
    async def scene() -> None:
        async with serving() as there:
            peer = await there.peer()
            await peer.send(b"x" * (protocol.MAX_REQUEST + 1))
            assert (await peer.receive())["error"]["code"] == protocol.INVALID_REQUEST
            assert await peer.ended()

    play(scene())


def test_a_silent_connection_is_closed() -> None:
    async def scene() -> None:
        async with serving(request_seconds=0.02, sweep_seconds=0.01) as there:
            assert await (await there.peer()).ended()

    play(scene())


def test_a_connection_may_not_rest_for_ever_between_requests() -> None:
    async def scene() -> None:
        async with serving(idle_seconds=0.02, sweep_seconds=0.01) as there:
            peer = await there.peer()
            await peer.ask("echo")
            assert await peer.ended()

    play(scene())


def test_a_request_that_trickles_in_does_not_hold_its_connection() -> None:
    async def scene() -> None:
        async with serving(request_seconds=0.1, sweep_seconds=0.01) as there:
            peer = await there.peer()
            ending = asyncio.create_task(peer.ended())
            while not ending.done():
                peer.writer.write(b" x")
                await asyncio.wait([ending], timeout=0.01)
            assert await ending

    play(scene())


def test_a_connection_whose_request_is_worked_on_is_not_idle() -> None:
    async def scene() -> None:
        async with serving(idle_seconds=0.02, sweep_seconds=0.005) as there:
            working, idle = await there.peer(), await there.peer()
            await working.send(request("slow"))
            await idle.ask("echo")
            assert await idle.ended()
            there.release.set()
            assert (await working.receive())["id"] == 1

    play(scene())


def test_a_watching_connection_may_rest_for_ever() -> None:
    async def scene() -> None:
        async with serving(idle_seconds=0.02, sweep_seconds=0.005) as there:
            watching, idle = await there.peer(), await there.peer()
            assert (await watching.ask("watch"))["params"] == {"n": 1}
            assert (await watching.receive())["result"] == {"watching": True}
            await idle.ask("echo")
            assert await idle.ended()
            assert (await watching.ask("echo"))["id"] == 1

    play(scene())


def test_a_handler_hears_that_its_connection_has_ended() -> None:
    async def scene() -> None:
        async with serving() as there:
            peer = await there.peer()
            await peer.ask("watch")
            peer.writer.close()
            await there.closed.wait()

    play(scene())


def test_who_leaves_before_the_answer_harms_nobody() -> None:
    async def scene() -> None:
        async with serving() as there:
            peer = await there.peer()
            await peer.send(request("slow"))
            await there.began.wait()
            peer.writer.transport.abort()
            there.release.set()
            assert (await (await there.peer()).ask("echo"))["id"] == 1

    play(scene())


def test_a_connection_with_much_in_the_works_is_read_no_further_for_now() -> None:
    async def scene() -> None:
        async with serving(pending=3) as there:
            peer, other = await there.peer(), await there.peer()
            for number in range(10):
                await peer.send(request("slow", number))
                await other.ask("echo")
            assert len([method for method, _ in there.asked if method == "slow"]) <= 4
            there.release.set()
            assert sorted([(await peer.receive())["id"] for _ in range(10)]) == list(range(10))

    play(scene())


def test_a_client_that_reads_late_gets_everything() -> None:
    async def scene() -> None:
        async with serving() as there, asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_unix_connection(there.path, limit=1 << 20)
            for number in range(20):
                writer.write(request("big", number))
            await (await there.peer()).ask("echo")
            for number in range(20):
                assert json.loads(await reader.readline())["id"] == number
            writer.close()

    play(scene())


def test_who_wants_to_know_is_told_how_long_an_answer_may_take() -> None:
    async def scene() -> None:
        async with serving(notice_seconds=0.0) as there:
            peer = await there.peer()
            await peer.send(request("slow", progress=True))
            line = await peer.reader.readline()
            assert line.startswith(protocol.WAIT_PREFIX)
            assert protocol.seconds_in(line) == 42
            there.release.set()
            assert (await peer.receive())["id"] == 1

    play(scene())


@pytest.mark.parametrize("progress", [False, None, 1, "true"])
def test_nobody_else_is(progress: object) -> None:
    async def scene() -> None:
        async with serving(notice_seconds=0.0) as there:
            peer, other = await there.peer(), await there.peer()
            await peer.send(request("slow", progress=progress))
            await other.send(request("slow", progress=True))
            assert (await other.receive())["method"] == "wait"
            there.release.set()
            assert (await peer.receive())["id"] == 1

    play(scene())


def test_an_answer_in_hand_is_not_announced() -> None:
    async def scene() -> None:
        async with serving(notice_seconds=0.0) as there:
            assert "result" in await (await there.peer()).ask("echo", progress=True)

    play(scene())


def test_another_user_gets_one_line_and_nothing_is_done_for_him() -> None:
    async def scene() -> None:
        async with serving(uid=os.getuid() + 1) as there:
            peer = await there.peer()
            answer = await peer.receive()
            assert answer["error"]["data"]["kind"] == "denied"
            assert await peer.ended()
            assert there.asked == []

    play(scene())


def test_the_peer_s_uid_is_known() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert peers.uid(one) == os.getuid()


def test_a_draining_server_answers_what_was_asked_and_closes() -> None:
    async def scene() -> None:
        async with serving() as there:
            busy, idle = await there.peer(), await there.peer()
            await idle.ask("echo")
            await busy.send(request("slow"))
            await there.began.wait()
            draining = asyncio.create_task(there.server.drain(PATIENCE))
            await asyncio.sleep(0)
            there.release.set()
            assert (await busy.receive())["id"] == 1
            assert await busy.ended()
            assert await idle.ended()
            await draining
            with pytest.raises(ConnectionError):
                await (await there.peer()).ask("echo")

    play(scene())


def test_a_draining_server_waits_only_so_long() -> None:
    async def scene() -> None:
        async with serving() as there:
            peer = await there.peer()
            await peer.send(request("slow"))
            await there.began.wait()
            await there.server.drain(0.01)
            answer = await peer.receive()
            assert (answer["id"], answer["error"]["code"]) == (1, protocol.LEAVING)
            assert answer["error"]["data"]["retryable"]
            assert await peer.ended()

    play(scene())


def test_a_server_that_was_full_accepts_nobody_while_it_drains() -> None:
    async def scene() -> None:
        async with serving(connections=1) as there:
            served = await there.peer()
            await served.ask("echo")
            late = await there.peer()
            await late.send(request("echo"))
            await there.server.drain(PATIENCE)
            assert await served.ended()
            assert await late.ended()
            assert len(there.asked) == 1

    play(scene())


def test_a_server_can_move_to_another_listener() -> None:
    async def scene() -> None:
        async with serving() as there:
            old = await there.peer()
            await old.ask("echo")
            os.unlink(there.path)
            there.server.listen(there.listener())
            assert (await (await there.peer()).ask("echo"))["id"] == 1
            assert (await old.ask("echo"))["id"] == 1

    play(scene())
