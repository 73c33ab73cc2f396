from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from dsqltokd.connurl import Connection, UrlError, check, read

HOST = "abc.dsql.us-east-1.on.aws"
TOKEN = f"{HOST}%2F%3FAction%3DDbConnectAdmin%26X-Amz-Signature%3Dc0ffee"


def url(
    host: str = HOST, query: str = "sslmode=require", path: str = "/postgres", user: str = f"admin:{TOKEN}@"
) -> str:
    return f"dsql://{user}{host}{path}{'?' if query else ''}{query}"


def test_a_url_says_who_connects_to_what_and_how() -> None:
    assert read(
        url(HOST.upper() + ":5432", "sslmode=verify-full&sslrootcert=system&application_name=a+b")
    ) == Connection(
        user="admin",
        hosts=(HOST,),
        hostaddrs=(),
        ports=("5432",),
        dbname="postgres",
        sslmode="verify-full",
        sslrootcert="system",
        parameters={"application_name": "a+b"},
    )


@pytest.mark.parametrize("scheme", ["dsql", "postgres", "postgresql"])
@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_url_to_the_endpoint_with_encryption_may_carry_the_token(scheme: str, mode: str) -> None:
    check(url(query=f"sslmode={mode}").replace("dsql", scheme, 1), HOST, ())


def test_the_host_may_stand_in_the_query_alone() -> None:
    assert check(url("", f"host={HOST}&port=5432&sslmode=require"), HOST, ()).hosts == (HOST,)


def test_the_user_is_decoded_and_an_empty_one_is_none() -> None:
    assert read(url(user="my%20role@")).user == "my role"
    assert read(url(user="")).user is None
    assert read(url(user=":x@")).user is None


@pytest.mark.parametrize(
    "bad",
    [
        url("evil.example"),
        url("localhost"),
        url("127.0.0.1"),
        url("[::1]:5432"),
        url(f"{HOST}.evil.example"),
        url(f"{HOST}."),
        url(f"{HOST},evil.example"),
        url(f"evil.example:1,{HOST}:2"),
        url("", "host=evil.example&sslmode=require"),
        url("", f"host={HOST}%2Cevil.example&sslmode=require"),
        url("", "host=%2Ftmp&sslmode=require"),
        url("", "host=%40abstract&sslmode=require"),
    ],
)
def test_any_other_host_is_refused(bad: str) -> None:
    with pytest.raises(UrlError, match="not its endpoint"):
        check(bad, HOST, ())


def test_another_host_needs_the_users_own_configuration() -> None:
    check(url("localhost:6432"), HOST, ("LocalHost",))
    check(url("[::1]:6432"), HOST, ("::1",))
    with pytest.raises(UrlError, match="not its endpoint"):
        check(url("127.0.0.1"), HOST, ("localhost",))


@pytest.mark.parametrize("query", ["", "application_name=x", "sslmode=disable", "sslmode=prefer", "sslmode=REQUIRE"])
def test_a_url_that_does_not_insist_on_encryption_is_refused_with_a_hint(query: str) -> None:
    with pytest.raises(UrlError, match="unencrypted") as caught:
        check(url(query=query), HOST, ())
    assert "sslmode=verify-full" in caught.value.hint


def test_an_address_is_good_only_where_the_server_must_prove_its_name() -> None:
    check(url(query="sslmode=verify-full&hostaddr=10.0.0.1"), HOST, ())
    check(url(query="sslmode=verify-full&hostaddr=10.0.0.1&sslrootcert=system"), HOST, ())
    for mode in ("require", "verify-ca"):
        with pytest.raises(UrlError, match="without sslmode=verify-full"):
            check(url(query=f"sslmode={mode}&hostaddr=10.0.0.1"), HOST, ("10.0.0.1",))


def test_a_project_cannot_bring_both_the_address_and_the_certificates_that_vouch_for_it() -> None:
    bad = url(query="sslmode=verify-full&hostaddr=10.0.0.1&sslrootcert=ca.pem")
    with pytest.raises(UrlError, match="sslrootcert"):
        check(bad, HOST, ())
    check(bad, HOST, ("10.0.0.1",))


@pytest.mark.parametrize("port", ["0", "65536", "none", "-1", "5432,none", "%C2%B2", "%D9%A3"])
def test_a_port_after_the_question_mark_is_a_number_too(port: str) -> None:
    with pytest.raises(UrlError, match="port is not a number from 1 to 65535"):
        check(url(query=f"sslmode=require&port={port}"), HOST, ())


AMBIGUOUS = {
    "an @ that was not escaped": url(user="admin:x@evil.example@"),
    "a slash that was not escaped": url(user="admin:evil.example/x@"),
    "a question mark that was not escaped": url(user="admin:evil.example?x@"),
    "an @ after the host": url(path="/x@evil.example"),
    "an @ in the query": url(query="sslmode=require&application_name=a@evil.example"),
    "a backslash": url(f"{HOST}\\@evil.example"),
    "a space": url(f"{HOST} "),
    "a tab": url(f"{HOST}\t"),
    "a newline": url() + "\n",
    "a fragment": url(query="sslmode=require#@evil.example"),
    "a letter outside ascii": url("äbc.dsql.us-east-1.on.aws"),
    "an escaped NUL": url(path="/postgres%00"),
    "an escaped newline": url(user="admin%0A:x@"),
    "half an escape": url(path="/postgres%2"),
    "no escape": url(user="admin:100%@"),
    "an escape that is no utf-8": url(path="/%ff"),
    "an escaped host": url("abc%2Edsql.us-east-1.on.aws"),
    "a host said twice": url(query=f"host={HOST}&sslmode=require"),
    "a user said twice": url(query="user=admin&sslmode=require"),
    "a parameter said twice": url(query="sslmode=require&sslmode=disable"),
    "a host said twice in the query": url("", f"host={HOST}&host=evil.example&sslmode=require"),
    "a parameter in upper case": url(query="sslmode=require&HOST=evil.example"),
    "an escaped parameter name": url(query="sslmode=require&ho%73t=evil.example"),
    "a parameter without a value": url(query="sslmode=require&application_name"),
    "an empty host parameter": url("", "host=&sslmode=require"),
    "a second =": url(query="sslmode=require&options=a=b"),
    "a semicolon": url(query="sslmode=require;hostaddr=10.0.0.1"),
    "a plus in what decides": url(query="sslmode=require+"),
    "a service": url(query="sslmode=require&service=x"),
    "a service file": url(query="sslmode=require&servicefile=x"),
    "jdbc's ssl": url(query="ssl=true"),
    "gss encryption": url(query="sslmode=require&gssencmode=require"),
    "a connection in the database's name": url(path="/host%3Devil.example"),
    "a second slash": url(path="/a/b"),
    "an empty port": url(f"{HOST}:"),
    "a port that is none": url(f"{HOST}:0"),
    "a port that is too large": url(f"{HOST}:65536"),
    "an empty host in a list": url(f"{HOST},"),
    "half a bracket": url("[::1"),
    "text after a bracket": url("[::1]x"),
    "a userinfo in brackets": url("[a]b]"),
    "another scheme": "mysql://admin:x@" + HOST,
    "a scheme in upper case": "DSQL://admin:x@" + HOST,
    "no scheme": f"{HOST}/postgres",
    "a connection string": f"host={HOST} sslmode=require",
    "nothing": "",
    "no host": url(""),
    "a port alone": url(":5432"),
}


@pytest.mark.parametrize("bad", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_a_url_that_two_readers_could_read_differently_is_refused(bad: str) -> None:
    with pytest.raises(UrlError):
        check(bad, HOST, ("evil.example", "10.0.0.1", "::1"))


@pytest.mark.parametrize("bad", [*AMBIGUOUS.values(), url("evil.example"), url(query="")])
def test_a_refusal_quotes_neither_the_token_nor_the_url(bad: str) -> None:
    with pytest.raises(UrlError) as caught:
        check(bad, HOST, ())
    said = f"{caught.value} {caught.value.hint}"
    assert "c0ffee" not in said
    assert "evil" not in said
    assert HOST not in said


MARKS = st.sampled_from(":/?@,&=[]#;+%.")
WORDS = st.sampled_from(["%2C", "%40", "%3D", "h.example", "evil.example", "1", "5432", "user", "pw", "::1", "db"])
KEYS = st.sampled_from(["host=", "hostaddr=", "port=", "user=", "service=", "sslmode=require", "password=", "options="])
TAILS = st.lists(MARKS | WORDS | KEYS, max_size=12).map("".join)


@given(tail=TAILS, shape=st.sampled_from(["{}", "u:p@h.example{}", "u@{}/db?sslmode=require", "h.example/db?{}"]))
def test_what_is_accepted_is_read_alike_by_libpq_and_by_python(tail: str, shape: str) -> None:
    text = "postgresql://" + shape.format(tail)
    try:
        ours = read(text)
    except UrlError:
        return
    try:
        libpq = conninfo_to_dict(text)
    except ProgrammingError:  # a parameter that libpq does not know: it would not connect at all
        return
    assert ours.hosts == tuple(str(libpq["host"]).split(","))
    assert ours.hostaddrs == tuple(filter(None, str(libpq.get("hostaddr", "")).split(",")))
    assert (ours.user or "") == (libpq.get("user") or "")
    assert ours.sslmode == libpq.get("sslmode")
    if len(ours.hosts) == 1 and (seen := urlsplit(text).hostname):
        assert ours.hosts == (seen,)
