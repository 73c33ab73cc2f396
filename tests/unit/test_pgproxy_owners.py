"""Whose the other end of a connection is: by netlink and by the list, which say the same."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dsqltokd.pgproxy import owners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Teller = Callable[[int, tuple[str, int], tuple[str, int]], int | None]

OVERFLOW = int(Path("/proc/sys/kernel/overflowuid").read_text()) if sys.platform == "linux" else -1
PLACES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
TELLS = "import socket; from dsqltokd.pgproxy.owners import tells; print(*map(tells, (socket.AF_INET, socket.AF_UNIX)))"
# Each is run by the name of what tells, since a machine may lack one of them.
each_teller = pytest.mark.parametrize("tell", [owners.by_netlink, owners.by_list])
each_family = pytest.mark.parametrize(("family", "address"), PLACES)


class Ends:
    """A connection within this machine: `near` is the server's end of it."""

    def __init__(self, parts: ExitStack, family: int, address: str) -> None:
        listener = parts.enter_context(socket.create_server((address, 0), family=family))
        self.far = parts.enter_context(socket.create_connection(listener.getsockname()[:2]))
        self.near = parts.enter_context(listener.accept()[0])

    @property
    def places(self) -> tuple[tuple[str, int], tuple[str, int]]:
        return self.near.getpeername()[:2], self.near.getsockname()[:2]


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


@each_teller
def test_an_ipv6_socket_that_is_connected_to_an_ipv4_address_is_found(tell: Teller, parts: ExitStack) -> None:
    listener = parts.enter_context(socket.create_server(("127.0.0.1", 0)))
    far = parts.enter_context(socket.socket(socket.AF_INET6))  # as Java's are
    far.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    far.connect(("::ffff:127.0.0.1", listener.getsockname()[1]))
    near = parts.enter_context(listener.accept()[0])
    assert tell(socket.AF_INET, near.getpeername(), near.getsockname()) == os.getuid()


@each_teller
@each_family
def test_the_owner_of_the_other_end_is_told(tell: Teller, family: int, address: str, parts: ExitStack) -> None:
    ends = Ends(parts, family, address)
    assert tell(family, *ends.places) == os.getuid()


@each_teller
@each_family
def test_of_a_connection_that_is_not_there_nothing_is_told(
    tell: Teller, family: int, address: str, parts: ExitStack
) -> None:
    there, here = Ends(parts, family, address).places
    assert tell(family, (there[0], 1), here) is None
    assert tell(family, there, (here[0], 1)) is None


@each_teller
@each_family
def test_of_one_whose_other_end_is_closed_nothing_is_told(
    tell: Teller, family: int, address: str, parts: ExitStack
) -> None:
    ends = Ends(parts, family, address)
    places = ends.places
    ends.far.close()
    assert tell(family, *places) is None


def test_a_connection_whose_other_end_is_gone_is_said_to_be_so(parts: ExitStack) -> None:
    ends = Ends(parts, *PLACES[0])
    ends.far.close()
    with pytest.raises(ConnectionError):
        owners.owner(ends.near)


@pytest.mark.skipif(sys.platform != "linux", reason="user namespaces are Linux's")
@pytest.mark.parametrize(("uid", "told"), [(OVERFLOW, "False False\n"), (OVERFLOW - 1, "True True\n")])
def test_a_user_who_looks_like_all_whom_his_namespace_does_not_know_is_told_from_none(uid: int, told: str) -> None:
    namespace = ("unshare", "--user", f"--map-user={uid}")
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets its users make no namespaces")
    command = (*namespace, sys.executable, "-c", TELLS)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (told, "")
