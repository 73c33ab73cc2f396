"""`connection.get`: everything that a client needs to connect, in one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from desk import ACCESS_KEY_ID, BIN
from desks import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk

SOURCE = f'data "aws_dsql_token" "db" {{\n  endpoint = "{HOST}"\n  admin = ADMIN\n}}\n'
URL = f"${{urlescape(data.aws_dsql_token.db)}}@{HOST}"


def asked(desk: Desk, **params: object) -> Any:
    with desk.daemon(), desk.connection() as connection:
        return connection.ask("connection.get", config=str(desk.work / "atlas.hcl"), **params)


def project(url: str, admin: str = "true") -> str:
    return SOURCE.replace("ADMIN", admin) + f'env "dsql" {{\n  url = "{url}"\n}}\n'


def test_an_env_says_where_to_connect_as_whom_and_with_which_token(
    desk: Desk, example: Callable[[str], str], login: Callable[..., str]
) -> None:
    example("custom-role")
    answer = asked(desk, env="dsql")["result"]
    assert answer["connection"] == {
        "host": HOST,
        "hostaddr": None,
        "port": "5432",
        "user": "atlas_migrations",
        "dbname": "postgres",
        "sslmode": "require",
        "sslrootcert": None,
        "parameters": {},
    }
    assert ACCESS_KEY_ID in answer["token"]
    assert answer["expires"] > 0
    assert (answer["config"], answer["vars"]) == (str(desk.work / "atlas.hcl"), [])
    assert login(token=answer["token"], user="atlas_migrations") == "atlas_migrations"


def test_what_the_url_says_besides_comes_along(desk: Desk) -> None:
    more = (
        "sslmode=verify-full&sslrootcert=system&options=-c%20amzn-cluster-id%3Dabc&application_name=app&search_path=x"
    )
    desk.project(project(f"postgres://admin:{URL}?{more}"))
    connection = asked(desk, env="dsql")["result"]["connection"]
    assert connection["parameters"] == {"options": "-c amzn-cluster-id=abc", "application_name": "app"}
    assert (connection["sslmode"], connection["sslrootcert"]) == ("verify-full", "system")
    assert connection["dbname"] == "postgres"  # the only one that there is, though the url does not say so


def test_a_token_without_a_url_is_for_its_endpoint_and_admin(desk: Desk) -> None:
    desk.project(SOURCE.replace("ADMIN", "true"))
    connection = asked(desk, data="db")["result"]["connection"]
    assert (connection["host"], connection["port"], connection["user"]) == (HOST, "5432", "admin")


@pytest.mark.parametrize(
    ("text", "params", "message"),
    [
        (
            SOURCE.replace("ADMIN", "false"),
            {"data": "db"},
            'no url says as which user to connect with the token of data source "db"',
        ),
        (
            project(f"postgres://:{URL}?sslmode=require", "false"),
            {"env": "dsql"},
            'no url says as which user to connect with the token of env "dsql"',
        ),
        (
            project(f"postgres://admin:{URL}.evil.example?sslmode=require"),
            {"env": "dsql"},
            "host that is not its endpoint",
        ),
        (
            'env "dsql" {\n  url = "postgres://localhost/postgres"\n}\n',
            {"env": "dsql"},
            'env "dsql" has no aws_dsql_token in its url',
        ),
    ],
)
def test_what_cannot_be_connected_to_is_explained(text: str, params: dict[str, str], message: str, desk: Desk) -> None:
    desk.project(text)
    error = asked(desk, **params)["error"]
    assert message in error["message"]
    assert error["data"]["hint"]


def test_the_env_leads_to_the_endpoint_by_its_url_alone(reachable: Desk) -> None:
    program = "import psycopg, sys; print(psycopg.connect(sys.argv[1]).execute('select current_user').fetchone()[0])"
    url = reachable.ok("url", "dsql", "-n").replace("dsql://", "postgresql://")
    assert reachable.run(str(BIN / "python"), "-c", program, url).stdout == "admin\n"
