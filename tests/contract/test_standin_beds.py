"""The other test beds keep their promises: STS, the Secret Service, and other users."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
import pytest
from botocore.config import Config

from standin import dated, moods, people
from standin.moods import MoodySts
from standin.sts import BlackHole, RefusingSts

if TYPE_CHECKING:
    from pathlib import Path

    from standin.people import Person
    from standin.secretservice import SecretService
    from standin.sts import Sts

ROLE_ARN = "arn:aws:iam::123456789012:role/AtlasDSQLConnect"


def assume_role(url: str) -> dict[str, Any]:
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "an example of a secret", region_name="us-east-1")
    client = session.client("sts", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}))
    answer = client.assume_role(RoleArn=ROLE_ARN, RoleSessionName="example", ExternalId="an-id")
    return dict(answer["Credentials"])


def test_what_sts_gives_out_can_be_looked_up(sts: Sts) -> None:
    given = assume_role(sts.url)
    issued = sts.issued()[-1]
    assert (issued.role_arn, issued.session_name, issued.external_id) == (ROLE_ARN, "example", "an-id")
    assert sts.find(given["AccessKeyId"]) == issued.credentials
    assert issued.credentials.secret_access_key == given["SecretAccessKey"]
    assert issued.credentials.session_token == given["SessionToken"]
    assert issued.credentials.expires_at == pytest.approx(given["Expiration"].timestamp(), abs=1)
    assert sts.find("ASIAUNKNOWN") is None


def test_an_sts_that_refuses_says_so_as_aws_does() -> None:
    with RefusingSts() as sts, pytest.raises(botocore.exceptions.ClientError, match="sts:AssumeRole") as caught:
        assume_role(sts.url)
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    assert sts.refused == 1


def test_a_black_hole_takes_connections_and_gives_nothing_back() -> None:
    with BlackHole() as hole, socket.create_connection(("127.0.0.1", hole.port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\n\r\n")
        hole.swallow(timeout_s=10)
        assert select.select([client], [], [], 0)[0] == []


def test_an_sts_changes_its_mood_and_leaves_and_comes_back_where_it_was() -> None:
    user = "arn:aws:sts::123456789012:assumed-role/AtlasDSQLConnect/example"
    with MoodySts(moods.complains(400, "ValidationError")) as sts:
        with pytest.raises(botocore.exceptions.ClientError, match="ValidationError"):
            assume_role(sts.url)
        sts.mood = moods.issues_dated(user=user, clock=lambda: 4_000_000_000.9, life_s=900)
        sts.leave()
        with pytest.raises(botocore.exceptions.EndpointConnectionError):
            assume_role(sts.url)
        sts.come_back()
        given = assume_role(sts.url)
        with MoodySts(moods.passes_on(sts.url)) as front:
            assert assume_role(front.url) == given
        assert sts.asked == 3
    made = dated.find(given["AccessKeyId"])
    assert made is not None
    assert (given["SecretAccessKey"], given["SessionToken"]) == (made.secret_access_key, made.session_token)
    assert given["Expiration"].timestamp() == made.expires_at == 4_000_000_900


def test_an_sts_that_swallows_requests_lets_go_of_them_when_it_leaves() -> None:
    with MoodySts(moods.swallows) as sts, socket.create_connection(("127.0.0.1", urlsplit(sts.url).port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while not sts.asked:
            assert select.select([client], [], [], 0.01)[0] == []
        sts.leave()
        assert client.recv(1) == b""


KEYRING = """
import sys, keyring
_, verb, *arguments = sys.argv
print(getattr(keyring, verb + "_password")("dsqltok", "tokens", *arguments))
"""


def keyring(service: SecretService, *arguments: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    """Use the real keyring in a process of its own, as the user whom the service belongs to."""
    command = people.ordinary().argv(sys.executable, "-c", KEYRING, *arguments)
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **service.environment}
    return subprocess.run(command, env=environment, timeout=timeout, capture_output=True, text=True, check=False)


def test_the_secret_service_keeps_what_keyring_stores_there(secret_service: SecretService) -> None:
    assert keyring(secret_service, "set", "an example of a secret").returncode == 0
    assert keyring(secret_service, "get").stdout == "an example of a secret\n"
    assert keyring(secret_service, "delete").returncode == 0
    assert keyring(secret_service, "get").stdout == "None\n"


def test_what_a_test_puts_there_is_what_keyring_finds_and_the_other_way_round(secret_service: SecretService) -> None:
    secret_service.put("put by the test")
    assert keyring(secret_service, "get").stdout == "put by the test\n"
    keyring(secret_service, "set", "put by keyring")
    assert secret_service.entry() == "put by keyring"
    keyring(secret_service, "delete")
    assert secret_service.entry() is None


def test_a_locked_secret_service_gives_nothing_until_it_is_unlocked(secret_service: SecretService) -> None:
    keyring(secret_service, "set", "an example of a secret")
    with secret_service.locked():
        assert "KeyringLocked" in keyring(secret_service, "get").stderr
    assert keyring(secret_service, "get").stdout == "an example of a secret\n"


def test_a_hung_secret_service_does_not_answer_until_it_goes_on(secret_service: SecretService) -> None:
    with secret_service.hung(), pytest.raises(subprocess.TimeoutExpired):
        keyring(secret_service, "get", timeout=1)
    assert keyring(secret_service, "get").returncode == 0


def test_a_program_runs_as_whom_it_is_told_to(stranger: Person) -> None:
    everybody = [people.ordinary(), stranger]
    uids = [int(subprocess.run(who.argv("id", "-u"), check=True, stdout=subprocess.PIPE).stdout) for who in everybody]
    assert uids == [who.uid for who in everybody]
    assert len({0, *uids}) == 3


def test_what_a_person_is_given_nobody_else_may_read(stranger: Person, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("an example of a secret")
    secret.chmod(0o600)
    people.ordinary().own(secret)
    with secret.open() as opened:
        assert os.fstat(opened.fileno()).st_uid == people.ordinary().uid
    assert subprocess.run(stranger.argv("cat", str(secret)), capture_output=True, check=False).returncode == 1
