"""How profiles lead to each other, and what is wrong with one of them. Pure: works on what botocore has read.

`config` is botocore's: `profiles` and `sso_sessions`, each a mapping of names to settings. The rules are botocore's
too: what it takes is never called wrong here, as `fault` is asked only where botocore found no credentials. Of the
settings, names of profiles and of sso sessions are quoted; anything else may be a secret that slipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dsqltok.errors import ConfigurationError, CredentialsError, DsqltokError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_KEYS = ("aws_access_key_id", "aws_secret_access_key")
_SSO = ("sso_start_url", "sso_region", "sso_account_id", "sso_role_name")
_TEXTS = (
    *_KEYS, *_SSO, "credential_process", "credential_source", "login_session", "mfa_serial", "region", "role_arn",
    "source_profile", "sso_session", "web_identity_token_file",
)  # fmt: skip
SOURCES = ("Environment", "Ec2InstanceMetadata", "EcsContainer")
_CHECKSOURCES = "check role_arn, source_profile and credential_source in ~/.aws/config"


def chain(config: Mapping[str, Any], name: str) -> list[str]:
    """Return `name`, its source_profile, and so on to the one that has credentials of its own.

    One that does not exist, or that was there before, ends the list.
    """
    profiles = config.get("profiles", {})
    names = [name]
    while True:
        settings = profiles.get(names[-1], {})
        source = _source(settings, first=len(names) == 1)
        if source is None or (source == name and _has_keys(settings)):
            return names
        names.append(source)
        if source not in profiles or source in names[:-1]:
            return names


def settings(config: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the settings of the profiles of a chain."""
    profiles = config.get("profiles", {})
    return [profiles.get(each, {}) for each in dict.fromkeys(chain(config, name))]


def who(names: Sequence[str]) -> str:
    """Return the last profile of a chain as a user would say it."""
    last = f'profile "{names[-1]}"'
    return last if names[-1] == names[0] else f'{last}, a source of profile "{names[0]}"'


def role_of(config: Mapping[str, Any], names: Sequence[str], role_arn: str) -> Sequence[str]:
    """Return the part of a chain that ends with the profile of a role, all of it where there is none."""
    profiles = config.get("profiles", {})
    for end, name in enumerate(names, start=1):
        if profiles.get(name, {}).get("role_arn") == role_arn:
            return names[:end]
    return names


def nested(config: Mapping[str, Any], name: str) -> ConfigurationError | None:
    """Return what is wrong with a profile of a chain that has indented settings where a text belongs.

    botocore makes a mapping of these, for which neither it nor we are prepared.
    """
    profiles, names = config.get("profiles", {}), chain(config, name)
    for end, each in enumerate(names, start=1):
        for setting in _TEXTS:
            if not isinstance(profiles.get(each, {}).get(setting, ""), str):
                return _configured(names[:end], f"its {setting} holds other settings", "write it on one line")
    return None


def fault(config: Mapping[str, Any], name: str) -> DsqltokError | None:
    """Return what keeps the profile from having credentials, None where its settings do not show that."""
    profiles, names = config.get("profiles", {}), chain(config, name)
    last, before = names[-1], names[:-1]
    if last in before:
        return _configured(before, f"its source_profile leads back to itself: {' → '.join(names)}", _CHECKSOURCES)
    if last not in profiles and before:
        return _configured(before, f'its source_profile "{last}" does not exist', "check it, and the name of that one")
    for end in range(1, len(names) + 1):
        found = _role_fault(profiles.get(names[end - 1], {}), names[:end])
        if found is not None:
            return found
    settings = profiles.get(last, {})
    found = _sso_fault(settings, config.get("sso_sessions", {}), names) or _key_fault(settings, names)
    if found is None and before and not _has_source(settings):
        hint = "run aws configure with that profile, or name another as source_profile"
        return CredentialsError(f"{who(names)}: it has no AWS credentials", hint=hint)
    return found


def _source(settings: Mapping[str, Any], *, first: bool) -> str | None:
    """Return the source_profile of a profile if botocore would follow it: of a source, keys count for more."""
    if "role_arn" not in settings or "web_identity_token_file" in settings or (_has_keys(settings) and not first):
        return None
    source = settings.get("source_profile")
    return source if isinstance(source, str) else None


def _has_keys(settings: Mapping[str, Any]) -> bool:
    return any(key in settings for key in _KEYS)


def _role_fault(settings: Mapping[str, Any], names: Sequence[str]) -> DsqltokError | None:
    given = [each for each in ("source_profile", "credential_source") if each in settings]
    if "role_arn" not in settings:
        lone = [each for each in ("web_identity_token_file", *given) if each in settings]
        return _configured(names, f"it has {lone[0]} but no role_arn", "add role_arn to it") if lone else None
    if "web_identity_token_file" in settings or (len(names) > 1 and _has_keys(settings)):
        return None
    if not given:
        hint = "add source_profile or credential_source to it"
        return _configured(names, "its role_arn has nothing to assume it from", hint)
    if given == ["source_profile", "credential_source"]:
        return _configured(names, "it has both source_profile and credential_source", "keep one of the two")
    if settings.get("credential_source", SOURCES[0]) not in SOURCES:
        return _configured(names, "its credential_source is none", f"there are {', '.join(SOURCES)}")
    return None


def _sso_fault(
    settings: Mapping[str, Any], sessions: Mapping[str, Mapping[str, Any]], names: Sequence[str]
) -> DsqltokError | None:
    name = settings.get("sso_session")
    if name is None and not any(part in settings for part in _SSO):
        return None
    if name is not None and name not in sessions:
        hint = f"add [sso-session {name}] to ~/.aws/config, or run aws configure sso"
        return _configured(names, f'its sso_session "{name}" does not exist', hint)
    session = sessions.get(name, {}) if name is not None else {}
    lacking = [part for part in _SSO if part not in settings and part not in session]
    if lacking:
        return _configured(names, f"its sso settings lack {', '.join(lacking)}", "run aws configure sso")
    differing = [part for part in session if settings.get(part, session[part]) != session[part]]
    if differing:
        return _configured(names, f"its {differing[0]} is not that of its sso_session", "keep one of the two")
    return None


def _key_fault(settings: Mapping[str, Any], names: Sequence[str]) -> DsqltokError | None:
    lacking = [key for key in _KEYS if not settings.get(key)]
    if len(lacking) != 1:
        return None
    return CredentialsError(f"{who(names)}: half of an access key is missing", hint=f"set its {lacking[0]} too")


def _has_source(settings: Mapping[str, Any]) -> bool:
    wanted = (*_KEYS, "role_arn", "sso_account_id", "sso_role_name", "credential_process", "login_session")
    return any(name in settings for name in wanted)


def _configured(names: Sequence[str], what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"{who(names)}: {what}", hint=hint)
