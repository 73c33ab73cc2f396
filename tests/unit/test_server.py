"""The server on real sockets. The handler is the test's: it answers at once, later, never, wrongly or not at all."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import tempfile
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from dsqltok import protocol
from dsqltok.errors import NotFoundError
from dsqltokd.connection import Channel, UnknownMethodError
from dsqltokd.limits import Limits
from dsqltokd.server import Server, peer_uid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator

PATIENCE = 20.0
CANARY = "c4n4ry"


class Peer:
    """A client: lines out, objects in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *lines: bytes) -> None:
        self.writer.write(b"".join(lines))
        await self.writer.drain()

    async def receive(self) -> dict[str, Any]:
        line = await self.reader.readline()
        assert line.endswith(b"\n"), f"the connection ended: {line!r}"
        answer: dict[str, Any] = json.loads(line)
        assert answer["jsonrpc"] == "2.0"
        return answer

    async def ask(self, method: str, request_id: object = 1, **params: object) -> dict[str, Any]:
        await self.send(request(method, request_id, **params))
        return await self.receive()

    async def ended(self) -> bool:
        try:
            return await self.reader.read() == b""
        except ConnectionError:
            return True


class Scene:
    """A server and what its handler was asked. `release` lets the requests go on that wait."""

    def __init__(self, path: str, limits: Limits, uid: int) -> None:
        self.path = path
        self.server = Server(self.listener(), self.handle, uid=uid, patience=lambda: 42.7, limits=limits)
        self.release = asyncio.Event()
        self.began = asyncio.Event()
        self.closed = asyncio.Event()
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.peers: list[Peer] = []
        self.channels: list[Channel] = []

    def listener(self) -> socket.socket:
        made = socket.socket(socket.AF_UNIX)
        made.bind(self.path)
        made.listen()
        return made

    async def peer(self) -> Peer:
        made = Peer(*await asyncio.open_unix_connection(self.path))
        self.peers.append(made)
        return made

    def handle(
        self, method: str, params: dict[str, Any], channel: Channel
    ) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        self.asked.append((method, params))
        if method == "echo":
            return {"params": params}
        if method == "big":
            return {"text": "x" * 100_000}
        if method == "refuse":
            raise NotFoundError("no such env", hint="it has dev", data={"candidates": ["dev"]})
        if method == "break":
            raise RuntimeError(CANARY)
        if method == "watch":
            self.channels.append(channel)
            channel.on_close(self.closed.set)
            channel.notify("token", {"n": 1})
            return {"watching": True}
        if method.startswith("slow"):
            return self.slowly(method)
        raise UnknownMethodError

    async def slowly(self, method: str) -> dict[str, Any]:
        self.began.set()
        await self.release.wait()
        if method == "slow break":
            raise RuntimeError(CANARY)
        return {"method": method}


@asynccontextmanager
async def serving(*, uid: int | None = None, **limits: Any) -> AsyncIterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="dt") as directory:
        scene = Scene(f"{directory}/s", Limits(**limits), os.getuid() if uid is None else uid)
        scene.server.start()
        try:
            async with asyncio.timeout(PATIENCE):
                yield scene
        finally:
            scene.release.set()
            for peer in scene.peers:
                peer.writer.close()
            await scene.server.drain(PATIENCE)


def request(method: str, request_id: object = 1, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).encode() + b"\n"


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


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


def test_where_all_connections_are_taken_the_one_that_rested_longest_makes_room() -> None:
    async def scene() -> None:
        async with serving(connections=3) as there:
            peers = [await there.peer() for _ in range(3)]
            for peer in (*peers, peers[0]):
                await peer.ask("echo")
            assert (await (await there.peer()).ask("echo"))["id"] == 1
            assert await peers[1].ended()
            assert (await peers[2].ask("echo"))["id"] == 1
            assert (await peers[0].ask("echo"))["id"] == 1

    play(scene())


def test_one_that_watches_makes_room_last() -> None:
    async def scene() -> None:
        async with serving(connections=3) as there:
            watching, *others = [await there.peer() for _ in range(3)]
            await watching.ask("watch")
            await watching.receive()
            for peer in others:
                await peer.ask("echo")
            for _ in range(10):
                assert (await (await there.peer()).ask("echo"))["id"] == 1
            assert [await peer.ended() for peer in others] == [True, True]
            assert (await watching.ask("echo"))["id"] == 1

    play(scene())


def test_watchers_alone_lock_nobody_out() -> None:
    async def scene() -> None:
        async with serving(connections=3) as there:
            watching = [await there.peer() for _ in range(6)]
            for peer in watching:
                await peer.ask("watch")
            assert (await (await there.peer()).ask("echo"))["id"] == 1
            assert await watching[0].reader.readline()  # the answer
            assert await watching[0].ended()

    play(scene())


def test_one_whose_request_is_worked_on_makes_no_room() -> None:
    async def scene() -> None:
        async with serving(connections=1) as there:
            working = await there.peer()
            await working.send(request("slow"))
            await there.began.wait()
            waiting = asyncio.create_task((await there.peer()).ask("echo", "second"))
            for number in range(20):
                await working.ask("echo", number)
            assert not waiting.done()
            there.release.set()
            assert (await working.receive())["id"] == 1
            assert (await waiting)["id"] == "second"

    play(scene())


def test_one_that_has_just_come_has_a_moment_to_ask() -> None:
    async def scene() -> None:
        async with serving(connections=1, first_seconds=1000.0) as there:
            silent = await there.peer()
            waiting = asyncio.create_task((await there.peer()).ask("echo", "second"))
            assert (await silent.ask("echo"))["id"] == 1
            assert (await waiting)["id"] == "second"
            assert await silent.ended()

    play(scene())


def test_silent_connections_lock_nobody_out_and_fill_no_log(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with serving(connections=3, first_seconds=0.0) as there:
            for number in range(20):
                silent = [await there.peer() for _ in range(5)]
                assert (await (await there.peer()).ask("echo", number))["id"] == number
                assert await silent[0].ended()

    play(scene())
    assert caplog.text.count("room for another connection") == 1


def test_a_connection_watches_only_so_many_tokens() -> None:
    async def scene() -> None:
        async with serving(pending=3) as there:
            peer = await there.peer()
            for number in range(3):
                await peer.ask("watch", number)
                assert (await peer.receive())["result"] == {"watching": True}
            error = (await peer.ask("watch", "one more"))["error"]
            assert error["data"]["kind"] == "usage"
            assert there.closed.is_set()  # what the fourth had begun is ended

    play(scene())


def test_what_is_sent_ahead_keeps_nobody_else_waiting() -> None:
    async def scene() -> None:
        async with serving() as there:
            ahead, other = await there.peer(), await there.peer()
            await ahead.send(*(request("echo", number) for number in range(800)))
            await other.ask("echo", "other")
            assert len(there.asked) < 800
            assert [(await ahead.receive())["id"] for _ in range(800)] == list(range(800))

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


def test_no_more_is_taken_from_a_client_that_does_not_read_and_it_is_dropped() -> None:
    async def scene() -> None:
        async with serving(idle_seconds=0.5, request_seconds=0.5, sweep_seconds=0.01) as there:
            with socket.socket(socket.AF_UNIX) as deaf:
                deaf.connect(there.path)
                deaf.setblocking(False)
                other = await there.peer()
                loop = asyncio.get_running_loop()
                with pytest.raises(ConnectionError):
                    while True:
                        await loop.sock_sendall(deaf, request("big"))
                        assert (await other.ask("echo"))["id"] == 1
            assert len([method for method, _ in there.asked if method == "big"]) < 20

    play(scene())


def test_a_client_that_does_not_read_its_notifications_is_dropped() -> None:
    async def scene() -> None:
        async with serving(unread=200_000) as there:
            peer = await there.peer()
            await peer.ask("watch")
            await peer.receive()
            peer.writer.transport.pause_reading()  # type: ignore[attr-defined] # a socket's can
            for _ in range(1000):
                if not there.closed.is_set():
                    there.channels[0].notify("token", {"text": "x" * 10_000})
            assert there.closed.is_set()

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
        assert peer_uid(one) == os.getuid()


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


@contextmanager
def no_file_descriptors(free: int = 0) -> Iterator[None]:
    """Have none left but the lowest `free` that nobody uses now."""
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(free + 1)]
    lowest = sorted(held)[-1]
    for fd in held:
        os.close(fd)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def knock(path: str, *lines: bytes) -> socket.socket:
    """Connect without the loop, and send."""
    made = socket.socket(socket.AF_UNIX)
    made.connect(path)
    made.sendall(b"".join(lines))
    made.setblocking(False)
    return made


async def heard(client: socket.socket) -> Any:
    return json.loads(await asyncio.get_running_loop().sock_recv(client, 1000))


def test_without_file_descriptors_a_request_is_answered_by_a_spare_one(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with serving() as there:
            served = await there.peer()
            await served.ask("echo")
            for number in range(5):
                with knock(there.path, request("echo", number)) as late, no_file_descriptors():
                    assert (await heard(late))["id"] == number
                    late.close()
                    assert (await served.ask("echo"))["id"] == 1

    play(scene())
    assert caplog.text.count("cannot accept") == 1


def test_without_file_descriptors_who_rests_makes_room() -> None:
    async def scene() -> None:
        async with serving(first_seconds=0.0) as there:
            clients = [knock(there.path) for _ in range(10)]
            with no_file_descriptors(3), ExitStack() as open_ones:
                for client in clients:
                    open_ones.enter_context(client)
                    client.sendall(request("echo", "a"))
                assert [(await heard(client))["id"] for client in clients] == ["a"] * 10

    play(scene())


def test_without_any_file_descriptor_accepting_pauses_and_goes_on_later(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with serving() as there:
            served = await there.peer()
            await served.send(request("slow"))
            await there.began.wait()
            late = knock(there.path, request("echo", "late"))
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
            try:
                for _ in range(50):
                    await served.ask("echo")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            with late:
                assert (await heard(late))["id"] == "late"

    play(scene())
    assert caplog.text.count("cannot accept") == 1
