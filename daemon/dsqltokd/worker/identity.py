"""Who the caller is to AWS, and by which way, for `dsqltok doctor`. The botocore session that it needs it is given.

    out  chain         what signs, link by link from the first credentials to the last role
         profile_from  what named the profile, or null
         region        to sign for, or null; `region_from` is what named it
         credentials   why there are none, or null
         caller        account and arn by GetCallerIdentity, or null; `refusal` is why there are none
         skew          seconds by which this machine's clock is ahead of AWS's, null where AWS did not answer

The chain follows botocore's order of looking (`create_credential_resolver`), from the configuration alone. It names
profiles, roles and kinds of credentials: no key, no command line of a helper, nothing out of a file with a token.
"""

from __future__ import annotations

import os
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from dsqltok.endpoint import region_in
from dsqltok.errors import DeniedError
from dsqltokd.worker import awsanswers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dsqltok.errors import DsqltokError

_KEYS_OF_ENVIRONMENT = "keys from the environment"
_CONTAINER, _INSTANCE = "the container's role", "the instance's role"
_NOT_TOLD = "a policy denies sts:GetCallerIdentity, which no token needs: see the steps token and login"
_CREDENTIAL_SOURCES = {
    "Environment": _KEYS_OF_ENVIRONMENT,
    "EcsContainer": _CONTAINER,
    "Ec2InstanceMetadata": _INSTANCE,
}


def describe(
    session: Any,
    job: Mapping[str, Any],
    *,
    obtain: Callable[[], Any],
    ask: Callable[[Any], Mapping[str, Any]],
    translate: Callable[[Exception], DsqltokError],
) -> dict[str, Any]:
    """Return what stands above. `obtain` gets the credentials, `ask` asks AWS whose these are.

    Raises what botocore raises about a configuration that it cannot make sense of.
    """
    (host, region, _), *_ = job["targets"]
    session.get_scoped_config()  # raises where there is no such profile
    clock = _Clock()
    session.register("response-received", clock.note)
    found: dict[str, Any] = {
        "chain": chain(session, job["profile"], job["role_arn"]),
        "profile_from": _profile_from(job["profile"]),
        **_region(session, host, region),
        **dict.fromkeys(("credentials", "caller", "refusal")),
    }
    try:
        credentials = obtain()
    except Exception as error:  # noqa: BLE001 - botocore's failures are of a dozen unrelated classes
        found["credentials"] = translate(error).as_data()
    else:
        try:
            answer = ask(credentials)
            awsanswers.complete(answer, "the caller's identity", ("Account", "Arn"))
            found["caller"] = {"account": answer["Account"], "arn": answer["Arn"]}
        except Exception as error:  # noqa: BLE001 - as above
            refusal = translate(error)
            if isinstance(refusal, DeniedError):
                refusal.hint = _NOT_TOLD
            found["refusal"] = refusal.as_data()
    return found | {"skew": clock.skew}


class _Clock:
    """Compares the clock with the Date of what AWS answers, errors too."""

    def __init__(self) -> None:
        self.skew: float | None = None

    def note(self, response_dict: Mapping[str, Any] | None = None, **_: object) -> None:
        now = time.time()
        date = (response_dict or {}).get("headers", {}).get("date", "")
        try:
            self.skew = now - parsedate_to_datetime(date).timestamp()
        except ValueError:
            pass  # a proxy answered, or nobody did


def chain(session: Any, profile: str | None, role_arn: str | None) -> list[str]:
    """Return the links of the chain by which the data source's `profile` and `role_arn` sign."""
    links = _base(session, named=profile is not None)
    return [*links, f"role {role_arn} (data source)"] if role_arn else links


def _base(session: Any, *, named: bool) -> list[str]:
    name = session.get_config_variable("profile") or "default"
    profiles: Mapping[str, Any] = session.full_config.get("profiles", {})
    config = profiles.get(name, {})
    if _by_keys_of_environment(named=named):
        return [_KEYS_OF_ENVIRONMENT]
    if not _assumes(config) and not named and "AWS_WEB_IDENTITY_TOKEN_FILE" in os.environ:
        return ["web identity", f"role {os.environ.get('AWS_ROLE_ARN', '?')} (AWS_ROLE_ARN)"]
    return _profile(name, profiles, ())


def _by_keys_of_environment(*, named: bool) -> bool:
    # AWS_PROFILE is no profile that was named: keys beside it win.
    return not named and "AWS_ACCESS_KEY_ID" in os.environ


def _profile(name: str, profiles: Mapping[str, Any], above: tuple[str, ...]) -> list[str]:
    """Return the links that a profile stands for. `above` are the profiles that it is the source of."""
    config = profiles.get(name)
    if config is None:
        return [f"{name} (not configured)" if above else _elsewhere(name)]
    # A source with keys of its own is used for these, whatever role it names; so is a profile that names itself.
    if "role_arn" not in config or (above and "aws_access_key_id" in config):
        return [_kind(name, config)]
    role = f"role {config['role_arn']} (profile {name})"
    if name in above:
        return [f"{name} (leads back to itself)"]
    if "source_profile" in config:
        return [*_profile(config["source_profile"], profiles, (*above, name)), role]
    if "credential_source" in config:
        source = config["credential_source"]
        return [_CREDENTIAL_SOURCES.get(source, f"{source} (no credential_source)"), role]
    return ["web identity" if "web_identity_token_file" in config else "nothing to assume it from", role]


def _assumes(config: Mapping[str, Any]) -> bool:
    return "role_arn" in config and ("source_profile" in config or "credential_source" in config)


def _kind(name: str, config: Mapping[str, Any]) -> str:
    if "sso_session" in config or "sso_start_url" in config:
        session = f"sso session {config['sso_session']}" if "sso_session" in config else "sso"
        return f"{name} ({session}, {config.get('sso_role_name', '?')} in {config.get('sso_account_id', '?')})"
    if "aws_access_key_id" in config:
        return f"{name} ({'session token' if 'aws_session_token' in config else 'access key'})"
    if "login_session" in config:
        return f"{name} (aws login)"
    if "credential_process" in config:
        return f"{name} (credential_process)"
    return _elsewhere(name)


def _elsewhere(name: str) -> str:
    contained = any(variable.startswith("AWS_CONTAINER_CREDENTIALS_") for variable in os.environ)
    return f"{name} (nothing configured, so {_CONTAINER if contained else _INSTANCE}, if there is one)"


def _profile_from(profile: str | None) -> str | None:
    if profile is not None:
        return "the data source"
    if _by_keys_of_environment(named=False):
        return None
    return next((name for name in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE") if os.environ.get(name)), None)


def _region(session: Any, host: str, region: str | None) -> dict[str, str | None]:
    if region is not None:
        source = "the endpoint's name" if region_in(host) == region else "the data source"
        return {"region": region, "region_from": source}
    set_by = (name for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if name in os.environ)
    return {
        "region": session.get_config_variable("region"),
        "region_from": next(set_by, "the AWS profile"),
    }
