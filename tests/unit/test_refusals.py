"""What Aurora DSQL says when it refuses a login, and what that means: a row for each text that it is known to say."""

from __future__ import annotations

import pytest

from dsqltok.errors import ConfigurationError, CredentialsError, DeniedError, DsqltokError, UnavailableError
from dsqltok.pglogin import RefusedError
from dsqltok.refusals import explain

DENIED = "unable to accept connection, access denied"
ARN = "arn:aws:iam::123456789012:user/example"
TOKEN = (
    "abc.dsql.us-east-1.on.aws/?Action=DbConnectAdmin&X-Amz-Security-Token=c4n4ry%2Fsession"
    "&X-Amz-SignedHeaders=host&X-Amz-Signature=c4n4ry5ign"
)

CASES: list[tuple[RefusedError, type[DsqltokError], str, str]] = [
    # message, code and hint of the server; kind, words, hint of ours
    (
        RefusedError(DENIED, "08006", "Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z"),
        CredentialsError,
        "too old by AWS's clock",
        "clock",
    ),
    (
        RefusedError(
            DENIED, "08006", "Signature not yet current: 20260101T001500Z is still later than 20260101T000000Z"
        ),
        CredentialsError,
        "in the future",
        "clock",
    ),
    (
        RefusedError(DENIED, "08006", "Wrong user to action mapping. user: admin, action: DbConnect"),
        ConfigurationError,
        "the other kind of token",
        "add admin = true",
    ),
    (
        RefusedError(DENIED, "08006", "Wrong user to action mapping. user: app, action: DbConnectAdmin"),
        ConfigurationError,
        "app may not",
        "take admin = true out",
    ),
    (
        RefusedError(DENIED, "08006", f"User: {ARN} is not authorized to perform: dsql:DbConnectAdmin on resource: x"),
        DeniedError,
        "IAM does not allow",
        "IAM policy",
    ),
    (
        RefusedError(DENIED, "08006", f"User: {ARN} is not authorized to access this resource"),
        DeniedError,
        "wrong account or profile",
        "step identity",
    ),
    (
        RefusedError(DENIED, "08006", "The security token included in the request is expired"),
        CredentialsError,
        "credentials behind the token have expired",
        "renew",
    ),
    (
        RefusedError(DENIED, "08006", "The security token included in the request is invalid."),
        CredentialsError,
        "AWS does not know",
        "session token",
    ),
    (
        RefusedError(DENIED, "08006", "The request signature we calculated does not match the signature you provided."),
        CredentialsError,
        "wrong secret key",
        "step profile",
    ),
    (
        RefusedError("unable to accept connection, waking up cluster, please retry later", "08006", ""),
        UnavailableError,
        "waking up",
        "in a minute",
    ),
    (
        RefusedError("unable to accept connection, sni was not received", "08006", ""),
        UnavailableError,
        "did not arrive",
        "hostaddr",
    ),
    (RefusedError("too many open connections", "53300", ""), UnavailableError, "as many connections", "10,000"),
    (RefusedError("rate exceeded", "53400", ""), UnavailableError, "faster than", "100 a second"),
    (RefusedError('database "other" does not exist', "3D000", ""), ConfigurationError, "no such database", "postgres"),
    (RefusedError('role "app" does not exist', "28000", ""), DeniedError, "does not let app in", "AWS IAM GRANT"),
    (RefusedError(DENIED, "08006", ""), DeniedError, "does not accept the token", "account"),
    (
        RefusedError("something new", "XX000", "Ask the manual."),
        DeniedError,
        "something new: Ask the manual",
        "message",
    ),
]


@pytest.mark.parametrize(("refused", "kind", "words", "hint"), CASES, ids=[row[2] for row in CASES])
def test_each_refusal_has_a_meaning_and_a_remedy(
    refused: RefusedError, kind: type[DsqltokError], words: str, hint: str
) -> None:
    found = explain(refused, "app")
    assert type(found) is kind
    assert words in found.message
    assert hint in found.hint
    assert refused.message in found.message
    assert not found.message.endswith(".")


def test_a_server_that_quotes_the_token_is_not_quoted_with_it() -> None:
    for said in (TOKEN, "c4n4ry5ign", "c4n4ry%2Fsession", "c4n4ry/session"):
        found = explain(RefusedError(f"refused {said}", "08006", f"see {said}").without(TOKEN), "app")
        assert "c4n4ry" not in found.message + found.hint


def test_a_server_that_says_very_much_is_cut_short() -> None:
    assert len(explain(RefusedError("x" * 100_000, "", ""), "app").message) < 2000
