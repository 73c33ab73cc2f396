"""Every way to be someone on AWS, through the installed programs to a login that the stand-in accepts.

Each kind is told once, below; the tests then play it as the shell's AWS_PROFILE or environment, as the data source's
own profile, and with the data source's own role on top. The README's table "Works with" lists them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from cloud import ACCOUNT, KEY_LINES, KEY_VARIABLES, LOGIN, OWN, ROLE, SSO_ROLE, SSO_SESSION, START_URL, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloud import Cloud
    from standin.sigv4 import Credentials

    Giver = Callable[[str], Credentials | None]
    """Finds the credentials of an access key id, where they are its own."""


# The kinds of profile: each writes one that is called app, and says who gives out its credentials


def static_keys(cloud: Cloud) -> Giver:
    cloud.desk.aws(credentials=f"[app]\n{KEY_LINES}")
    return cloud.known


def static_keys_in_the_config_file(cloud: Cloud) -> Giver:
    cloud.desk.aws(config=f"[profile app]\n{KEY_LINES}")
    return cloud.known


def pasted_session_token(cloud: Cloud) -> Giver:
    made = cloud.mint.make(3600)
    cloud.desk.aws(
        credentials=f"[app]\naws_access_key_id = {made.access_key_id}\n"
        f"aws_secret_access_key = {made.secret_access_key}\naws_session_token = {made.session_token}\n"
    )
    return cloud.mint.find


def role_from_a_source_profile(cloud: Cloud) -> Giver:
    cloud.desk.aws(
        config=f"[profile app]\nrole_arn = {OWN}\nsource_profile = base\n", credentials=f"[base]\n{KEY_LINES}"
    )
    return cloud.sts.find


def chain_of_three_roles(cloud: Cloud) -> Giver:
    chain = "".join(
        f"[profile {name}]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/{name}\nsource_profile = {source}\n"
        for name, source in (("app", "second"), ("second", "first"), ("first", "base"))
    )
    cloud.desk.aws(config=chain, credentials=f"[base]\n{KEY_LINES}")
    return cloud.sts.find


def role_from_the_instance(cloud: Cloud) -> Giver:
    cloud.desk.aws(config=f"[profile app]\nrole_arn = {OWN}\ncredential_source = Ec2InstanceMetadata\n")
    return cloud.sts.find


def role_from_the_container(cloud: Cloud) -> Giver:
    cloud.desk.aws(config=f"[profile app]\nrole_arn = {OWN}\ncredential_source = EcsContainer\n")
    cloud.desk.environment |= container(cloud).environment
    return cloud.sts.find


def sso_session(cloud: Cloud) -> Giver:
    cloud.desk.aws(config=f"{SSO_SESSION}[profile app]\nsso_session = corp\n{SSO_ROLE}")
    cloud.signed_in()
    return cloud.sso.find


def sso_session_to_be_renewed(cloud: Cloud) -> Giver:
    cloud.desk.aws(config=f"{SSO_SESSION}[profile app]\nsso_session = corp\n{SSO_ROLE}")
    cloud.signed_in(life_s=-60)
    return cloud.sso.find


def sso_of_the_older_kind(cloud: Cloud) -> Giver:
    cloud.desk.aws(config=f"[profile app]\nsso_start_url = {START_URL}\nsso_region = us-east-1\n{SSO_ROLE}")
    cloud.signed_in(session=None)
    return cloud.sso.find


def role_from_an_sso_session(cloud: Cloud) -> Giver:
    cloud.desk.aws(
        config=f"{SSO_SESSION}[profile corp]\nsso_session = corp\n{SSO_ROLE}"
        f"[profile app]\nrole_arn = {OWN}\nsource_profile = corp\n"
    )
    cloud.signed_in()
    return cloud.sts.find


def credential_process(cloud: Cloud) -> Giver:
    made = cloud.mint.make(3600)
    helper = cloud.helper(made, Expiration=moment(made.expires_at))
    cloud.desk.aws(config=f"[profile app]\ncredential_process = {helper}\n")
    return cloud.mint.find


def credential_process_without_expiration(cloud: Cloud) -> Giver:
    cloud.desk.aws(config=f"[profile app]\ncredential_process = {cloud.helper(cloud.mint.make(3600))}\n")
    return cloud.mint.find


def role_from_a_credential_process(cloud: Cloud) -> Giver:
    cloud.desk.aws(
        config=f"[profile helped]\ncredential_process = {cloud.helper(cloud.mint.make(3600))}\n"
        f"[profile app]\nrole_arn = {OWN}\nsource_profile = helped\n"
    )
    return cloud.sts.find


def web_identity(cloud: Cloud) -> Giver:
    cloud.desk.aws(config=f"[profile app]\nrole_arn = {OWN}\nweb_identity_token_file = {identity_token(cloud)}\n")
    return cloud.sts.find


def role_from_a_web_identity(cloud: Cloud) -> Giver:
    cloud.desk.aws(
        config=f"[profile pod]\nrole_arn = {OWN}\nweb_identity_token_file = {identity_token(cloud)}\n"
        f"[profile app]\nrole_arn = {OWN}\nsource_profile = pod\n"
    )
    return cloud.sts.find


def aws_login(cloud: Cloud) -> Giver:
    cloud.desk.aws(config=f"[profile app]\nlogin_session = {LOGIN}\nregion = us-east-1\n")
    cloud.logged_in()
    return cloud.signin.find


def aws_login_to_be_renewed(cloud: Cloud) -> Giver:
    cloud.desk.aws(config=f"[profile app]\nlogin_session = {LOGIN}\nregion = us-east-1\n")
    cloud.logged_in(life_s=-60)
    return cloud.signin.find


def identity_token(cloud: Cloud) -> str:
    return str(cloud.desk.write(cloud.desk.root / "identity-token", "a token of the identity provider"))


PROFILES = [
    static_keys,
    static_keys_in_the_config_file,
    pasted_session_token,
    role_from_a_source_profile,
    chain_of_three_roles,
    role_from_the_instance,
    role_from_the_container,
    sso_session,
    sso_session_to_be_renewed,
    sso_of_the_older_kind,
    role_from_an_sso_session,
    credential_process,
    credential_process_without_expiration,
    role_from_a_credential_process,
    web_identity,
    role_from_a_web_identity,
    aws_login,
    aws_login_to_be_renewed,
]


@pytest.mark.parametrize("kind", PROFILES, ids=lambda kind: kind.__name__)
def test_a_profile_signs_as_the_shells_as_the_projects_and_with_a_role_on_top(
    kind: Callable[[Cloud], Giver], cloud: Cloud, caller: Callable[[str], str]
) -> None:
    gives = kind(cloud)
    cloud.project(db="", own='profile = "app"', role=f'profile = "app"\n  role_arn = "{ROLE}"')
    assert gives(caller(cloud.token(AWS_PROFILE="app")))
    assert gives(caller(cloud.token("own")))
    assert cloud.sts.find(caller(cloud.token("role")))
    assert cloud.sts.issued()[-1].role_arn == ROLE


# The kinds that need no profile


class Surroundings(NamedTuple):
    """An environment, and who gives out its credentials."""

    environment: Mapping[str, str]
    gives: Giver


def keys(cloud: Cloud) -> Surroundings:
    return Surroundings(KEY_VARIABLES, cloud.known)


def keys_of_a_session(cloud: Cloud) -> Surroundings:
    made = cloud.mint.make(3600)
    environment = {
        "AWS_ACCESS_KEY_ID": made.access_key_id,
        "AWS_SECRET_ACCESS_KEY": made.secret_access_key,
        "AWS_SESSION_TOKEN": made.session_token or "",
        "AWS_CREDENTIAL_EXPIRATION": moment(made.expires_at),
    }
    return Surroundings(environment, cloud.mint.find)


def web_identity_of_a_pod(cloud: Cloud) -> Surroundings:
    environment = {
        "AWS_ROLE_ARN": OWN,
        "AWS_WEB_IDENTITY_TOKEN_FILE": identity_token(cloud),
        "AWS_ROLE_SESSION_NAME": "pod",
    }
    return Surroundings(environment, cloud.sts.find)


def container(cloud: Cloud) -> Surroundings:
    environment = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": cloud.imds.container_url,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": cloud.imds.authorization,
    }
    return Surroundings(environment, cloud.imds.find)


def container_with_a_token_file(cloud: Cloud) -> Surroundings:
    cloud.desk.write(cloud.desk.work / "token", cloud.imds.authorization)
    environment = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": cloud.imds.container_url,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "token",
    }
    return Surroundings(environment, cloud.imds.find)


def instance(cloud: Cloud) -> Surroundings:
    return Surroundings({}, cloud.imds.find)


@pytest.mark.parametrize(
    "kind",
    [keys, keys_of_a_session, web_identity_of_a_pod, container, container_with_a_token_file, instance],
    ids=lambda kind: kind.__name__,
)
def test_an_environment_signs_without_a_profile_and_with_a_role_on_top(
    kind: Callable[[Cloud], Surroundings], cloud: Cloud, caller: Callable[[str], str]
) -> None:
    (cloud.desk.home / ".aws/credentials").unlink()
    environment, gives = kind(cloud)
    cloud.project(db="", role=f'role_arn = "{ROLE}"')
    assert gives(caller(cloud.token(**environment)))
    assert cloud.sts.find(caller(cloud.token("role", **environment)))
    assert cloud.sts.issued()[-1].role_arn == ROLE


def test_a_role_from_keys_of_the_environment_is_the_profile_that_the_project_names(
    cloud: Cloud, caller: Callable[[str], str]
) -> None:
    cloud.desk.aws(config=f"[profile app]\nrole_arn = {OWN}\ncredential_source = Environment\n")
    cloud.project(db='profile = "app"')
    assert cloud.sts.find(caller(cloud.token(**KEY_VARIABLES)))
    assert cloud.sts.issued()[-1].role_arn == OWN
