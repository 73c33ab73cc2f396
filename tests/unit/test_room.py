"""What clients may take of the server: connections, file descriptors, memory, turns."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from unit.peers import play, request, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


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


def test_no_more_is_taken_from_a_client_that_does_not_read_and_it_is_dropped() -> None:
    async def scene() -> None:
        async with serving(idle_seconds=0.5, request_seconds=0.5, sweep_seconds=0.01) as there:
            with socket.socket(socket.AF_UNIX) as deaf:
                deaf.connect(there.path)
                deaf.setblocking(False)
                other = await there.peer()
                await other.ask("watch")  # so that it may rest for as long as a busy machine lets it
                await other.receive()
                loop = asyncio.get_running_loop()

                async def shout() -> None:
                    while True:
                        await loop.sock_sendall(deaf, request("big"))
                        assert (await other.ask("echo"))["id"] == 1

                with pytest.raises(ConnectionError):
                    await shout()
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


@contextmanager
def no_file_descriptors(free: int = 0) -> Iterator[None]:
    """Have none left but the lowest `free` that nobody uses now."""
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(free + 1)]
    lowest = max(held)
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


def test_where_the_system_gives_no_more_that_is_no_bug() -> None:
    async def scene() -> None:
        async with serving() as there:
            error = (await (await there.peer()).ask("run short"))["error"]["data"]
            assert (error["kind"], error["message"]) == (
                "unavailable",
                "the system gives the daemon no more: too many open files",
            )
            assert "report" not in error["hint"]

    play(scene())
