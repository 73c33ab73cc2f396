"""What botocore's exceptions mean, each built as the real thing."""

from __future__ import annotations

import json
from typing import Any

import botocore.exceptions as botocore
import pytest

from dsqltok.errors import (
    ConfigurationError,
    CredentialsError,
    DeniedError,
    DsqltokError,
    TimedOutError,
    UnavailableError,
)
from dsqltokd.worker.awserrors import no_credentials, translate

CANARY = "c4n4ry-wJalrXUtnFEMI"
ROLE = "arn:aws:iam::123456789012:role/dsql"
URL = "https://sts.eu-west-1.amazonaws.com/"


def client_error(code: str, message: str = "Because of this.", status: int = 400) -> botocore.ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.ClientError(response, "AssumeRole")


def not_json() -> json.JSONDecodeError:
    try:
        json.loads(CANARY)
    except json.JSONDecodeError as error:
        return error
    raise AssertionError


CASES: list[tuple[Exception, type[DsqltokError], str, str]] = [
    # static keys
    (
        botocore.PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"),
        CredentialsError,
        "half of an access key is missing",
        "aws_secret_access_key",
    ),
    # roles
    (
        botocore.InvalidConfigError(error_msg='The source profile "a" must have credentials.'),
        ConfigurationError,
        'the source profile "a" must have credentials',
        "source_profile",
    ),
    (
        botocore.PartialCredentialsError(provider="assume-role", cred_var="source_profile or credential_source"),
        ConfigurationError,
        "nothing to assume it from",
        "source_profile",
    ),
    (botocore.ParamValidationError(report=CANARY), ConfigurationError, "is no role's arn", "arn:aws:iam::"),
    (
        botocore.InfiniteLoopConfigError(source_profile="a", visited_profiles=["a"]),
        ConfigurationError,
        "leads back to itself",
        "source_profile",
    ),
    (
        botocore.CredentialRetrievalError(provider="assume-role", error_msg=CANARY),
        CredentialsError,
        "assume-role gave no credentials",
        "aws sts get-caller-identity",
    ),
    (client_error("AccessDenied", status=403), DeniedError, "AccessDenied: Because of this", "trust policy"),
    # an mfa device
    (botocore.RefreshWithMFAUnsupportedError(), CredentialsError, "mfa code", "dsqltok login"),
    (EOFError(), CredentialsError, "mfa code", "dsqltok login"),
    # sso
    (botocore.SSOTokenLoadError(error_msg=CANARY), CredentialsError, "sso session has expired", "aws sso login"),
    (
        botocore.TokenRetrievalError(provider="sso", error_msg=CANARY),
        CredentialsError,
        "sso session has expired",
        "aws sso login",
    ),
    (botocore.UnauthorizedSSOTokenError(), CredentialsError, "sso session has expired", "aws sso login"),
    (client_error("ForbiddenException", "No access", 403), DeniedError, "No access", "aws sts get-caller-identity"),
    # a credential_process
    (
        botocore.CredentialRetrievalError(provider="custom-process", error_msg=CANARY),
        CredentialsError,
        "custom-process gave no credentials",
        "aws sts get-caller-identity",
    ),
    (FileNotFoundError(2, CANARY, CANARY), ConfigurationError, "is not there", "credential_process"),
    (not_json(), CredentialsError, "printed no JSON", "in a terminal"),
    (RuntimeError(CANARY), CredentialsError, "have expired already", "renew"),
    # web identity
    (FileNotFoundError(2, CANARY, CANARY), ConfigurationError, "is not there", "web_identity_token_file"),
    (client_error("ExpiredTokenException"), CredentialsError, "ExpiredTokenException", "renew"),
    (client_error("InvalidIdentityToken"), CredentialsError, "InvalidIdentityToken", "renew"),
    # aws login
    (botocore.MissingDependencyException(msg=CANARY), ConfigurationError, "not installed", "botocore[crt]"),
    (botocore.LoginTokenLoadError(error_msg=CANARY), CredentialsError, "aws login session has expired", "aws login"),
    (botocore.LoginRefreshRequired(), CredentialsError, "aws login session has expired", "aws login"),
    (botocore.LoginInsufficientPermissions(), CredentialsError, "aws login session has expired", "aws login"),
    # the configuration
    (botocore.ProfileNotFound(profile="prdo"), ConfigurationError, 'no profile "prdo"', "list-profiles"),
    (botocore.ConfigParseError(path=CANARY), ConfigurationError, "cannot be read", "stray line"),
    (botocore.NoCredentialsError(), CredentialsError, "there are no AWS credentials", "aws configure"),
    (botocore.NoRegionError(), ConfigurationError, "no region is configured", "AWS_REGION"),
    (botocore.InvalidRegionError(region_name="eu west"), ConfigurationError, "region", "AWS_REGION"),
    # the network
    (botocore.EndpointConnectionError(endpoint_url=URL), UnavailableError, "cannot be reached", "network"),
    (botocore.ConnectTimeoutError(endpoint_url=URL), TimedOutError, "did not answer in time", "network"),
    (botocore.ReadTimeoutError(endpoint_url=URL), TimedOutError, "did not answer in time", "network"),
    (botocore.ConnectionClosedError(endpoint_url=URL), UnavailableError, "cannot be reached", "network"),
    (botocore.ProxyConnectionError(proxy_url=f"http://me:{CANARY}@p"), UnavailableError, "cannot be", "HTTPS_PROXY"),
    (botocore.SSLError(endpoint_url=URL, error=OSError(CANARY)), UnavailableError, "TLS certificate", "AWS_CA_BUNDLE"),
    (ConnectionRefusedError(111, "refused"), UnavailableError, "cannot be reached", "network"),
    # what AWS says
    (client_error("InvalidClientTokenId", status=403), CredentialsError, "InvalidClientTokenId", "renew"),
    (client_error("SignatureDoesNotMatch", status=403), CredentialsError, "SignatureDoesNotMatch", "renew"),
    (client_error("Throttling"), UnavailableError, "Throttling", "try again"),
    (client_error("Whatever", status=429), UnavailableError, "Whatever", "try again"),
    (client_error("InternalFailure", status=500), UnavailableError, "InternalFailure", "try again"),
    (client_error("ServiceUnavailable", status=503), UnavailableError, "ServiceUnavailable", "try again"),
    (client_error("IDPCommunicationError"), UnavailableError, "IDPCommunicationError", "try again"),
    (client_error("ValidationError", status=400), ConfigurationError, "ValidationError", "role_arn"),
    (botocore.ClientError({}, "AssumeRole"), ConfigurationError, "aws says", "role_arn"),
    # what nobody foresaw
    (ValueError(CANARY), ConfigurationError, "makes no sense to botocore", "AWS_ENDPOINT_URL"),
    (LookupError(CANARY), CredentialsError, "AWS credentials could not be had (LookupError)", "get-caller-identity"),
    (botocore.BotoCoreError(), CredentialsError, "could not be had (BotoCoreError)", "get-caller-identity"),
]


@pytest.mark.parametrize(
    ("error", "kind", "said", "hint"), CASES, ids=[f"{type(each[0]).__name__}-{each[2][:20]}" for each in CASES]
)
def test_each_exception_has_a_meaning_and_a_hint(
    error: Exception, kind: type[DsqltokError], said: str, hint: str
) -> None:
    found = translate(error, profile="prod", role_arn=None)
    assert type(found) is kind
    assert said in found.message
    assert hint in found.hint
    assert not found.message.endswith(".")


@pytest.mark.parametrize("error", [each[0] for each in CASES], ids=lambda error: type(error).__name__)
def test_no_text_of_a_helper_program_or_a_file_is_quoted(error: Exception) -> None:
    assert CANARY not in str(translate(error, profile=None, role_arn=ROLE).as_data())


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (botocore.EndpointConnectionError(endpoint_url=URL), True),
        (botocore.ReadTimeoutError(endpoint_url=URL), True),
        (client_error("Throttling"), True),
        (client_error("InternalFailure", status=500), True),
        (client_error("AccessDenied", status=403), False),
        (client_error("ExpiredToken", status=403), False),
        (botocore.UnauthorizedSSOTokenError(), False),
        (botocore.RefreshWithMFAUnsupportedError(), False),
        (botocore.ProfileNotFound(profile="x"), False),
        (RuntimeError("x"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_may_pass_by_itself_is_tried_again(error: Exception, retryable: bool) -> None:
    assert translate(error, profile="prod", role_arn=None).retryable is retryable


@pytest.mark.parametrize(
    ("profile", "role", "who"),
    [("prod", None, 'profile "prod"'), (None, None, "the AWS identity in use"), ("prod", ROLE, f"role {ROLE}")],
)
def test_an_error_says_whose_credentials_it_is_about(profile: str | None, role: str | None, who: str) -> None:
    found = translate(client_error("AccessDenied"), profile=profile, role_arn=role)
    assert found.message == f"{who}: aws says AccessDenied: Because of this"


def test_an_identity_with_nothing_behind_it_is_named_where_it_has_a_name() -> None:
    assert no_credentials("prod").message == 'profile "prod" has no AWS credentials'
    assert no_credentials(None).message == "there are no AWS credentials"
    assert no_credentials(None).hint
