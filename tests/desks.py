"""What tests of installed programs share: a desk, a project on it, and logging in where a token is good."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from cloud import Cloud
from desk import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Desk
from standin import names, steps
from standin.leash import bed_directory
from standin.sigv4 import Credentials
from standin.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from standin.endpoint import DsqlStandin
    from standin.imds import Imds
    from standin.ledger import Clock, Ledger
    from standin.signin import SignIn
    from standin.sso import Sso
    from standin.sts import Sts

EXAMPLES = Path(__file__).parents[1] / "examples"
HOST = "cluster-id.dsql.us-east-1.on.aws"


@pytest.fixture
def desk() -> Iterator[Desk]:
    """Give a user with AWS's example keys in the default profile, no project, and no daemon yet."""
    with bed_directory("desk-") as root, Desk(root) as user:
        user.aws(
            credentials=f"[default]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n"
        )
        yield user


@pytest.fixture
def example(desk: Desk) -> Callable[[str], str]:
    """Put one of the examples into the working directory, unchanged, and return its text."""

    def put(name: str) -> str:
        text = (EXAMPLES / name / "atlas.hcl").read_text()
        desk.project(text)
        return text

    return put


@pytest.fixture
def login(standin: DsqlStandin, ledger: Ledger) -> Callable[..., str]:
    """Log in at the stand-in with a token, or with a url as `dsqltok url` prints it, and say as whom."""
    ledger.add(Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY))

    def connect(*, token: str = "", url: str = "", user: str = "admin", host: str = HOST) -> str:
        there = standin.parameters(host, user)
        if url:
            # Only where it listens and whom it trusts is added: host, user, password and database are the url's.
            only = {name: there[name] for name in ("hostaddr", "port", "sslmode", "sslrootcert")}
            connection = psycopg.connect("postgresql" + url.removeprefix("dsql"), **only)  # type: ignore[arg-type]
        else:
            connection = psycopg.connect(password=token, **there)  # type: ignore[arg-type]
        with connection:
            row = connection.execute("select current_user").fetchone()
        assert row is not None
        return str(row[0])

    return connect


def is_let_in(login: Callable[..., str], token: str) -> bool:
    """Tell whether a token logs in. One of a few seconds' life may have died before it was used."""
    try:
        return login(token=token) == "admin"
    except psycopg.OperationalError:
        return False


@pytest.fixture
def reachable(desk: Desk, standin: DsqlStandin, ledger: Ledger) -> Desk:
    """Give a desk whose project's env `dsql` leads to the stand-in, by its url alone and for every client.

    The name of the cluster does, in every program of the desk; the stand-in's root certificate is where libpq and
    those that follow it look for one by themselves; and `sslmode` is `verify-full`.
    """
    if why := names.missing():
        pytest.skip(why)
    ledger.add(Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY))
    desk.hosts = names.write_hosts(desk.root / "hosts", standin.address, HOST)
    desk.write(desk.home / ".postgresql/root.crt", standin.ca_file.read_text())
    desk.project(
        (EXAMPLES / "admin" / "atlas.hcl")
        .read_text()
        .replace(":5432/postgres?sslmode=require", f":{standin.port}/postgres?sslmode=verify-full")
    )
    return desk


@pytest.fixture
def stepped(clock: Clock, desk: Desk) -> Iterator[Steps]:
    """Give clocks that the test steps: those of every program that the desk starts, and the stand-in's."""
    if why := steps.missing():
        pytest.skip(why)
    with Steps(clock) as stepping:
        desk.environment |= stepping.environment
        yield stepping


@pytest.fixture
def cloud(desk: Desk, sts: Sts, sso: Sso, signin: SignIn, imds: Imds) -> Cloud:
    """Put the desk where every service of AWS's is a test bed."""
    return Cloud(desk, sts, sso, signin, imds)


@pytest.fixture
def caller(cloud: Cloud, login: Callable[..., str], standin: DsqlStandin, ledger: Ledger) -> Callable[[str], str]:
    """Log in as admin with a token, and return the access key id that the stand-in saw behind it."""
    ledger.also_ask(cloud.known)

    def key_behind(token: str) -> str:
        assert login(token=token) == "admin"
        return standin.logins[-1].access_key_id

    return key_behind
