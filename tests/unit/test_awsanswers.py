"""What STS is heard to say, as botocore passes it on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from dsqltok.errors import CredentialsError, DsqltokError, UnavailableError
from dsqltokd.worker.awsanswers import Roles

CANARY = "c4n4ry-wJalrXUtnFEMI"
ROLE = "arn:aws:iam::123456789012:role/some/path/dsql"
LATER = datetime.now(UTC) + timedelta(hours=1)
ISSUED = {"AccessKeyId": "ASIA", "SecretAccessKey": CANARY, "SessionToken": CANARY, "Expiration": LATER}
USER = {"Arn": "arn:aws:sts::123456789012:assumed-role/dsql/dsqltok"}


def hear(parsed: dict[str, Any], *, call: str = "AssumeRole", status: int = 200) -> None:
    roles = Roles()
    roles.asks(params={"RoleArn": ROLE}, model=None, context={})
    assert roles.asked == ROLE
    roles.answers(
        http_response=SimpleNamespace(status_code=status), parsed=parsed, model=SimpleNamespace(name=call), context={}
    )


@pytest.mark.parametrize(
    ("parsed", "kind", "said"),
    [
        ({}, UnavailableError, "the answer lacks AccessKeyId, SecretAccessKey, SessionToken, Expiration"),
        ({"Credentials": {**ISSUED, "AccessKeyId": ""}}, UnavailableError, "the answer lacks AccessKeyId"),
        ({"Credentials": {**ISSUED, "Expiration": None}}, UnavailableError, "the answer lacks Expiration"),
        (
            {"Credentials": {**ISSUED, "Expiration": LATER.replace(tzinfo=None)}},
            UnavailableError,
            "the answer makes no sense",
        ),
        (
            {"Credentials": {**ISSUED, "Expiration": datetime.now(UTC)}},
            CredentialsError,
            "the credentials in the answer have expired",
        ),
        (
            {"Credentials": ISSUED, "AssumedRoleUser": {"Arn": USER["Arn"].replace("dsql/", "admin/")}},
            UnavailableError,
            "the answer is for another role",
        ),
        (
            {"Credentials": ISSUED, "AssumedRoleUser": {"Arn": USER["Arn"].replace("1234", "4321")}},
            UnavailableError,
            "the answer is for another role",
        ),
    ],
)
def test_an_answer_without_credentials_for_the_role_is_told_by_what_is_wrong(
    parsed: dict[str, Any], kind: type[DsqltokError], said: str
) -> None:
    with pytest.raises(kind) as caught:
        hear(parsed)
    assert caught.value.message == f"role {ROLE}: {said}"
    assert caught.value.retryable
    assert CANARY not in str(caught.value.as_data())


def test_an_answer_that_is_good_or_no_business_of_ours_is_let_through() -> None:
    hear({"Credentials": ISSUED, "AssumedRoleUser": USER})
    hear({"Credentials": ISSUED})
    hear({"Credentials": ISSUED, "AssumedRoleUser": {"Arn": "arn:aws:sts::1:x"}}, call="AssumeRoleWithWebIdentity")
    hear({"Error": {"Code": "AccessDenied"}}, status=403)
    hear({"Account": "123456789012"}, call="GetCallerIdentity")


def test_in_every_partition_a_role_is_compared_by_account_and_name() -> None:
    roles = Roles()
    roles.asks(params={"RoleArn": "arn:aws-cn:iam::123456789012:role/dsql"}, model=None, context={})
    roles.answers(
        http_response=SimpleNamespace(status_code=200),
        parsed={
            "Credentials": ISSUED,
            "AssumedRoleUser": {"Arn": "arn:aws-cn:sts::123456789012:assumed-role/dsql/dsqltok"},
        },
        model=SimpleNamespace(name="AssumeRole"),
        context={},
    )


def hear_of_a_renewal(status: int, code: str = "", message: str = "") -> bool:
    roles = Roles()
    parsed = {"Error": {"Code": code, "Message": message}} if status >= 300 else {"accessToken": CANARY}
    roles.renews(http_response=SimpleNamespace(status_code=status), parsed=parsed, model=None, context={})
    return roles.renewed


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((503, "503"), "the sso session cannot be renewed: aws says 503"),
        ((429, "TooManyRequestsException", "Slow down."), "aws says TooManyRequestsException: Slow down"),
        ((400, "SlowDown"), "aws says SlowDown"),
        ((403, "403"), "the renewal of the sso session: the answer makes no sense"),
    ],
)
def test_a_sign_in_that_cannot_be_renewed_now_is_not_taken_for_one_that_has_ended(
    answer: tuple[int, str], said: str
) -> None:
    with pytest.raises(UnavailableError) as caught:
        hear_of_a_renewal(*answer)
    assert said in caught.value.message


def test_a_sign_in_that_is_renewed_or_has_ended_is_botocores_business() -> None:
    assert hear_of_a_renewal(200)
    assert not hear_of_a_renewal(400, "InvalidGrantException", "invalid_grant")
    assert not hear_of_a_renewal(401, "InvalidClientException")
