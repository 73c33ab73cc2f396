"""What the tests of clients share: somebody whose env leads to the stand-in, and who stays until the token has died."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Conversation, Desk
    from standin.endpoint import DsqlStandin
    from standin.steps import Steps

LONGER_THAN_A_TOKEN = 1000.0  # seconds


@pytest.fixture
def sleeps(reachable: Desk, stepped: Steps) -> Iterator[Callable[[], None]]:
    """Have the machine sleep for longer than a token lives, whenever called."""
    with reachable.daemon():  # one that a client starts would not have the environment of `stepped`
        yield lambda: stepped.suspend(LONGER_THAN_A_TOKEN)


@pytest.fixture
def outlives_its_token(sleeps: Callable[[], None], standin: DsqlStandin) -> Callable[[Conversation], None]:
    """Hold that a client opens a second connection with a token of the time, after the first one's has died.

    The client opens one more connection at each line, and says as whom.
    """

    def hold(client: Conversation) -> None:
        before = len(standin.logins)
        assert client.ask() == "admin"
        sleeps()
        assert client.ask() == "admin"
        first, second = standin.logins[before:]
        assert second.signed_at >= first.signed_at + LONGER_THAN_A_TOKEN

    return hold


@pytest.fixture
def keeps_its_token(reachable: Desk, standin: DsqlStandin) -> Callable[[Conversation], None]:
    """Hold that a client, which opens a connection at each line, gives no token to who cannot prove to be the endpoint.

    It has been told of no authority, so that the stand-in cannot.
    """
    (reachable.home / ".postgresql" / "root.crt").unlink()

    def hold(client: Conversation) -> None:
        before = len(standin.logins)
        with pytest.raises(AssertionError, match=r"(?i)certificat"):
            client.ask()
        assert len(standin.logins) == before

    return hold
