"""`data "aws_dsql_token"`: its arguments and their mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dsqltokd.atlas import TokenRequest
    from unit.atlas.conftest import Evaluate

ENDPOINT = 'endpoint = "abc.dsql.us-east-1.on.aws"'


def request(evaluate: Evaluate, *arguments: str) -> TokenRequest:
    return evaluate(block(*arguments), token="db").requests["db"]


def block(*arguments: str) -> str:
    return 'data "aws_dsql_token" "db" {\n' + "".join(f"  {argument}\n" for argument in arguments) + "}\n"


def test_an_endpoint_is_enough(evaluate: Evaluate) -> None:
    found = request(evaluate, ENDPOINT)
    assert (found.host, found.region, found.action) == ("abc.dsql.us-east-1.on.aws", "us-east-1", "DbConnect")
    assert (found.profile, found.role_arn) == (None, None)


def test_a_host_without_a_region_in_its_name_leaves_it_to_the_aws_configuration(evaluate: Evaluate) -> None:
    assert request(evaluate, 'endpoint = "db.internal"').region is None
    assert request(evaluate, 'endpoint = "db.internal"', 'region = "eu-west-1"').region == "eu-west-1"


def test_an_endpoint_is_asked_for_in_lower_case(evaluate: Evaluate) -> None:
    assert request(evaluate, 'endpoint = "ABC.dsql.us-east-1.on.aws"').host == "abc.dsql.us-east-1.on.aws"


def test_an_empty_string_is_as_good_as_no_argument(evaluate: Evaluate) -> None:
    found = request(evaluate, ENDPOINT, 'region = ""', 'profile = ""', 'role_arn = getenv("NOT_SET")', 'username = ""')
    assert (found.region, found.profile, found.role_arn, found.admin) == ("us-east-1", None, None, False)


@pytest.mark.parametrize(("value", "admin"), [("true", True), ('"true"', True), ("false", False), ('"false"', False)])
def test_admin_is_a_bool_or_converts_to_one(evaluate: Evaluate, value: str, admin: bool) -> None:
    assert request(evaluate, ENDPOINT, f"admin = {value}").admin is admin


@pytest.mark.parametrize(
    ("arguments", "admin"),
    [
        (['username = "admin"'], True),
        (['username = "app"'], False),
        (['username = "admin"', "admin = true"], True),
        (['username = "app"', "admin = false"], False),
    ],
)
def test_a_username_asks_for_an_admin_token_iff_it_is_admin(
    evaluate: Evaluate, arguments: list[str], admin: bool
) -> None:
    assert request(evaluate, ENDPOINT, *arguments).admin is admin


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "1:1: Missing required argument"),
        (["admin = true"], "1:1: Missing required argument"),
        ([ENDPOINT, 'regoin = "us-east-1"'], "3:3: Unsupported argument"),
        ([ENDPOINT, "extra {}"], "3:3: Unsupported block type"),
        (["endpoint = null"], "2:14: Unsuitable value type"),
        (['endpoint = ["a"]'], "2:14: Unsuitable value type"),
        ([ENDPOINT, 'admin = "yes"'], "3:11: Unsuitable value type"),
        ([ENDPOINT, "region = null"], "3:12: Unsuitable value type"),
        ([ENDPOINT, "profile = {}"], "3:13: Unsuitable value type"),
        ([ENDPOINT, "admin = nope"], "3:11: Unknown variable"),
        (['endpoint = ""'], "2:14: Invalid endpoint; the endpoint is empty"),
        (['endpoint = "https://abc.dsql.us-east-1.on.aws"'], "2:14: Invalid endpoint; the endpoint has a scheme"),
        (['endpoint = "abc.dsql.us-east-1.on.aws:5432"'], "2:14: Invalid endpoint; the endpoint has a port"),
        ([ENDPOINT, 'region = "us-east-2"'], "3:12: Invalid region; the region contradicts the endpoint's name"),
        ([ENDPOINT, 'region = "US East"'], "3:12: Invalid region"),
        ([ENDPOINT, 'username = "admin"', "admin = false"], "4:3: Contradictory arguments"),
        ([ENDPOINT, 'username = "app"', "admin = true"], "4:3: Contradictory arguments"),
    ],
)
def test_a_mistake_is_pointed_at(evaluate: Evaluate, arguments: list[str], said: str) -> None:
    assert evaluate.error(block(*arguments), token="db").startswith(said)


def test_an_unknown_argument_comes_with_the_one_that_was_meant(evaluate: Evaluate) -> None:
    assert 'Did you mean "region"?' in evaluate.error(block(ENDPOINT, 'regoin = "us-east-1"'), token="db")


def test_a_mistake_in_a_block_that_nothing_asks_for_is_none(evaluate: Evaluate) -> None:
    assert evaluate(block("nope = nope")).requests == {}


def test_no_message_quotes_what_came_from_the_environment(evaluate: Evaluate) -> None:
    evaluate.environment["E"] = "https://s3cret.example"
    for arguments in (
        ['endpoint = getenv("E")'],
        [ENDPOINT, 'region = getenv("E")'],
        [ENDPOINT, 'admin = getenv("E")'],
    ):
        assert "s3cret" not in evaluate.error(block(*arguments), token="db")
