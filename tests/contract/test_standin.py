"""The DSQL stand-in accepts and refuses what Aurora DSQL would, says so in its words, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import ssl
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import psycopg
import pytest

from footprint import children
from standin import wire
from standin.sigv4 import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from standin.endpoint import DsqlStandin
    from standin.ledger import Clock, Ledger
    from standin.sts import Sts

HOST = "cluster-id.dsql.us-east-1.on.aws"
KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SESSION = Credentials("ASIAIOSFODNN7EXAMPLE", "an/example+secret", "an/example+of==a session token")
ROLE_ARN = "arn:aws:iam::123456789012:role/AtlasDSQLConnect"
ACCESS_DENIED = "FATAL:  unable to accept connection, access denied\nHINT:  "


@pytest.fixture(autouse=True)
def _issued(ledger: Ledger) -> None:
    ledger.add(KEYS)
    ledger.add(SESSION)


@cache
def token(
    credentials: Credentials = KEYS,
    *,
    host: str = HOST,
    region: str = "us-east-1",
    action: str = "DbConnectAdmin",
    expires_in: int = 900,
) -> str:
    """Make a token as any program does that has boto3."""
    client = boto3.Session(
        credentials.access_key_id, credentials.secret_access_key, credentials.session_token, region
    ).client("dsql")
    if action == "DbConnectAdmin":
        return str(client.generate_db_connect_admin_auth_token(host, ExpiresIn=expires_in))
    return str(client.generate_db_connect_auth_token(host, ExpiresIn=expires_in))


def current_user(
    standin: DsqlStandin, password: str, *, host: str = HOST, user: str = "admin", **changes: str | int
) -> str:
    """Log in and ask PostgreSQL who we are."""
    parameters = standin.parameters(host, user) | {"password": password} | changes
    with psycopg.connect(psycopg.conninfo.make_conninfo("", **parameters)) as connection:
        row = connection.execute("select current_user").fetchone()
    assert row is not None
    return str(row[0])


def refusal(standin: DsqlStandin, password: str, *, host: str = HOST, user: str = "admin", **changes: str | int) -> str:
    """Fail to log in and return what the client shows its user, from the server's words on."""
    with pytest.raises(psycopg.OperationalError) as caught:
        current_user(standin, password, host=host, user=user, **changes)
    return str(caught.value).rpartition("failed: ")[2].strip()


def test_a_token_of_static_keys_logs_the_administrator_in(standin: DsqlStandin) -> None:
    assert current_user(standin, token()) == "admin"
    login = standin.logins[-1]
    assert (login.user, login.action, login.access_key_id) == ("admin", "DbConnectAdmin", KEYS.access_key_id)
    assert (login.host, login.expires_in) == (HOST, 900)


def test_a_token_of_session_credentials_logs_a_custom_role_in(standin: DsqlStandin) -> None:
    password = token(SESSION, action="DbConnect")
    assert current_user(standin, password, user="atlas_migrations") == "atlas_migrations"
    assert standin.logins[-1].access_key_id == SESSION.access_key_id


def test_a_token_of_a_role_session_logs_in_until_the_session_has_expired(
    standin: DsqlStandin, sts: Sts, clock: Clock
) -> None:
    client = boto3.Session(KEYS.access_key_id, KEYS.secret_access_key, region_name="us-east-1").client(
        "sts", endpoint_url=sts.url
    )
    given = client.assume_role(RoleArn=ROLE_ARN, RoleSessionName="example", DurationSeconds=900)["Credentials"]
    role = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    password = token(role, expires_in=7200)
    assert current_user(standin, password) == "admin"
    with clock.ahead(880):
        assert current_user(standin, password) == "admin"
    with clock.ahead(901):
        assert refusal(standin, password) == ACCESS_DENIED + "The security token included in the request is expired"


def test_the_order_of_a_tokens_parameters_does_not_matter(standin: DsqlStandin) -> None:
    host, _, query = token(SESSION).partition("/?")
    assert current_user(standin, host + "/?" + "&".join(reversed(query.split("&")))) == "admin"


@pytest.mark.parametrize("host", ["other.dsql.eu-central-1.on.aws", "id.dsql-fnh4.eu-central-1.on.aws"])
def test_every_cluster_of_every_region_has_a_certificate_that_clients_can_verify(
    standin: DsqlStandin, host: str
) -> None:
    assert current_user(standin, token(host=host, region="eu-central-1"), host=host) == "admin"


def test_a_client_that_asks_for_no_cluster_sees_a_certificate_that_is_not_its_own(standin: DsqlStandin) -> None:
    with pytest.raises(psycopg.OperationalError, match='does not match host name "localhost"'):
        current_user(standin, token(), host="localhost")


def test_clients_may_skip_the_negotiation_of_tls(standin: DsqlStandin) -> None:
    if psycopg.pq.version() < 170000:
        pytest.skip("needs libpq 17, which knows sslnegotiation=direct")
    assert current_user(standin, token(), sslnegotiation="direct") == "admin"


def flipped(password: str) -> str:
    return password[:-1] + ("1" if password.endswith("0") else "0")


def without(password: str, parameter: str) -> str:
    host, _, query = password.partition("/?")
    return host + "/?" + "&".join(part for part in query.split("&") if not part.startswith(parameter))


MISMATCH = "The request signature we calculated does not match the signature you provided."
INVALID = "The security token included in the request is invalid."
SCOPE = "Credential should be scoped to a valid date, region 'us-east-1' and service 'dsql'."
REFUSED: dict[str, tuple[Callable[[], str], str]] = {
    "another host": (
        lambda: token(host="other.dsql.us-east-1.on.aws"),
        f"The token is for another host. token: other.dsql.us-east-1.on.aws, connection: {HOST}",
    ),
    "another host, pasted over": (
        lambda: token(host="other.dsql.us-east-1.on.aws").replace("other.", "cluster-id."),
        MISMATCH,
    ),
    "another region": (lambda: token(region="us-west-2"), SCOPE),
    "another service": (lambda: token().replace("%2Fdsql%2F", "%2Frds-db%2F"), SCOPE),
    "another secret": (lambda: token(Credentials(KEYS.access_key_id, "another secret")), MISMATCH),
    "unknown keys": (lambda: token(Credentials("AKIAUNKNOWN", KEYS.secret_access_key)), INVALID),
    "a flipped signature": (lambda: flipped(token()), MISMATCH),
    "a longer life than was signed": (lambda: token().replace("Expires=900", "Expires=901"), MISMATCH),
    "too long a life": (
        lambda: token(expires_in=604_801),
        "X-Amz-Expires must be between 1 and 604800 seconds.",
    ),
    "a dropped session token": (lambda: without(token(SESSION), "X-Amz-Security-Token"), INVALID),
    "an invented session token": (lambda: token() + "&X-Amz-Security-Token=x", INVALID),
    "a parameter twice": (lambda: token() + "&Action=DbConnect", "The token is not a presigned request."),
    "no token": (lambda: "correct horse battery staple", "The token is not a presigned request."),
    "a token for custom roles": (
        lambda: token(action="DbConnect"),
        "Wrong user to action mapping. user: admin, action: DbConnect",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_bad_token_is_refused_with_a_hint_at_what_is_wrong(standin: DsqlStandin, what: str) -> None:
    make, hint = REFUSED[what]
    accepted = len(standin.logins)
    assert refusal(standin, make()) == ACCESS_DENIED + hint
    assert len(standin.logins) == accepted


def test_an_administrators_token_is_refused_for_a_custom_role(standin: DsqlStandin) -> None:
    hint = "Wrong user to action mapping. user: atlas_migrations, action: DbConnectAdmin"
    assert refusal(standin, token(), user="atlas_migrations") == ACCESS_DENIED + hint


def test_a_token_is_refused_before_and_after_its_time(standin: DsqlStandin, clock: Clock) -> None:
    password = token()
    with clock.ahead(880):
        assert current_user(standin, password) == "admin"
    with clock.ahead(901):
        assert refusal(standin, password).startswith(ACCESS_DENIED + "Signature expired: ")
    with clock.ahead(-400):
        assert refusal(standin, password).startswith(ACCESS_DENIED + "Signature not yet current: ")


def test_credentials_can_be_withdrawn(standin: DsqlStandin, ledger: Ledger) -> None:
    ledger.remove(KEYS.access_key_id)
    assert refusal(standin, token()) == ACCESS_DENIED + INVALID


def test_a_connection_without_tls_is_refused(standin: DsqlStandin) -> None:
    wanted = "FATAL:  unable to accept connection, tls is required"
    assert refusal(standin, token(), sslmode="disable") == wanted


def test_a_connection_without_a_server_name_is_refused(standin: DsqlStandin) -> None:
    wanted = "FATAL:  unable to accept connection, sni was not received"
    assert refusal(standin, token(), sslsni=0) == wanted


@contextlib.contextmanager
def tls(standin: DsqlStandin) -> Iterator[ssl.SSLSocket]:
    """Begin TLS at once and without ALPN, as no client of PostgreSQL does."""
    context = ssl.create_default_context(cafile=standin.ca_file)
    with (
        socket.create_connection((standin.address, standin.port)) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as connection,
    ):
        yield connection


def test_direct_tls_without_alpn_is_hung_up_on(standin: DsqlStandin) -> None:
    with tls(standin) as connection:
        assert connection.recv(1) == b""


def test_a_refusal_has_its_sqlstate_and_hint_in_fields_of_their_own(standin: DsqlStandin) -> None:
    context = ssl.create_default_context(cafile=standin.ca_file)
    with socket.create_connection((standin.address, standin.port)) as plain:
        plain.sendall(struct.pack("!ii", 8, wire.SSL_REQUEST))
        assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname=HOST) as connection:
            connection.sendall(struct.pack("!ii", 20, 3 << 16) + b"user\0admin\0\0")
            assert connection.recv(9) == wire.PASSWORD_WANTED
            connection.sendall(b"p" + struct.pack("!i", 6) + b"x\0")
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
    fields = answer[5:].split(b"\0")
    assert b"C08006" in fields
    assert b"Munable to accept connection, access denied" in fields
    assert b"HThe token is not a presigned request." in fields


def test_a_silent_or_confused_client_holds_nobody_up(standin: DsqlStandin) -> None:
    with socket.create_connection((standin.address, standin.port)) as confused:
        confused.sendall(b"GET / HT")
        assert confused.recv(1) == b""
    with socket.create_connection((standin.address, standin.port)):
        assert current_user(standin, token()) == "admin"


def test_once_logged_in_much_passes_both_ways(standin: DsqlStandin) -> None:
    much = "x" * 10_000_000
    parameters = standin.parameters(HOST, "admin") | {"password": token()}
    with psycopg.connect(psycopg.conninfo.make_conninfo("", **parameters)) as connection:
        assert connection.execute("select %s", (much,)).fetchone() == (much,)


@contextlib.contextmanager
def program() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "standin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ask(process: subprocess.Popen[str], request: object) -> dict[str, object]:
    assert process.stdin is not None
    process.stdin.write(json.dumps(request) + "\n")
    process.stdin.flush()
    return answer(process)


def answer(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    assert isinstance(said, dict)
    return said


def test_the_program_accepts_whom_it_is_told_to_and_leaves_nothing_behind() -> None:
    with program() as process:
        ready = answer(process)
        assert ask(process, {"add": {"access_key_id": "AKIAEXAMPLE", "secret_access_key": "example"}}) == {
            "added": "AKIAEXAMPLE"
        }
        assert "error" in ask(process, {"add": {"access_key_id": "AKIAEXAMPLE"}})
        ca_file = Path(str(ready["ca_file"]))
        with psycopg.connect(
            host=HOST,
            hostaddr=str(ready["address"]),
            port=str(ready["port"]),
            user="admin",
            password=token(Credentials("AKIAEXAMPLE", "example")),
            dbname="postgres",
            sslmode="verify-full",
            sslrootcert=str(ca_file),
        ) as connection:
            assert connection.execute("select current_user").fetchone() == ("admin",)
        logins = ask(process, {"logins": {}})["logins"]
        assert isinstance(logins, list)
        assert [login["access_key_id"] for login in logins] == ["AKIAEXAMPLE"]
        process.terminate()
        assert process.wait() == 0
        assert not ca_file.parent.exists()


def test_the_program_ends_with_its_input() -> None:
    with program() as process:
        ca_file = Path(str(answer(process)["ca_file"]))
        process.communicate()
        assert process.returncode == 0
        assert not ca_file.parent.exists()


def test_the_program_leaves_nothing_behind_though_it_is_killed() -> None:
    if not hasattr(os, "pidfd_open"):
        pytest.skip("needs Linux, to wait for processes that are not ours")
    with program() as process:
        ca_file = Path(str(answer(process)["ca_file"]))
        watches = [os.pidfd_open(child) for child in children(process.pid)]
        process.kill()
        for watch in watches:
            assert select.select([watch], [], [], 60)[0], "a process is left"
            os.close(watch)
        assert len(watches) == 2
        assert not ca_file.parent.exists()
