"""Following a token for as long as the caller likes, whichever daemon there is.

The rules:
- Each token is told once, at once and when it is replaced.
- A daemon that ends is no error: the next one is asked, and started where there is none. One that ends again and again,
  or cannot be started, is asked after a pause that grows to some seconds.
- What keeps a token from being had is told once, and the following goes on.
"""

import contextlib
import json
import select
import time
from typing import TYPE_CHECKING

from dsqltok import asking, errors, protocol, transport

if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Iterator

    Answer = dict[str, object]
    Wait = Callable[["_socket.socket | None", float | None], None]
    """Returns once the socket has something to read, or the seconds have passed; raises to end the following."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_RECV = 64 * 1024


def wait(sock: "_socket.socket | None", seconds: float | None, *, reader: int | None = None) -> None:
    """Wait until `sock` has something to read, or the seconds have passed. None stands for none, and for no end.

    Raises `BrokenPipeError` once nobody reads any more what is written to the descriptor `reader`.
    """
    poll = select.poll()
    if sock is not None:
        poll.register(sock.fileno(), select.POLLIN)
    if reader is not None:
        poll.register(reader, 0)
    for found, _event in poll.poll(None if seconds is None else 1000 * seconds):
        if found == reader:
            raise BrokenPipeError


def news(
    params: dict[str, object], *, standing: bool = False, wait: "Wait" = wait
) -> "Iterator[Answer | errors.DsqltokError]":
    """Yield each new token, as an answer of `token.watch`, and why there is none.

    `params` are those of `arguments.selection`. Unless `standing`, an error in place of the first token is raised.
    """
    token: object = None
    trouble = ""
    for found in _answers(params, standing=standing, wait=wait):
        if isinstance(found, errors.DsqltokError):
            if found.message != trouble:
                trouble = found.message
                yield found
        else:
            trouble = ""
            if found["token"] != token:
                token = found["token"]
                yield found


def _answers(params: dict[str, object], *, standing: bool, wait: "Wait") -> "Iterator[Answer | errors.DsqltokError]":
    pause = 0.0
    while True:
        begin = time.monotonic()
        try:
            with contextlib.closing(transport.connection()) as sock:
                for answer in _watched(sock, params, standing=standing, wait=wait):
                    standing = True
                    yield answer
        except errors.EnvironmentNeededError as needed:  # the project reads more than was known
            asking.add_environment(params, needed)
            continue
        except errors.DsqltokError as error:
            if not standing:
                raise
            yield error
        lasted = time.monotonic() - begin > _LONGEST_PAUSE
        pause = 0.0 if lasted else min(_LONGEST_PAUSE, max(_FIRST_PAUSE, 2 * pause))
        wait(None, pause)


def _watched(
    sock: "_socket.socket", params: dict[str, object], *, standing: bool, wait: "Wait"
) -> "Iterator[Answer | errors.DsqltokError]":
    """Yield what one daemon says, until it ends. Raises what it says is wrong with the request."""
    asked = {**params, "standing": True} if standing else params
    try:
        sock.sendall(protocol.request("token.watch", asked))
    except OSError:
        return
    begun = False
    for line in _lines(sock, wait):
        if line.startswith(protocol.WAIT_PREFIX):
            sock.settimeout(protocol.seconds_in(line) + transport.PATIENCE)
        elif not begun:
            if line.startswith(protocol.LEAVING_PREFIX):
                return
            begun = True
            sock.settimeout(None)
            yield _judged(protocol.read_answer(line))
        else:
            yield _judged(json.loads(line)["params"])


def _lines(sock: "_socket.socket", wait: "Wait") -> "Iterator[bytes]":
    """Yield the lines that arrive, until the other end is gone."""
    pending = b""
    while True:
        *lines, pending = pending.split(b"\n")
        yield from lines
        if sock.gettimeout() is None:
            wait(sock, None)
        try:
            more = sock.recv(_RECV)
        except TimeoutError:
            raise errors.TimedOutError("the daemon does not answer", hint="see dsqltok status") from None
        except ConnectionError:
            return
        if not more:
            return
        pending += more


def _judged(answer: "Answer") -> "Answer | errors.DsqltokError":
    data = answer.get("error")
    if not isinstance(data, dict):
        return answer
    error = errors.from_data(data)
    if isinstance(error, errors.EnvironmentNeededError):
        raise error
    return error
