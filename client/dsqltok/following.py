"""Following a token for as long as the caller likes, whichever daemon there is.

The rules:
- Each token is told once, at once and when it is replaced.
- A daemon that ends is no error: the next one is asked, and started where there is none. One that ends again and again,
  or cannot be started, is asked after a pause that grows to some seconds.
- One that says nothing until its last token has ended, or for some minutes, may hang: the same is asked again on
  another connection, where a daemon that works answers at once.
- What keeps a token from being had is told once, and the following goes on.
"""

import contextlib
import json
import select
import time
from datetime import datetime
from typing import TYPE_CHECKING

from dsqltok import asking, errors, protocol, transport

if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Iterator

    Answer = dict[str, object]
    Wait = Callable[["_socket.socket | None", float], bool]
    """Returns True once the socket has something to read, False when the seconds have passed; raises to end it all."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_LONGEST_SILENCE = 300.0
_GRAIN = 1.0  # seconds: as exactly as the end of a token is told
_RECV = 64 * 1024


def wait(sock: "_socket.socket | None", seconds: float, *, reader: int | None = None) -> bool:
    """Wait until `sock`, if it is one, has something to read, or the seconds have passed; tell whether it has.

    Raises `BrokenPipeError` once nobody reads any more what is written to the descriptor `reader`.
    """
    poll = select.poll()
    if sock is not None:
        poll.register(sock.fileno(), select.POLLIN)
    if reader is not None:
        poll.register(reader, 0)
    ready = {found for found, _event in poll.poll(1000 * seconds)}
    if reader in ready:
        raise BrokenPipeError
    return bool(ready)


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
    """Yield what one daemon says, until it ends or is silent for too long.

    Raises what it says is wrong with the request, and `TimedOutError` where it does not answer that.
    """
    asked = {**params, "standing": True} if standing else params
    try:
        sock.sendall(protocol.request("token.watch", asked))
    except OSError:
        return
    begun, pending, patience = False, b"", transport.PATIENCE
    while wait(sock, patience):
        more = _received(sock)
        if not more:
            return
        *lines, pending = (pending + more).split(b"\n")
        for line in lines:
            if line.startswith(protocol.WAIT_PREFIX):
                patience = protocol.seconds_in(line) + transport.PATIENCE
                continue
            if not begun and line.startswith(protocol.LEAVING_PREFIX):
                return
            answer = json.loads(line)["params"] if begun else protocol.read_answer(line)
            begun = True
            yield _judged(answer)
            patience = _patience(answer)
    if not begun:
        transport.explain_timeout(sock)


def _received(sock: "_socket.socket") -> bytes:
    """Return what has arrived, nothing where the other end is gone."""
    try:
        return sock.recv(_RECV)
    except ConnectionError:
        return b""


def _patience(answer: "Answer") -> float:
    """Return for how many seconds a daemon that works may have nothing to say after this."""
    ends = answer.get("expires_at")
    if not isinstance(ends, str):
        return _LONGEST_SILENCE
    left = datetime.fromisoformat(ends).timestamp() - time.time()
    return min(_LONGEST_SILENCE, max(0.0, left) + _GRAIN)


def _judged(answer: "Answer") -> "Answer | errors.DsqltokError":
    data = answer.get("error")
    if not isinstance(data, dict):
        return answer
    error = errors.from_data(data)
    if isinstance(error, errors.EnvironmentNeededError):
        raise error
    return error
