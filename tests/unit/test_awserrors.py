"""What botocore's exceptions mean, each built as the real thing."""

from __future__ import annotations

import configparser
import json
import socket
import string
from typing import Any

import botocore.exceptions as botocore
import pytest
from botocore.credentials import EnvProvider
from botocore.parsers import ResponseParserError
from urllib3.exceptions import LocationParseError

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
AWS = "sts.eu-west-1.amazonaws.com"
URL = f"https://{AWS}/"


def client_error(code: str, message: str = "Because of this.", status: int = 400) -> botocore.ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.ClientError(response, "AssumeRole")


def mistake(text: str) -> botocore.ConfigParseError:
    """Return what botocore makes of a configuration file that cannot be parsed."""
    try:
        configparser.RawConfigParser().read_string(text)
    except configparser.Error as error:
        return botocore.ConfigParseError(path="/c", error=error)
    raise AssertionError


def not_text() -> UnicodeDecodeError:
    return UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, "invalid start byte")


def undated(text: str) -> ValueError:
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "x", "AWS_CREDENTIAL_EXPIRATION": text}
    try:
        EnvProvider(keys).load()
    except ValueError as error:
        return error
    raise AssertionError


def not_json() -> json.JSONDecodeError:
    try:
        json.loads(CANARY)
    except json.JSONDecodeError as error:
        return error
    raise AssertionError


CASES: list[tuple[Exception, type[DsqltokError], str, str]] = [
    # keys
    (
        botocore.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        CredentialsError,
        "the environment: half of an access key is missing",
        "AWS_SECRET_ACCESS_KEY",
    ),
    (
        botocore.PartialCredentialsError(provider="shared-credentials-file", cred_var="aws_secret_access_key"),
        CredentialsError,
        "half of an access key is missing",
        "aws_secret_access_key",
    ),
    # roles
    (botocore.InvalidConfigError(error_msg=CANARY), ConfigurationError, "contradict each other", "source_profile"),
    (
        botocore.PartialCredentialsError(provider="assume-role", cred_var="source_profile or credential_source"),
        ConfigurationError,
        "nothing to assume it from",
        "source_profile",
    ),
    (botocore.UnknownCredentialError(name=CANARY), ConfigurationError, "contradict each other", "credential_source"),
    (botocore.ParamValidationError(report=CANARY), ConfigurationError, "is no role's arn", "arn:aws:iam::"),
    (
        botocore.ParamValidationError(report=f"Invalid length for parameter ExternalId, value: {CANARY}"),
        ConfigurationError,
        "its external_id is none",
        "settings",
    ),
    (RecursionError(CANARY), ConfigurationError, "chain of source_profile is too long", "a few steps"),
    (botocore.RefreshWithMFAUnsupportedError(), CredentialsError, "mfa code", "dsqltok login"),
    (EOFError(), CredentialsError, "mfa code", "dsqltok login"),
    (client_error("AccessDenied", status=403), DeniedError, "aws says AccessDenied: Because of this", "trust policy"),
    # sso
    (botocore.SSOTokenLoadError(error_msg=CANARY), CredentialsError, "sso session has expired", "aws sso login"),
    (botocore.UnauthorizedSSOTokenError(), CredentialsError, "sso session has expired", "aws sso login"),
    (
        botocore.TokenRetrievalError(provider="sso", error_msg=CANARY),
        CredentialsError,
        "sso session has expired",
        "aws sso login",
    ),
    (KeyError("a" * 40), CredentialsError, "sso session has expired", "aws sso login"),
    (client_error("ForbiddenException", status=403), DeniedError, "ForbiddenException", "trust policy"),
    # credential_process, container, instance
    (
        botocore.CredentialRetrievalError(provider="Environment", error_msg=CANARY),
        CredentialsError,
        "Environment gave no credentials",
        "get-caller-identity",
    ),
    (
        botocore.CredentialRetrievalError(provider="container-role", error_msg=CANARY),
        UnavailableError,
        "credentials endpoint gave none",
        "AWS_CONTAINER_CREDENTIALS_",
    ),
    (botocore.MetadataRetrievalError(error_msg=CANARY), UnavailableError, "metadata", "AWS_EC2_METADATA_"),
    (RuntimeError("the refreshed credentials are still expired."), CredentialsError, "have expired already", "renew"),
    (undated(CANARY), CredentialsError, "is no moment in time", "2030-01-01"),
    (OverflowError(CANARY), CredentialsError, "is no moment in time", "2030-01-01"),
    (TypeError("can't subtract offset-naive and offset-aware datetimes"), CredentialsError, "is no moment", "2030"),
    # web identity
    (FileNotFoundError(2, CANARY, CANARY), ConfigurationError, "is not there", "web_identity_token_file"),
    (PermissionError(13, CANARY, CANARY), ConfigurationError, "cannot be read", "web_identity_token_file"),
    (IsADirectoryError(21, CANARY, CANARY), ConfigurationError, "cannot be read", "web_identity_token_file"),
    (not_text(), ConfigurationError, "holds no text", "web_identity_token_file"),
    (client_error("ExpiredTokenException"), CredentialsError, "ExpiredTokenException", "renew"),
    (client_error("InvalidIdentityToken"), CredentialsError, "InvalidIdentityToken", "renew"),
    # aws login
    (botocore.MissingDependencyException(msg=CANARY), ConfigurationError, "not installed", "dsqltok[login]"),
    (botocore.LoginTokenLoadError(error_msg=CANARY), CredentialsError, "aws login session has expired", "aws login"),
    (botocore.LoginRefreshRequired(), CredentialsError, "aws login session has expired", "aws login"),
    (botocore.LoginInsufficientPermissions(), CredentialsError, "aws login session has expired", "aws login"),
    (KeyError("a" * 64), CredentialsError, "aws login session has expired", "aws login"),
    # the configuration
    (botocore.ProfileNotFound(profile="prdo"), ConfigurationError, 'no profile "prdo"', "list-profiles"),
    (botocore.ConfigParseError(path="/c", error=not_text()), ConfigurationError, "read: /c is no text", "stray"),
    (mistake("[a]\n[a]\n"), ConfigurationError, "cannot be read: /c:2: the section is there twice", "doubled"),
    (mistake(f"[a]\nb=1\nb={CANARY}"), ConfigurationError, "read: /c:3: the setting is there twice", "doubled"),
    (mistake(f"[a]\n{CANARY}"), ConfigurationError, "cannot be read: /c:2: the line is no setting", "stray"),
    (mistake(CANARY), ConfigurationError, "cannot be read: /c:1: the line is no setting", "stray"),
    (botocore.ConfigNotFound(path="/c"), ConfigurationError, "cannot be read: /c", "stray"),
    (botocore.NoCredentialsError(), CredentialsError, "there are no AWS credentials", "aws configure"),
    (botocore.NoRegionError(), ConfigurationError, "no region is configured", "AWS_REGION"),
    (botocore.InvalidRegionError(region_name="eu west"), ConfigurationError, "region", "AWS_REGION"),
    (botocore.InvalidDefaultsMode(mode=CANARY, valid_modes=""), ConfigurationError, "no sense", "AWS_DEFAULTS_MODE"),
    (
        botocore.InvalidRetryModeError(provided_retry_mode=CANARY, valid_modes=()),
        ConfigurationError,
        "no sense",
        "AWS_RETRY_MODE",
    ),
    (botocore.InvalidIMDSEndpointError(endpoint=CANARY), ConfigurationError, "no sense", "METADATA_SERVICE_ENDPOINT"),
    (botocore.InvalidProxiesConfigError(), ConfigurationError, "no sense", "HTTPS_PROXY"),
    (botocore.EndpointResolutionError(msg=CANARY), ConfigurationError, "no sense", "AWS_USE_FIPS_ENDPOINT"),
    (ValueError(CANARY), ConfigurationError, "a setting of it makes no sense", "AWS_ENDPOINT_URL"),
    (OSError(28, CANARY), UnavailableError, "a file could not be read or written", "disk"),
    # the network
    (botocore.EndpointConnectionError(endpoint_url=URL), UnavailableError, f"be reached at {AWS}", "network"),
    (
        botocore.EndpointConnectionError(endpoint_url=f"https://me:{CANARY}@aws/", error=socket.gaierror()),
        UnavailableError,
        "be reached at aws",
        "DNS",
    ),
    (botocore.ConnectTimeoutError(endpoint_url=URL), TimedOutError, f"answer in time at {AWS}", "network"),
    (botocore.ReadTimeoutError(endpoint_url=URL), TimedOutError, f"answer in time at {AWS}", "network"),
    (TimeoutError(CANARY), TimedOutError, "did not answer in time", "network"),
    (botocore.ConnectionClosedError(endpoint_url=URL), UnavailableError, "cannot be reached", "network"),
    (botocore.ProxyConnectionError(proxy_url=f"http://me:{CANARY}@p"), UnavailableError, "the proxy", "HTTPS_PROXY"),
    (botocore.SSLError(endpoint_url=URL, error=OSError(CANARY)), UnavailableError, "TLS certificate", "AWS_CA_BUNDLE"),
    (botocore.HTTPClientError(error=LocationParseError(CANARY)), ConfigurationError, "no sense", "HTTPS_PROXY"),
    (botocore.HTTPClientError(error=MemoryError()), UnavailableError, "larger than there is memory", "AWS_ENDPOINT"),
    (MemoryError(), UnavailableError, "larger than there is memory", "AWS_ENDPOINT"),
    (ConnectionRefusedError(111, "refused"), UnavailableError, "cannot be reached", "network"),
    # what AWS says
    (client_error("InvalidClientTokenId", status=403), CredentialsError, "InvalidClientTokenId", "renew"),
    (client_error("SignatureDoesNotMatch", status=403), CredentialsError, "SignatureDoesNotMatch", "clock"),
    (client_error("Throttling"), UnavailableError, "Throttling", "try again"),
    (client_error("Whatever", status=429), UnavailableError, "Whatever", "try again"),
    (client_error("InternalFailure", status=500), UnavailableError, "InternalFailure", "try again"),
    (client_error("ServiceUnavailable", status=503), UnavailableError, "ServiceUnavailable", "try again"),
    (client_error("IDPCommunicationError"), UnavailableError, "IDPCommunicationError", "try again"),
    (client_error("ValidationError", status=400), ConfigurationError, "ValidationError", "role_arn"),
    (botocore.ClientError({}, "AssumeRole"), UnavailableError, "the answer makes no sense", "not AWS"),
    (client_error("403", status=403), UnavailableError, "the answer makes no sense", "login page"),
    (client_error("", "", status=503), UnavailableError, "aws refuses without a reason", "try again"),
    (ResponseParserError(f"invalid XML received: {CANARY}"), UnavailableError, "the answer makes no sense", "not AWS"),
    (not_json(), UnavailableError, "the answer makes no sense", "not AWS"),
    (KeyError("AssumeRoleResult"), UnavailableError, "the answer makes no sense", "not AWS"),
    (ValueError(f'Invalid timestamp "{CANARY}"'), UnavailableError, "the answer makes no sense", "not AWS"),
    (AttributeError(CANARY), UnavailableError, "the answer makes no sense", "not AWS"),
    # what nobody foresaw
    (NameError(CANARY), CredentialsError, "AWS credentials could not be had", "get-caller-identity"),
    (botocore.BotoCoreError(), CredentialsError, "AWS credentials could not be had", "get-caller-identity"),
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


def each_of_botocore() -> list[Exception]:
    """Return one of each exception of botocore's; all that it quotes, but names of profiles and files, is a secret."""
    found: list[Exception] = [ResponseParserError(CANARY)]
    for kind in vars(botocore).values():
        if isinstance(kind, type) and issubclass(kind, botocore.BotoCoreError) and kind is not botocore.WaiterError:
            fields = [name for _, name, _, _ in string.Formatter().parse(kind.fmt) if name]
            found.append(kind(**{name: "a name" if name in ("profile", "path") else CANARY for name in fields}))
    return found


@pytest.mark.parametrize("error", each_of_botocore(), ids=lambda error: type(error).__name__)
def test_no_exception_of_botocores_is_named_or_quotes_a_secret(error: Exception) -> None:
    found = translate(error, profile="prod", role_arn=None)
    told = f"{found.message} {found.hint} {found.detail}"
    named = [kind.__name__ for kind in type(error).__mro__[:-2]]
    assert not [name for name in named if name in told]
    assert CANARY not in told
    assert found.hint


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
        (RuntimeError("expired"), True),
        (client_error("SignatureDoesNotMatch", "Signature expired: 2 is now earlier than 1", status=403), True),
        (client_error("SignatureDoesNotMatch", "Signature not yet current: 2 is still later than 1"), True),
        (client_error("SignatureDoesNotMatch", status=403), False),
        (client_error("RequestExpired"), True),
        (client_error("403", status=403), True),
        (ResponseParserError("x"), True),
        (botocore.ConfigParseError(path="x", error=None), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_what_may_pass_by_itself_is_tried_again(error: Exception, retryable: bool) -> None:
    assert translate(error, profile="prod", role_arn=None).retryable is retryable


CHAIN = {
    "profiles": {
        "prod": {"role_arn": ROLE + "-x", "source_profile": "mid"},
        "mid": {"role_arn": ROLE + "-y", "source_profile": "base"},
        "base": {"aws_access_key_id": "AKIA", "aws_secret_access_key": "x"},
    }
}
BASE = 'profile "base", a source of profile "prod"'


@pytest.mark.parametrize(
    ("profile", "role", "asked", "who"),
    [
        (None, None, None, "the AWS identity in use"),
        ("prod", ROLE, ROLE, f"role {ROLE}"),
        ("prod", ROLE, None, f"role {ROLE}"),
        ("prod", None, ROLE + "-x", f'profile "prod", role {ROLE}-x'),
        ("prod", ROLE, ROLE + "-y", f'profile "mid", a source of profile "prod", role {ROLE}-y'),
    ],
)
def test_a_refusal_says_whose_role_it_is_about(
    profile: str | None, role: str | None, asked: str | None, who: str
) -> None:
    found = translate(client_error("AccessDenied"), profile=profile, role_arn=role, config=CHAIN, asked=asked)
    assert found.message == f"{who}: aws says AccessDenied: Because of this"


def test_bad_keys_are_those_of_the_profile_that_holds_them() -> None:
    error = client_error("InvalidClientTokenId")
    found = translate(error, profile="prod", role_arn=None, config=CHAIN, asked=ROLE + "-y")
    assert found.hint.startswith(f"renew the credentials of {BASE}")


@pytest.mark.parametrize("error", [botocore.UnauthorizedSSOTokenError(), FileNotFoundError(2, "x")])
def test_what_gives_no_credentials_is_the_last_profile_of_a_chain(error: Exception) -> None:
    assert translate(error, profile="prod", role_arn=None, config=CHAIN).message.startswith(f"{BASE}: ")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"1 validation error detected: Value '{CANARY}' at 'webIdentityToken' failed", "the value at 'webIdentity"),
        (f"It does not match. The Canonical String should have been\n'POST\nx-amz-security-token:{CANARY}'", "been"),
        ("x" * 10_000, "xxx"),
    ],
)
def test_of_what_aws_says_nothing_is_quoted_that_it_quotes_itself(said: str, told: str) -> None:
    found = translate(client_error("ValidationError", said), profile=None, role_arn=None)
    assert told in found.message
    assert CANARY not in str(found.as_data())
    assert len(found.message) < 400


def test_an_identity_with_nothing_behind_it_is_named_where_it_has_a_name() -> None:
    assert no_credentials("prod").message == 'profile "prod" has no AWS credentials'
    assert no_credentials(None).message == "there are no AWS credentials"
    assert no_credentials(None).hint


def test_half_a_key_is_found_though_botocore_looks_past_it() -> None:
    found = no_credentials("half", {"profiles": {"half": {"aws_secret_access_key": CANARY}}})
    assert found.message == 'profile "half": half of an access key is missing'
    assert found.hint == "set its aws_access_key_id too"
