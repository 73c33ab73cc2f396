from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsqltok.endpoint import EndpointError, host_name, region_in, signing_region

AWS_PATTERN = re.compile(r"\.dsql[^.]*\.([^.]+)\.on\.aws$")


@pytest.mark.parametrize(
    "endpoint",
    [
        "cluster-id.dsql.us-east-1.on.aws",
        "abcdefghijklmnopqrstuvwx12.dsql.eu-west-1.on.aws",
        "abc.dsql-fnh4.us-east-1.on.aws",
        "db.internal",
        "a." + "b" * 63 + ".on.aws",
    ],
)
def test_a_plain_host_name_is_taken_as_it_is(endpoint: str) -> None:
    assert host_name(endpoint) == endpoint


def test_a_host_name_is_compared_in_lower_case() -> None:
    assert host_name("Cluster-ID.DSQL.US-East-1.on.aws") == "cluster-id.dsql.us-east-1.on.aws"


@pytest.mark.parametrize(
    ("endpoint", "what"),
    [
        ("", "is empty"),
        ("https://abc.dsql.us-east-1.on.aws", "has a scheme"),
        ("abc.dsql.us-east-1.on.aws:5432", "has a port"),
        ("abc.dsql.us-east-1.on.aws/postgres", "has a path"),
        ("abc.dsql.us-east-1.on.aws/?Action=DbConnect", "has a path"),
        ("abc.dsql.us-east-1.on.aws?x", "has a query"),
        ("admin@abc.dsql.us-east-1.on.aws", "has a user"),
        ("abc.dsql.us-east-1.on.aws\n", "control characters"),
        (" abc.dsql.us-east-1.on.aws", "white space"),
        ("abc\x00.dsql.us-east-1.on.aws", "control characters"),
        ("äbc.dsql.us-east-1.on.aws", "outside ascii"),
        ("\u212aluster.dsql.us-east-1.on.aws", "outside ascii"),  # the Kelvin sign, which lower() turns into a k
        ("xn--bc-uia.dsql.us-east-1.on.aws", "is not a host name"),
        ("abc..dsql.us-east-1.on.aws", "is not a host name"),
        ("abc.dsql.us-east-1.on.aws.", "is not a host name"),
        ("-abc.dsql.us-east-1.on.aws", "is not a host name"),
        ("abc-.dsql.us-east-1.on.aws", "is not a host name"),
        ("abc_d.dsql.us-east-1.on.aws", "is not a host name"),
        ("a" * 64 + ".dsql.us-east-1.on.aws", "is not a host name"),
        (".".join(["a" * 60] * 5), "longer than"),
        ("cluster-id", "is not a full host name"),
        ("127.0.0.1", "is an address"),
        ("[::1]", "has a port"),
    ],
)
def test_anything_else_than_a_host_name_is_refused(endpoint: str, what: str) -> None:
    with pytest.raises(EndpointError, match=what) as caught:
        host_name(endpoint)
    assert caught.value.hint


def test_a_refusal_does_not_quote_what_it_refuses() -> None:
    with pytest.raises(EndpointError) as caught:
        host_name("https://s3cret.example/")
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


@example("abc.dsql.us-east-1.on.aws")
@example("abc.dsql-x.us-east-1.on.aws")
@example("dsql.us-east-1.on.aws")
@example("abc.dsql.on.aws")
@example("abc.mydsql.us-east-1.on.aws")
@given(st.from_regex(r"(abc\.)?(x\.)?(dsql|dsql-7|rds|mydsql)(\.us-east-1)?\.on\.aws(\.cn)?", fullmatch=True))
def test_the_region_in_a_name_is_where_aws_pattern_has_it(host: str) -> None:
    found = AWS_PATTERN.search(host)
    assert region_in(host) == (found[1] if found else None)


def test_the_blocks_region_comes_first_then_the_names_own_then_none() -> None:
    host = "abc.dsql.us-east-1.on.aws"
    assert signing_region(host, "us-east-1") == "us-east-1"
    assert signing_region(host, None) == "us-east-1"
    assert signing_region("db.internal", "eu-west-1") == "eu-west-1"
    assert signing_region("db.internal", None) is None


def test_a_region_that_contradicts_the_name_is_refused() -> None:
    with pytest.raises(EndpointError, match="contradicts"):
        signing_region("abc.dsql.us-east-1.on.aws", "us-east-2")


@pytest.mark.parametrize("region", ["", "US-EAST-1", "us east 1", "us-east-1.evil.example/", "us-east-1\n", "é"])
def test_a_region_that_is_none_is_refused_before_it_gets_into_a_host_name(region: str) -> None:
    with pytest.raises(EndpointError, match="not written as"):
        signing_region("db.internal", region)
