"""Settings of AWS's configuration and environment are heeded as in every AWS tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloud import KEY_LINES, OWN, ROLE, SSO_ROLE, SSO_SESSION, key_in
from standin.proxy import Proxy

if TYPE_CHECKING:
    from cloud import Cloud


def configure(cloud: Cloud, *lines: str) -> None:
    """Give a profile app whose role comes from base, with further lines, and a shell and a project that use it."""
    profile = "".join(f"{line}\n" for line in ("[profile app]", f"role_arn = {OWN}", "source_profile = base", *lines))
    cloud.desk.aws(config=profile, credentials=f"[base]\n{KEY_LINES}")
    cloud.desk.environment["AWS_PROFILE"] = "app"
    cloud.project(db="")


def test_endpoints_of_a_services_section_are_asked(cloud: Cloud) -> None:
    for service in ("STS", "SSO", "SSO_OIDC"):
        del cloud.desk.environment[f"AWS_ENDPOINT_URL_{service}"]
    services = "".join(
        f"{service} =\n  endpoint_url = {url}\n"
        for service, url in (("sts", cloud.sts.url), ("sso", cloud.sso.url), ("sso_oidc", cloud.sso.url))
    )
    cloud.desk.aws(
        config=f"{SSO_SESSION}[profile app]\nservices = near\nsso_session = corp\n{SSO_ROLE}[services near]\n{services}"
    )
    cloud.signed_in(life_s=-60)
    cloud.project(db='profile = "app"', role=f'profile = "app"\n  role_arn = "{ROLE}"')
    assert cloud.sso.find(key_in(cloud.token()))
    assert cloud.sso.refreshed == 1
    assert cloud.sts.find(key_in(cloud.token("role")))


@pytest.mark.parametrize(
    ("setting", "host"),
    [
        ("region = eu-west-1", "sts.eu-west-1.amazonaws.com"),
        ("sts_regional_endpoints = legacy", "sts.amazonaws.com"),
    ],
)
def test_sts_is_asked_at_the_host_and_trusted_by_the_ca_bundle_of_the_profile(
    setting: str, host: str, cloud: Cloud
) -> None:
    with Proxy(cloud.sts.url) as proxy:
        configure(cloud, setting, f"ca_bundle = {proxy.ca_file}")
        assert cloud.sts.find(key_in(cloud.token(AWS_ENDPOINT_URL_STS=None, HTTPS_PROXY=proxy.url)))
        assert set(proxy.asked) == {host}


def test_a_host_that_needs_no_proxy_is_asked_directly(cloud: Cloud) -> None:
    configure(cloud)
    nobody = "http://127.0.0.1:9"
    assert cloud.sts.find(key_in(cloud.token(HTTP_PROXY=nobody, NO_PROXY="127.0.0.1")))
