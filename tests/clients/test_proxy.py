"""`dsqltok proxy`: any client, no password, no TLS of its own."""

from __future__ import annotations

import re
import signal
import socket
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest

from desk import BIN, eventually, secrets_in
from standin import people
from standin.sigv4 import Refusal
from viaproxy import Client, Proxy, proxy, spoken

if TYPE_CHECKING:
    from desk import Desk
    from standin.endpoint import DsqlStandin
    from standin.people import Person
    from standin.steps import Steps


def test_a_client_connects_with_a_host_and_a_port_and_nothing_else(proxied: Proxy) -> None:
    for host, sslmode in (("localhost", "prefer"), ("127.0.0.1", "disable"), ("[::1]", "allow")):
        with proxied.client(f"postgresql://{host}:{{port}}/?sslmode={sslmode}") as visitor:
            assert visitor("connect('a')") == "admin"


def test_a_client_of_a_unix_socket_needs_its_directory_only(reachable: Desk, standin: DsqlStandin) -> None:
    directory = reachable.home / "pg"
    with proxy(reachable, standin.ca_file, "dsql", "--unix", str(directory)) as proxied:
        assert (directory.stat().st_mode & 0o777) == 0o700
        with proxied.client(f"postgresql:///?host={directory}&port={{port}}") as visitor:
            assert visitor("connect('a')") == "admin"
    assert list(directory.iterdir()) == []


def test_what_a_client_sets_at_the_start_is_set(proxied: Proxy) -> None:
    with proxied.client("postgresql://localhost:{port}/?sslmode=disable&options=-c%20search_path%3Done") as visitor:
        assert visitor("connect('a') and one('a', 'show search_path')") == "one"


def test_everything_of_postgresqls_passes(visitor: Client) -> None:
    assert visitor("connect('a')") == "admin"
    assert visitor("one('a', 'select %s::int + 1', [41])") == 42
    assert visitor("[one('a', 'select %s', [n], ) for n in range(10)][-1]") == 9  # prepared by the sixth
    assert visitor("copy('a', 20_000_000)") == 20_000_000
    assert visitor("heard('a')") == "hello"
    assert "syntax error" in str(visitor("one('a', 'selekt')"))
    assert visitor("one('a', \"select length(repeat('x', 50000000))\")") == 50_000_000
    assert visitor("one('a', \"select repeat('x', 5000000)\") == 'x' * 5000000") is True


def test_a_query_is_cancelled_by_its_own_client_and_no_other_is_touched(visitor: Client) -> None:
    assert visitor("[connect('a'), connect('b')]") == ["admin", "admin"]
    assert visitor("cancelled('a')") == "cancelled"
    assert visitor("one('b', 'select 1')") == 1


def test_many_connections_at_once_are_all_served(visitor: Client) -> None:
    assert visitor("together(200)") == 200
    assert visitor("sum(one(n, 'select 1') for n in range(200))") == 200


REFUSED = "import psycopg, sys\ntry: psycopg.connect(sys.argv[1])\nexcept psycopg.Error as error: print(error)"


def refusal(stranger: Person, url: str) -> str:
    """Return what another user of the machine is told at a place."""
    done = subprocess.run(
        stranger.argv(str(BIN / "python"), "-c", REFUSED, url),
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_another_user_is_told_no_at_a_port(proxied: Proxy, stranger: Person) -> None:
    for address in ("127.0.0.1", "[::1]"):
        told = refusal(stranger, f"postgresql://{address}:{proxied.port}/?sslmode=disable")
        assert "this proxy serves another user" in told


def test_another_user_is_told_no_at_a_unix_socket_that_he_can_reach(
    reachable: Desk, standin: DsqlStandin, stranger: Person
) -> None:
    directory = reachable.root / "pg"
    directory.mkdir(mode=0o700)
    people.ordinary().own(directory)
    with proxy(reachable, standin.ca_file, "dsql", "--unix", str(directory)) as proxied:
        for path, mode in (
            (reachable.root, 0o755),
            (directory, 0o755),
            (directory / f".s.PGSQL.{proxied.port}", 0o777),
        ):
            path.chmod(mode)
        told = refusal(stranger, f"postgresql:///?host={directory}&port={proxied.port}")
    assert "this proxy serves another user" in told


def test_what_is_no_startup_packet_is_sent_away_and_others_go_on(proxied: Proxy, visitor: Client) -> None:
    assert visitor("connect('a')") == "admin"
    for data, answer in (
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b""),
        (b"\x16\x03\x01\x00\x05hello", b""),
        (struct.pack("!i", 1 << 30) + bytes(1000), b"a startup packet of 1073741824 bytes"),
        (b"\xff" * 100, b"a startup packet of 4294967295 bytes"),
        (struct.pack("!ii", 9, 2 << 16) + b"\0", b"protocol 2.0"),
    ):
        said = spoken(proxied.port, data)
        assert answer in said
        assert (said[:1] == b"E") is bool(answer)
        assert visitor("one('a', 'select 1')") == 1


def test_who_says_nothing_holds_up_nobody(proxied: Proxy, visitor: Client) -> None:
    program = (
        "import socket, sys\n"
        "there = [socket.create_connection(('127.0.0.1', int(sys.argv[1]))) for _ in range(500)]\n"
        "for each in there[::2]: each.sendall(b'\\0\\0')\n"
        "print('here', flush=True)\nsys.stdin.read()\n"
    )
    with proxied.desk.conversation(str(BIN / "python"), "-c", program, str(proxied.port)) as crowd:
        assert crowd.ask() == "here"
        assert visitor("connect('a')") == "admin"


def test_a_certificate_that_does_not_verify_is_explained_to_the_client(reachable: Desk) -> None:
    with proxy(reachable, None, "dsql") as proxied, proxied.client() as visitor:
        answer = str(visitor("connect('a')"))
    assert "the certificate is not accepted" in answer
    assert "--ca FILE" in answer


def test_a_cluster_that_wakes_up_is_waited_for_and_the_client_is_told(visitor: Client, standin: DsqlStandin) -> None:
    waking = Refusal("unable to accept connection, waking up cluster, please retry later")
    standin.troubles.extend([waking, waking])
    assert visitor("connect('a')") == "admin"
    assert not standin.troubles


def test_a_token_that_is_refused_is_replaced_once(visitor: Client, standin: DsqlStandin) -> None:
    denied = Refusal("unable to accept connection, access denied", hint="Signature expired: a is earlier than b")
    standin.troubles.append(denied)
    assert visitor("connect('a')") == "admin"
    standin.troubles.extend([denied, denied])
    said = str(visitor("connect('b')"))
    assert "access denied" in said
    assert "Signature expired" in said
    assert "dsqltok: the token was too old by AWS's clock" in said


def test_what_the_server_says_reaches_the_client_with_our_hint(visitor: Client, standin: DsqlStandin) -> None:
    hint = "User: arn:aws:iam::1:user/x is not authorized to perform: dsql:DbConnectAdmin on resource: y"
    standin.troubles.append(Refusal("unable to accept connection, access denied", hint=hint))
    said = str(visitor("connect('a')"))
    assert hint in said
    assert "IAM does not allow this identity to connect; run dsqltok doctor" in said


def test_a_startup_parameter_that_the_server_refuses_is_left_out_and_said_so(proxied: Proxy) -> None:
    words = b"user\0admin\0surprise\x001\0DateStyle\0ISO\0\0"
    packet = struct.pack("!ii", len(words) + 8, 3 << 16) + words
    said = spoken(proxied.port, packet + b"X\0\0\0\4")
    assert b"the server does not take the startup parameter surprise: it was left out" in said
    assert said.index(b"R\0\0\0\x08\0\0\0\0") < said.index(b"surprise") < said.index(b"Z\0\0\0\5I")


def test_a_core_that_dies_takes_no_session_with_it_and_the_next_has_another(proxied: Proxy, visitor: Client) -> None:
    assert visitor("connect('a')") == "admin"
    proxied.desk.kill()
    assert visitor("one('a', 'select 1')") == 1
    assert visitor("connect('b')") == "admin"


def test_a_session_outlives_its_token_and_the_next_has_a_fresh_one(
    reachable: Desk, standin: DsqlStandin, stepped: Steps
) -> None:
    with reachable.daemon(), proxy(reachable, standin.ca_file, "dsql") as proxied, proxied.client() as visitor:
        assert visitor("connect('a')") == "admin"
        stepped.suspend(1000)
        assert visitor("[one('a', 'select 1'), connect('b')]") == [1, "admin"]


def test_a_proxy_that_is_told_to_end_lets_a_query_end_first(proxied: Proxy, visitor: Client) -> None:
    assert visitor("connect('a')") == "admin"
    proxied.process.send_signal(signal.SIGTERM)
    assert visitor("one('a', 'select pg_sleep(0.5)') or 'done'") == "done"
    assert visitor("c['a'].close() or 'closed'") == "closed"
    assert proxied.process.wait(30) == 0


def test_a_project_that_is_moved_away_leads_no_session_to_another(proxied: Proxy, visitor: Client) -> None:
    assert visitor("connect('a')") == "admin"
    project = proxied.desk.work / "atlas.hcl"
    proxied.desk.write(proxied.desk.root / "home" / "atlas.hcl", project.read_text())  # which a search would find next
    project.rename(proxied.desk.work / "aside.hcl")
    eventually(lambda: "atlas.hcl" in str(visitor("connect('b')")), "the project is missed")
    (proxied.desk.work / "aside.hcl").rename(project)
    eventually(lambda: visitor("connect('c')") == "admin", "it is there again")


def test_told_twice_to_end_a_proxy_tells_those_who_are_there_and_ends(proxied: Proxy, visitor: Client) -> None:
    assert visitor("connect('a')") == "admin"
    proxied.process.send_signal(signal.SIGINT)
    eventually(lambda: "refused" in str(visitor("connect('b')")), "nobody new is let in")
    proxied.process.send_signal(signal.SIGINT)
    assert proxied.process.wait(30) == 0
    assert "terminating connection: the proxy is ending" in str(visitor("one('a', 'select 1')"))


def test_a_session_as_long_as_dsql_lets_it_be_is_told_of_in_the_log(
    reachable: Desk, standin: DsqlStandin, stepped: Steps
) -> None:
    with reachable.daemon(), proxy(reachable, standin.ca_file, "dsql") as proxied:
        with proxied.client() as visitor:
            assert visitor("connect('a')") == "admin"
            stepped.suspend(3600)
        told = "a session ended after 60 min: DSQL ends each after 60, so let a pool replace its own after 55"
        eventually(lambda: told in proxied.log(), "the log says it")


def test_a_socket_of_systemds_that_others_on_the_network_reach_is_refused(reachable: Desk) -> None:
    handed_over = (
        "import os, socket, sys\n"
        "made = socket.create_server(('0.0.0.0', 0))\n"
        "os.dup2(made.fileno(), 3)\n"
        "os.set_inheritable(3, True)\n"
        "os.environ |= {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1'}\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    done = reachable.run(str(BIN / "python"), "-c", handed_over, str(BIN / "dsqltok"), "proxy", "dsql")
    assert done.returncode == 4
    assert "systemd listens at 0.0.0.0, where others on the network connect" in done.stderr


def test_a_port_in_use_is_explained(reachable: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = reachable.dsqltok("proxy", "dsql", "--port", str(port))
    assert done.returncode == 7
    assert f"port {port} is in use by another program" in done.stderr
    assert "--port N" in done.stderr


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1"])
def test_a_port_that_is_none_is_a_usage_error(reachable: Desk, port: str) -> None:
    done = reachable.dsqltok("proxy", "dsql", f"--port={port}")
    assert done.returncode == 2
    assert "is no port" in done.stderr


@pytest.mark.parametrize("port", ["65535", "00000065000", "9" * 5000])
def test_a_port_that_is_none_for_each_env_is_told(reachable: Desk, port: str) -> None:
    done = reachable.dsqltok("proxy", "dsql", "two", "--port", port)
    assert done.returncode == 2
    assert "takes a number from 1 to 65534" in done.stderr


def test_a_directory_that_others_may_enter_is_refused(reachable: Desk) -> None:
    directory = reachable.home / "pg"
    directory.mkdir(mode=0o755)
    directory.chmod(0o755)
    people.ordinary().own(directory)
    done = reachable.dsqltok("proxy", "dsql", "--unix", str(directory))
    assert done.returncode == 4
    assert "not a directory of yours alone" in done.stderr


def test_an_env_that_is_not_there_is_explained_to_the_client(reachable: Desk) -> None:
    with proxy(reachable, None, "prod") as proxied, proxied.client() as visitor:
        answer = str(visitor("connect('a')"))
    assert 'env "prod" is not defined' in answer
    assert "there is dsql" in answer


def test_status_and_metrics_tell_what_passes_and_no_secret(proxied: Proxy, visitor: Client) -> None:
    assert visitor("connect('a')") == "admin"
    assert visitor("one('a', \"select 'canary'\")") == "canary"
    spoken(proxied.port, b"GET / HTTP/1.1\r\n\r\n")
    eventually(
        lambda: any(
            gate["traffic"]["bytes_from_server"] > 0 and gate["traffic"]["refused"]
            for gate in proxied.desk.status()["proxies"]
        ),
        "the proxy has told of its session",
    )
    shown = proxied.desk.ok("status")
    assert f"127.0.0.1:{proxied.port}" in shown
    metrics = proxied.desk.ok("metrics")
    assert f'dsqltok_proxy_open{{env="dsql",listen="127.0.0.1:{proxied.port}"}} 1' in metrics
    assert 'reason="no startup packet"' in metrics
    for step in ("token", "tcp", "tls", "auth"):
        assert re.search(rf'^dsqltok_proxy_step_seconds_total{{.*step="{step}".*}} 0\.\d', metrics, re.MULTILINE)
    for way in ("client", "server"):
        assert re.search(rf'^dsqltok_proxy_bytes_total{{.*from="{way}".*}} [1-9]', metrics, re.MULTILINE)
    assert visitor("c['a'].close() or 'closed'") == "closed"
    eventually(lambda: "dsql: a session ended after " in proxied.log(), "the log tells of it")
    log = proxied.log()
    assert re.search(r"[1-9]\d* bytes from the client, [1-9]\d* from the server, \d+ ms to connect \(token \d", log)
    assert "the client speaks HTTP" in log
    assert not secrets_in(shown + metrics + log)
    assert "canary" not in shown + metrics + log
