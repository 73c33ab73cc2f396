"""The way to a server, for `dsqltok doctor`: its name's addresses, and a connection to one of them, within seconds."""

from __future__ import annotations

import queue
import socket
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from dsqltok import errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

_DNS_SECONDS = 5.0
_TCP_SECONDS = 3.0  # for one address
_ALL_SECONDS = 8.0  # for all of them
_MOST = 8


class Address(NamedTuple):
    """Where to connect to."""

    family: int
    ip: str
    place: tuple[Any, ...]  # as `socket.connect` takes it


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return what `work` returns, or raise what it raises, or `TimeoutError`.

    A look-up cannot be cancelled: the thread that hangs in one is left behind, and the process ends without it.
    """
    outcome: queue.SimpleQueue[tuple[T, None] | tuple[None, Exception]] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put((work(), None))
        except Exception as error:  # noqa: BLE001 - raised again where somebody waits for it
            outcome.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = outcome.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # one of the two is there


def resolve(host: str, port: int) -> list[Address]:
    """Return the addresses of a host name, or the one that it is. Raises `UnavailableError` and `TimedOutError`."""
    try:
        found = within(_DNS_SECONDS, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except TimeoutError:
        raise errors.TimedOutError(
            f"no answer about {host} in {_DNS_SECONDS:g} s", hint="check the DNS server, and the VPN if there is one"
        ) from None
    except (OSError, UnicodeError) as error:
        raise _unresolved(host, error) from None
    return list({place: Address(family, str(place[0]), place) for family, _, _, _, place in found}.values())


def _unresolved(host: str, error: Exception) -> errors.DsqltokError:
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return errors.UnavailableError(
            f"the DNS server does not answer about {host}", hint="check the network, and the VPN if there is one"
        )
    return errors.UnavailableError(
        f"there is no address for {host}",
        hint="check the endpoint's name in atlas.hcl, and that the cluster is not deleted or in another network",
        retryable=False,
    )


def connect(addresses: list[Address]) -> tuple[socket.socket, str]:
    """Return a connection to the first address that takes one, and what became of each.

    Raises `UnavailableError`, or `TimedOutError` where not even a refusal came.
    """
    reached: list[tuple[socket.socket, str]] = []
    failed: dict[str, OSError] = {}
    end = time.monotonic() + _ALL_SECONDS
    for address in addresses[:_MOST]:
        left = end - time.monotonic()
        if left <= 0:
            break
        try:
            reached.append((_connected(address, min(left, _TCP_SECONDS)), address.ip))
        except OSError as error:
            failed[address.ip] = error
    port = addresses[0].place[1]
    troubles = "; ".join(f"{ip}: {_reason(error)}" for ip, error in failed.items())
    if not reached:
        raise _unreached(port, troubles, failed)
    for connection, _ in reached[1:]:
        connection.close()
    text = f"port {port} of {', '.join(ip for _, ip in reached)} is open"
    return reached[0][0], f"{text}; {troubles}" if troubles else text


def _connected(address: Address, seconds: float) -> socket.socket:
    connection = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect(address.place)
    except BaseException:
        connection.close()
        raise
    return connection


def _unreached(port: int, troubles: str, failed: dict[str, OSError]) -> errors.DsqltokError:
    text = f"no connection to port {port}: {troubles}"
    if any(isinstance(error, ConnectionRefusedError) for error in failed.values()):
        return errors.UnavailableError(text, hint="nothing listens there: check the port, and that the tunnel runs")
    if all(isinstance(error, TimeoutError) for error in failed.values()):
        return errors.TimedOutError(text, hint="a firewall may swallow it: check the VPN and the rules for that port")
    return errors.UnavailableError(text, hint="check the network, and the VPN if there is one")


def _reason(error: OSError) -> str:
    return "no answer" if isinstance(error, TimeoutError) else (error.strerror or str(error)).lower()
