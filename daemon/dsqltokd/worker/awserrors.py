"""What botocore's exceptions mean to a user. They are told apart by class name: several are not botocore's own.

Texts of helper programs and of local files are never quoted, they may hold secrets; AWS's own messages are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsqltok.errors import (
    ConfigurationError,
    CredentialsError,
    DeniedError,
    DsqltokError,
    TimedOutError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_DENIED = {"AccessDenied", "AccessDeniedException", "ForbiddenException", "UnauthorizedOperation"}
_BAD_KEYS = {
    "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidAccessKeyId", "InvalidClientTokenId",
    "InvalidIdentityToken",
    "RequestExpired", "SignatureDoesNotMatch", "UnrecognizedClientException",
}  # fmt: skip
_PASSING = {
    "IDPCommunicationError", "RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException",
    "TooManyRequestsException",
}  # fmt: skip


def no_credentials(profile: str | None) -> DsqltokError:
    """Return the error for an identity with nothing behind it."""
    where = f'profile "{profile}" has no AWS credentials' if profile else "there are no AWS credentials"
    return CredentialsError(
        where, hint="run aws configure, or set AWS_PROFILE, or name a profile in the data source; then try again"
    )


def translate(error: Exception, *, profile: str | None, role_arn: str | None) -> DsqltokError:
    """Return what an exception from botocore means. `profile` and `role_arn` are those of the data source."""
    for kind in type(error).__mro__:
        make = _MEANINGS.get(kind.__name__)
        if make is not None:
            return make(error, _who(profile), role_arn)
    return CredentialsError(
        f"{_who(profile)}: AWS credentials could not be had ({type(error).__name__})",
        hint="aws sts get-caller-identity, with the same profile, tells more",
    )


def _who(profile: str | None) -> str:
    return f'profile "{profile}"' if profile else "the AWS identity in use"


def _profile_missing(error: Exception, _who: str, _role: str | None) -> DsqltokError:
    name = getattr(error, "kwargs", {}).get("profile", "")
    return ConfigurationError(
        f'there is no profile "{name}" in the AWS configuration',
        hint="aws configure list-profiles shows those there are; the files are ~/.aws/config and ~/.aws/credentials",
    )


def _unreadable(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    # It may be half saved. That nobody can read it says nothing against what was signed before.
    return ConfigurationError(
        f"{who}: the AWS configuration cannot be read",
        hint="check ~/.aws/config and ~/.aws/credentials for a stray line",
        retryable=True,
    )


def _inconsistent(error: Exception, who: str, _role: str | None) -> DsqltokError:
    if "InfiniteLoop" in type(error).__name__:
        what = "its source_profile leads back to itself"
    else:
        what = str(getattr(error, "kwargs", {}).get("error_msg", "it contradicts itself")).strip().rstrip(".")
    return ConfigurationError(
        f"{who}: {what[:1].lower()}{what[1:]}",
        hint="check role_arn, source_profile and credential_source in ~/.aws/config",
    )


def _partial(error: Exception, who: str, _role: str | None) -> DsqltokError:
    lacking = str(getattr(error, "kwargs", {}).get("cred_var", ""))
    if "source_profile" in lacking:
        return ConfigurationError(
            f"{who}: its role_arn has nothing to assume it from", hint="add source_profile or credential_source to it"
        )
    return CredentialsError(
        f"{who}: half of an access key is missing", hint="set both aws_access_key_id and aws_secret_access_key"
    )


def _no_json(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return CredentialsError(f"{who}: its credential_process printed no JSON", hint="run that program in a terminal")


def _expired(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return CredentialsError(f"{who}: its credentials have expired already", hint="renew them where they come from")


def _no_role(_error: Exception, who: str, role: str | None) -> DsqltokError:
    return ConfigurationError(
        f"{who}: {role or 'its role_arn'} is no role's arn", hint="such as arn:aws:iam::123456789012:role/NAME"
    )


def _bad_setting(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return ConfigurationError(
        f"{who}: a setting of it makes no sense to botocore", hint="check AWS_ENDPOINT_URL*, the region and the proxies"
    )


def _none(_error: Exception, _who: str, _role: str | None) -> DsqltokError:
    return no_credentials(None)


def _sso(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return CredentialsError(
        f"{who}: its sso session has expired, or was never begun",
        hint="run dsqltok login, or aws sso login with that profile",
        data={"login": {"kind": "sso"}},
    )


def _login(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return CredentialsError(f"{who}: its aws login session has expired", hint="run aws login with that profile")


def _helper(error: Exception, who: str, _role: str | None) -> DsqltokError:
    provider = getattr(error, "kwargs", {}).get("provider", "its credential source")
    return CredentialsError(
        f"{who}: {provider} gave no credentials", hint="aws sts get-caller-identity, with the same profile, tells more"
    )


def _absent_file(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return ConfigurationError(
        f"{who}: a file or program that it names is not there",
        hint="check credential_process and web_identity_token_file",
    )


def _code_needed(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return CredentialsError(
        f"{who}: its role asks for an mfa code", hint="run dsqltok login", data={"login": {"kind": "mfa"}}
    )


def _extra_needed(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return ConfigurationError(f"{who}: it needs a part that is not installed", hint="pip install 'botocore[crt]'")


def _no_region(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return ConfigurationError(f"{who}: no region is configured", hint="set AWS_REGION, or region in the profile")


def _bad_region(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return ConfigurationError(
        f"{who}: what is configured as the region cannot be one",
        hint="check region in the data source, AWS_REGION and region in the profile",
    )


def _slow(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return TimedOutError(f"{who}: AWS did not answer in time", hint="check the network and HTTPS_PROXY")


def _unreachable(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return UnavailableError(f"{who}: AWS cannot be reached", hint="check the network, HTTPS_PROXY and AWS_ENDPOINT_URL")


def _untrusted(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return UnavailableError(
        f"{who}: the TLS certificate of AWS was not accepted", hint="check AWS_CA_BUNDLE and the proxy"
    )


def _answered(error: Exception, who: str, role: str | None) -> DsqltokError:
    """AWS answered with an error (botocore's ClientError)."""
    response = getattr(error, "response", {})
    code = str(response.get("Error", {}).get("Code", ""))
    said = str(response.get("Error", {}).get("Message", "")).strip().rstrip(".")
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    whom = f"role {role}" if role else who
    text = f"{whom}: aws says {code}" + (f": {said}" if said else "")
    if code in _DENIED and "MultiFactorAuthentication" in said:
        return CredentialsError(text, hint="wait for the next code, which works once: dsqltok login")
    if code in _DENIED:
        return DeniedError(text, hint="check the role's trust policy, and who you are: aws sts get-caller-identity")
    if code in _BAD_KEYS:
        return CredentialsError(text, hint="renew the credentials of the profile or environment")
    if code in _PASSING or status >= 500 or status == 429:  # noqa: PLR2004 - HTTP's own numbers
        return UnavailableError(text, hint="this may pass by itself; try again in a moment")
    return ConfigurationError(text, hint="check role_arn and the profile")


_MEANINGS: dict[str, Callable[[Exception, str, str | None], DsqltokError]] = {
    "ProfileNotFound": _profile_missing,
    "ConfigParseError": _unreadable,
    "ConfigNotFound": _unreadable,
    "UnicodeDecodeError": _unreadable,
    "InvalidConfigError": _inconsistent,
    "InfiniteLoopConfigError": _inconsistent,
    "PartialCredentialsError": _partial,
    "NoCredentialsError": _none,
    "JSONDecodeError": _no_json,
    "RuntimeError": _expired,
    "ParamValidationError": _no_role,
    "ValueError": _bad_setting,
    "SSOError": _sso,
    "TokenRetrievalError": _sso,
    "LoginError": _login,
    "CredentialRetrievalError": _helper,
    "FileNotFoundError": _absent_file,
    "PermissionError": _absent_file,
    "RefreshWithMFAUnsupportedError": _code_needed,
    "EOFError": _code_needed,
    "MissingDependencyException": _extra_needed,
    "NoRegionError": _no_region,
    "InvalidRegionError": _bad_region,
    "ConnectionError": _unreachable,
    "ConnectTimeoutError": _slow,
    "ReadTimeoutError": _slow,
    "SSLError": _untrusted,
    "HTTPClientError": _unreachable,
    "ClientError": _answered,
}
