"""What botocore's exceptions mean to a user. They are told apart by class name: several are not botocore's own.

The rules:
- Texts of helper programs and of local files are never quoted, they may hold secrets. Nor are botocore's own, which may
  quote those; what AWS answers is for `awsanswers`.
- Where a chain of profiles is at fault, the error names the one in it that is.
- Only what may pass by itself is retryable.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dsqltok.errors import ConfigurationError, CredentialsError, DsqltokError, UnavailableError
from dsqltokd.worker import awsanswers, awsnetwork, awsprofiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TELLS_MORE = "aws sts get-caller-identity, with the same profile, tells more"
_SETTINGS = {
    "InvalidDefaultsMode": "AWS_DEFAULTS_MODE, or defaults_mode in the profile",
    "InvalidEndpointConfigurationError": "AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT and the region",
    "InvalidIMDSEndpointError": "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "InvalidIMDSEndpointModeError": "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "InvalidProxiesConfigError": "HTTPS_PROXY and AWS_CA_BUNDLE",
    "InvalidRetryConfigurationError": "AWS_RETRY_MODE and AWS_MAX_ATTEMPTS",
    "InvalidSTSRegionalEndpointsConfigError": "AWS_STS_REGIONAL_ENDPOINTS",
    "BaseEndpointResolverError": "the region, AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT",
    "EndpointProviderError": "the region, AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT",
}


def no_credentials(profile: str | None, config: Mapping[str, Any] | None = None) -> DsqltokError:
    """Return the error for an identity with nothing behind it. `config` is as in `translate`."""
    found = awsprofiles.fault(config or {}, profile or "default")
    if found is not None:
        return found
    where = f'profile "{profile}" has no AWS credentials' if profile else "there are no AWS credentials"
    return CredentialsError(
        where, hint="run aws configure, or set AWS_PROFILE, or name a profile in the data source; then try again"
    )


def translate(
    error: Exception,
    *,
    profile: str | None,
    role_arn: str | None,
    config: Mapping[str, Any] | None = None,
    asked: str | None = None,
) -> DsqltokError:
    """Return what an exception from botocore means. `profile` and `role_arn` are those of the data source.

    `config` is all that botocore has read, where it could be read; `asked` the role that STS was last asked for.
    """
    kinds = [kind.__name__ for kind in type(error).__mro__]
    names = awsprofiles.chain(config or {}, profile or "default")
    if "ClientError" in kinds:
        return _refused(error, profile, role_arn, config or {}, asked)
    if any(kind in _IN_THE_SETTINGS for kind in kinds) and getattr(error, "kwargs", {}).get("provider") != "env":
        found = awsprofiles.fault(config or {}, profile or "default")
        if found is not None:
            return found
    for kind in kinds:
        if kind in _SETTINGS:
            return awsnetwork.bad_setting(_who(profile), _SETTINGS[kind])
        make = _MEANINGS.get(kind)
        if make is not None:
            source = awsprofiles.who(names) if len(names) > 1 and make in _AT_THE_SOURCE else _who(profile)
            return make(error, source, asked)
    # No user can do anything with the name of a class; whoever mends this file can.
    return CredentialsError(
        f"{_who(profile)}: AWS credentials could not be had", hint=_TELLS_MORE, data={"exception": kinds[0]}
    )


def _refused(
    error: Exception, profile: str | None, role_arn: str | None, config: Mapping[str, Any], asked: str | None
) -> DsqltokError:
    names = awsprofiles.chain(config, profile or "default")
    by_role = str(getattr(error, "operation_name", "")).startswith("AssumeRole")
    source = awsprofiles.who(names) if len(names) > 1 else _who(profile)
    if not by_role:
        return awsanswers.refused(error, source, None, source)
    if role_arn is not None and asked in (None, role_arn):
        return awsanswers.refused(error, "", role_arn, source)
    who = awsprofiles.who(awsprofiles.role_of(config, names, asked)) if asked and len(names) > 1 else _who(profile)
    return awsanswers.refused(error, who, asked, source)


def _who(profile: str | None) -> str:
    return f'profile "{profile}"' if profile else "the AWS identity in use"


def _profile_missing(error: Exception, _who: str, _role: str | None) -> DsqltokError:
    name = getattr(error, "kwargs", {}).get("profile", "")
    return ConfigurationError(
        f'there is no profile "{name}" in the AWS configuration',
        hint="aws configure list-profiles shows those there are; the files are ~/.aws/config and ~/.aws/credentials",
    )


def _unreadable(error: Exception, who: str, _role: str | None) -> DsqltokError:
    # It may be half saved. That nobody can read it says nothing against what was signed before.
    found = getattr(error, "kwargs", {})
    line, path = _line(found.get("error")), found.get("path")
    return ConfigurationError(
        f"{who}: the AWS configuration cannot be read" + (f": {path}{line}" if path else ""),
        hint="check ~/.aws/config and ~/.aws/credentials for a stray or doubled line",
        retryable=True,
    )


def _line(error: Any) -> str:
    """Return where configparser found something wrong, and what; its own texts quote the line."""
    number = getattr(error, "lineno", None) or next((each[0] for each in getattr(error, "errors", ())), None)
    kind = type(error).__name__
    what = {"DuplicateSectionError": "the section is there twice", "DuplicateOptionError": "the setting is there twice"}
    if kind == "UnicodeDecodeError":
        return " is no text"
    return f":{number}: {what.get(kind, 'the line is no setting')}" if number else ""


def _inconsistent(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return ConfigurationError(
        f"{who}: its settings contradict each other",
        hint="check role_arn, source_profile, credential_source and sso_session in ~/.aws/config",
    )


def _partial(error: Exception, who: str, _role: str | None) -> DsqltokError:
    lacking = str(getattr(error, "kwargs", {}).get("cred_var", ""))
    if "source_profile" in lacking:
        return ConfigurationError(
            f"{who}: its role_arn has nothing to assume it from", hint="add source_profile or credential_source to it"
        )
    if getattr(error, "kwargs", {}).get("provider") == "env":
        return CredentialsError("the environment: half of an access key is missing", hint=f"set {lacking} too")
    return CredentialsError(
        f"{who}: half of an access key is missing", hint="set both aws_access_key_id and aws_secret_access_key"
    )


def _expired(error: Exception, who: str, _role: str | None) -> DsqltokError:
    if "expired" not in str(error):
        return awsanswers.garbled(who, None)
    # What gave them, or this machine's clock, may be right again soon. A helper's are looked at where it runs.
    return CredentialsError(
        f"{who}: its credentials have expired already",
        hint="renew them where they come from, and check this machine's clock",
        retryable=True,
    )


def _undated(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return CredentialsError(
        f"{who}: the expiry of its credentials is no moment in time",
        hint="it has to be such as 2030-01-01T00:00:00Z; sign in again, or check credential_process",
    )


def _no_sense(error: Exception, who: str, role: str | None) -> DsqltokError:
    """Return the meaning of a ValueError, botocore's word for settings and answers alike."""
    if "timestamp" in str(error):
        return awsanswers.garbled(who, role)
    return awsnetwork.bad_setting(who, "AWS_ENDPOINT_URL*, AWS_CONTAINER_CREDENTIALS_*, the region and the proxies")


def _garbled(error: Exception, who: str, role: str | None) -> DsqltokError:
    """Return the meaning of an answer, or of a file of a login, that is not as it should be."""
    key = str(error.args[0]) if isinstance(error, KeyError) and error.args else ""
    if re.fullmatch("[0-9a-f]{40}", key):  # a file of the SSO cache, which holds no JSON
        return _sso(error, who, role)
    if re.fullmatch("[0-9a-f]{64}", key):
        return _login(error, who, role)
    if "offset-naive" in str(error):
        return _undated(error, who, role)
    return awsanswers.garbled(who, role)


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


def _source_failed(error: Exception, who: str, _role: str | None) -> DsqltokError:
    name = getattr(error, "kwargs", {}).get("provider")
    if name == "container-role":
        return UnavailableError(
            f"{who}: the container's credentials endpoint gave none", hint="check AWS_CONTAINER_CREDENTIALS_*"
        )
    source = name if name in awsprofiles.SOURCES else "its credential source"
    return CredentialsError(f"{who}: {source} gave no credentials", hint=_TELLS_MORE)


def _no_metadata(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return UnavailableError(
        f"{who}: the instance metadata service gave no credentials", hint="check AWS_EC2_METADATA_* and the hop limit"
    )


def _absent_file(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return ConfigurationError(
        f"{who}: a file that it names is not there, or cannot be read",
        hint="check web_identity_token_file and AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    )


def _no_text(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return ConfigurationError(f"{who}: a file that it names holds no text", hint="check web_identity_token_file")


def _no_file_work(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return UnavailableError(f"{who}: a file could not be read or written", hint="check ~/.aws and the disk")


def _code_needed(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return CredentialsError(
        f"{who}: its role asks for an mfa code", hint="run dsqltok login", data={"login": {"kind": "mfa"}}
    )


def _extra_needed(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return ConfigurationError(f"{who}: it needs a part that is not installed", hint="pip install 'dsqltok[login]'")


def _no_region(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return ConfigurationError(f"{who}: no region is configured", hint="set AWS_REGION, or region in the profile")


def _bad_region(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return ConfigurationError(
        f"{who}: what is configured as the region cannot be one",
        hint="check region in the data source, AWS_REGION and region in the profile",
    )


def _too_long(_error: Exception, who: str, _role: str | None) -> DsqltokError:
    return ConfigurationError(
        f"{who}: its chain of source_profile is too long", hint="let it lead to credentials in a few steps"
    )


_IN_THE_SETTINGS = {"InvalidConfigError", "PartialCredentialsError", "UnknownCredentialError"}
_AT_THE_SOURCE = (
    _partial, _expired, _undated, _garbled, _sso, _login, _source_failed, _no_metadata, _absent_file, _no_text,
    _extra_needed,
)  # fmt: skip
_MEANINGS: dict[str, Callable[[Exception, str, str | None], DsqltokError]] = {
    # the configuration
    "ProfileNotFound": _profile_missing,
    "ConfigParseError": _unreadable,
    "ConfigNotFound": _unreadable,
    "InvalidConfigError": _inconsistent,
    "UnknownCredentialError": _inconsistent,
    "PartialCredentialsError": _partial,
    "NoCredentialsError": _none,
    "ParamValidationError": awsanswers.bad_parameter,
    "NoRegionError": _no_region,
    "InvalidRegionError": _bad_region,
    "ValueError": _no_sense,
    "RecursionError": _too_long,
    # where credentials come from
    "SSOError": _sso,
    "TokenRetrievalError": _sso,
    "LoginError": _login,
    "CredentialRetrievalError": _source_failed,
    "MetadataRetrievalError": _no_metadata,
    "RefreshWithMFAUnsupportedError": _code_needed,
    "EOFError": _code_needed,
    "MissingDependencyException": _extra_needed,
    "RuntimeError": _expired,
    "ParserError": _undated,
    "OverflowError": _undated,
    # files
    "FileNotFoundError": _absent_file,
    "PermissionError": _absent_file,
    "IsADirectoryError": _absent_file,
    "NotADirectoryError": _absent_file,
    "UnicodeDecodeError": _no_text,
    # the network
    "ConnectTimeoutError": awsnetwork.slow,
    "ReadTimeoutError": awsnetwork.slow,
    "TimeoutError": awsnetwork.slow,
    "SSLError": awsnetwork.untrusted,
    "ProxyConnectionError": awsnetwork.no_proxy,
    "ConnectionError": awsnetwork.unreachable,
    "HTTPClientError": awsnetwork.unreachable,
    "CapacityNotAvailableError": awsnetwork.unreachable,
    "MemoryError": awsnetwork.too_much,
    "OSError": _no_file_work,
    # answers
    "ResponseParserError": _garbled,
    "JSONDecodeError": _garbled,
    "LookupError": _garbled,
    "TypeError": _garbled,
    "AttributeError": _garbled,
}
