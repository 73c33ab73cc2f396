"""What the tests of clients share: somebody whose env leads to the stand-in, and who stays until the token has died."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from desk import ACCESS_KEY_ID, SECRET_ACCESS_KEY, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Conversation, Desk
    from standin.endpoint import DsqlStandin
    from standin.steps import Steps

NO_CREDENTIALS = 5  # an exit code, see docs/errors.md
KEYS = f"[default]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n"
LONGER_THAN_A_TOKEN = 1000.0  # seconds


@pytest.fixture
def sleeps(reachable: Desk, stepped: Steps) -> Iterator[Callable[[], None]]:
    """Have the machine sleep for longer than a token lives, whenever called."""
    with reachable.daemon():  # one that a client starts would not have the environment of `stepped`
        yield lambda: stepped.suspend(LONGER_THAN_A_TOKEN)


@pytest.fixture
def outlives_its_token(sleeps: Callable[[], None], standin: DsqlStandin) -> Callable[[Conversation], None]:
    """Hold that a client opens a second connection with a token of the time, after the first one's has died.

    The client opens one more connection at each line, and answers as whom, or `refused` and why.
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
    """Hold that such a client gives no token to who cannot prove to be the endpoint.

    It has been told of no authority, so that the stand-in cannot.
    """
    (reachable.home / ".postgresql" / "root.crt").unlink()

    def hold(client: Conversation) -> None:
        before = len(standin.logins)
        assert re.match("refused.*certificat", client.ask())
        assert len(standin.logins) == before

    return hold


@pytest.fixture
def outlives_its_keys(reachable: Desk, sleeps: Callable[[], None]) -> Callable[[Conversation], None]:
    """Hold that such a client says what `dsqltok` says where there is no token any more, and goes on."""

    def hold(client: Conversation) -> None:
        assert client.ask() == "admin"
        sleeps()
        (reachable.home / ".aws" / "credentials").unlink()
        eventually(lambda: reachable.dsqltok("get", "dsql").returncode == NO_CREDENTIALS, "there are no keys any more")
        assert client.ask().startswith("refused")
        reachable.aws(credentials=KEYS)
        eventually(lambda: reachable.dsqltok("get", "dsql").returncode == 0, "there are keys again")
        assert client.ask() == "admin"
        assert client.process.stdin is not None
        assert client.process.stderr is not None
        client.process.stdin.close()
        assert "hint: " in client.process.stderr.read()

    return hold
