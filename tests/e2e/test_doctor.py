"""`dsqltok doctor`: green on the whole way of a token, and where one step is broken, red at that step.

One desk with one daemon serves most of the tests: each has a project file, and an AWS identity, of its own.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from desk import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Desk
from standin import people
from standin.caller import WrongClockSts
from standin.leash import bed_directory
from standin.sigv4 import Credentials
from standin.sts import RefusingSts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from standin.endpoint import DsqlStandin
    from standin.ledger import Clock, Ledger
    from standin.sts import Sts

HOST = "cluster-id.dsql.us-east-1.on.aws"
ROLE = "arn:aws:iam::123456789012:role/AtlasDSQLConnect"
UNKNOWN_KEY = "AKIANOBODYKNOWSTHIS0"
CANARY = "c4n4ry-0f-the-d0ct0r"
STEPS = [
    *("daemon", "socket", "keyring", "project", "env", "target", "profile", "identity", "clock", "token"),
    *("dns", "tcp", "tls", "login"),
]
PROJECT = """
data "aws_dsql_token" "db" {{
  endpoint = "{host}"
  region   = "us-east-1"
  admin    = {admin}
  {more}
}}
env "dsql" {{
  url = "dsql://{user}:${{urlescape(data.aws_dsql_token.db)}}@{host}:{port}/{database}?sslmode={sslmode}{query}"
}}
"""
CONFIG = """
[profile stranger]
region = us-east-1
[profile helped]
credential_process = sh -c 'echo {CANARY} >&2; exit 1' {CANARY}
[profile chained]
role_arn = {ROLE}
source_profile = default
region = us-east-1
"""


@dataclass
class Report:
    """What the doctor said, by step."""

    code: int
    ok: bool
    steps: dict[str, dict[str, Any]]

    def which(self, ok: bool | None) -> list[str]:  # the three states of a step
        return [name for name, step in self.steps.items() if step["ok"] is ok]

    def only_failure(self) -> str:
        """Return the text and hint of the one step that failed, after its name."""
        (name,) = self.which(ok=False)
        assert self.code != 0
        assert not self.ok
        assert self.steps[name]["hint"]
        return f"{name}: {self.steps[name]['text']}\n{self.steps[name]['hint']}"


class Clinic:
    """A desk whose projects lead to the stand-in, by a tunnel as a user would have one."""

    def __init__(self, desk: Desk, standin: DsqlStandin) -> None:
        self.desk = desk
        self._standin = standin
        self._files = 0

    def project(self, **changes: object) -> str:
        """Write a healthy project, but for the changes, into a file of its own; return its path."""
        self._files += 1
        usual = {
            "host": HOST,
            "admin": "true",
            "more": "",
            "user": "admin",
            "port": self._standin.port,
            "database": "postgres",
            "sslmode": "verify-full",
            "query": f"&hostaddr=127.0.0.1&sslrootcert={self._standin.ca_file}",
        }
        return str(self.desk.project(PROJECT.format(**(usual | changes)), f"project{self._files}.hcl"))

    def examine(self, project: str, *arguments: str, env: Mapping[str, str | None] | None = None) -> Report:
        """Have the doctor look, and see that it keeps every secret to itself."""
        done = self.desk.dsqltok("doctor", "--json", "--config", project, *arguments, env=env)
        assert not [secret for secret in (SECRET_ACCESS_KEY, CANARY, "X-Amz-") if secret in done.stdout + done.stderr]
        assert done.stderr == ""
        answer = json.loads(done.stdout)
        assert [step["step"] for step in answer["steps"]] == STEPS
        assert all(sorted(step) == ["hint", "ok", "step", "text"] for step in answer["steps"])
        assert (done.returncode == 0) is answer["ok"]
        return Report(done.returncode, answer["ok"], {step["step"]: step for step in answer["steps"]})


@pytest.fixture(scope="module")
def clinic(standin: DsqlStandin, ledger: Ledger, sts: Sts) -> Iterator[Clinic]:
    ledger.add(Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY))
    with bed_directory("desk-") as root, Desk(root) as desk:
        keys = f"aws_access_key_id = {{}}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n"
        desk.aws(
            config=CONFIG.format(ROLE=ROLE, CANARY=CANARY),
            credentials=f"[default]\n{keys.format(ACCESS_KEY_ID)}[stranger]\n{keys.format(UNKNOWN_KEY)}",
        )
        desk.configure('keyring = "none"\nallow_hosts = ["127.0.0.1"]\n')
        desk.environment["AWS_ENDPOINT_URL_STS"] = sts.url
        yield Clinic(desk, standin)


def test_a_healthy_way_is_green_from_the_daemon_to_a_login(clinic: Clinic, standin: DsqlStandin) -> None:
    report = clinic.examine(clinic.project())
    assert report.which(ok=True) == STEPS
    assert (report.code, report.ok) == (0, True)
    assert report.steps["identity"]["text"].endswith("in account 123456789012")
    assert report.steps["login"]["text"] == "admin is let in, and select 1 gives 1"
    assert standin.logins[-1].user == "admin"


def test_a_person_reads_a_line_a_step(clinic: Clinic) -> None:
    lines = clinic.desk.ok("doctor", "dsql", "-c", clinic.project()).splitlines()
    assert [line.split()[:2] for line in lines] == [["✓", name] for name in STEPS]


def test_without_the_locale_for_it_the_signs_are_ascii(clinic: Clinic) -> None:
    arguments = ("doctor", "--env", "nope", "--config", clinic.project())
    done = clinic.desk.dsqltok(*arguments, env={"LC_ALL": "C", "AWS_PROFILE": "chained"})
    assert done.returncode == 3
    assert done.stdout.isascii()
    lines = done.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("FAIL env"))
    assert lines[at + 1].strip() == "hint: there is dsql"


def test_the_chain_of_roles_is_drawn(clinic: Clinic) -> None:
    other = ROLE.replace("Connect", "Owner")
    report = clinic.examine(clinic.project(more=f'role_arn = "{other}"'), env={"AWS_PROFILE": "chained"})
    assert report.steps["profile"]["text"].startswith(
        f"default (access key) → role {ROLE} (profile chained) → role {other} (data source); "
        "the profile is named by AWS_PROFILE; region us-east-1 by the endpoint's name"
    )
    assert "AtlasDSQLOwner" in report.steps["identity"]["text"]
    assert report.ok


def test_keys_of_the_environment_sign_for_their_shell_alone(clinic: Clinic, standin: DsqlStandin) -> None:
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
    report = clinic.examine(clinic.project(), env={**keys, "AWS_PROFILE": "stranger"})
    assert report.ok
    assert report.steps["profile"]["text"].startswith("keys from the environment; region")
    assert standin.logins[-1].access_key_id == ACCESS_KEY_ID


def test_a_data_source_without_an_env_is_looked_at_too(clinic: Clinic) -> None:
    project = clinic.desk.project(
        'data "aws_dsql_token" "db" {\n  endpoint = "nowhere.dsql.us-east-1.invalid"\n}\n', "d"
    )
    report = clinic.examine(str(project), "--data", "db", env={"AWS_REGION": "eu-west-1", "RES_OPTIONS": "attempts:1"})
    assert report.only_failure().startswith("dns: ")
    assert "region eu-west-1 by AWS_REGION" in report.steps["profile"]["text"]
    assert report.which(ok=None) == ["tcp", "tls", "login"]


# --- one step is broken ---------------------------------------------------------------------------------


def test_a_daemon_that_cannot_start_is_the_first_failure(desk: Desk) -> None:
    desk.socket.parent.mkdir(mode=0o755)
    people.ordinary().own(desk.socket.parent)
    done = desk.dsqltok("doctor", "--json")
    answer = json.loads(done.stdout)
    first, *others = answer["steps"]
    assert (done.returncode, first["step"], first["ok"]) == (4, "daemon", False)
    assert "is not a directory of yours alone" in first["text"]
    assert str(desk.log) in first["hint"]
    assert [step["ok"] for step in others] == [None] * len(others)


def test_a_socket_within_others_reach_is_a_failure_of_its_own(clinic: Clinic) -> None:
    project = clinic.project()
    clinic.desk.ok("get", "-c", project)
    directory = clinic.desk.socket.parent
    directory.chmod(0o755)
    try:
        report = clinic.examine(project)
    finally:
        directory.chmod(0o700)
    assert report.only_failure().startswith(f"socket: {directory} has mode 0755")
    assert f"chmod 700 {directory}" in report.only_failure()
    assert report.steps["login"]["ok"]


def test_a_keyring_that_is_not_there_is_a_warning(desk: Desk) -> None:
    done = desk.dsqltok("doctor", "--json")
    keyring = next(step for step in json.loads(done.stdout)["steps"] if step["step"] == "keyring")
    assert keyring["ok"]
    assert keyring["text"].startswith("memory only: ")
    assert keyring["hint"]


def test_without_a_project_there_is_nothing_further_to_look_at(clinic: Clinic) -> None:
    report = clinic.examine(str(clinic.desk.work / "nothing.hcl"))
    assert report.code == 3
    assert report.only_failure().startswith("project: ")
    assert report.which(ok=None) == STEPS[4:]


def test_a_mistake_in_the_project_is_shown_with_its_line(clinic: Clinic) -> None:
    report = clinic.examine(clinic.project(more="region = "))
    assert report.code == 4
    assert "hcl:6:" in report.only_failure()
    assert report.only_failure().startswith("project: ")


def test_an_unknown_env_is_told_with_those_that_there_are(clinic: Clinic) -> None:
    report = clinic.examine(clinic.project(), "--env", "prod")
    assert report.code == 3
    assert report.only_failure().startswith('env: env "prod" is not defined')
    assert report.which(ok=None) == STEPS[5:]


def test_a_url_without_a_token_has_no_target(clinic: Clinic) -> None:
    project = clinic.desk.project('env "dsql" {\n  url = "sqlite://x"\n}\n', "tokenless.hcl")
    report = clinic.examine(str(project), "dsql")
    assert report.only_failure().startswith("target: ")
    assert report.which(ok=None) == STEPS[6:]


def test_a_url_that_sends_the_token_elsewhere_has_no_target(clinic: Clinic) -> None:
    report = clinic.examine(clinic.project(sslmode="disable"))
    assert "target: " in report.only_failure()
    assert "sslmode" in report.only_failure()


def test_a_missing_profile_is_told_and_the_network_is_looked_at_all_the_same(clinic: Clinic) -> None:
    report = clinic.examine(clinic.project(), env={"AWS_PROFILE": "prdo"})
    assert report.code == 4
    assert 'profile: there is no profile "prdo"' in report.only_failure()
    assert "aws configure list-profiles" in report.only_failure()
    assert report.which(ok=None) == ["identity", "clock", "token", "login"]
    assert report.steps["tls"]["ok"]


def test_an_aws_file_that_cannot_be_read_is_told_as_a_get_tells_it(clinic: Clinic) -> None:
    report = clinic.examine(clinic.project(), env={"AWS_CONFIG_FILE": "/usr"})
    assert report.code == 4
    assert "the AWS file /usr cannot be read: it is no regular file" in report.only_failure()


def test_a_helper_s_command_and_words_are_not_repeated(clinic: Clinic) -> None:
    report = clinic.examine(clinic.project(), env={"AWS_PROFILE": "helped"})
    assert report.only_failure().startswith("profile: helped (credential_process): ")


def test_a_refused_role_is_told_at_the_profile(clinic: Clinic) -> None:
    with RefusingSts() as sts:
        environment = {"AWS_ENDPOINT_URL_STS": sts.url}
        report = clinic.examine(clinic.project(more=f'role_arn = "{ROLE}"'), env=environment)
    assert report.code == 6
    assert f"default (access key) → role {ROLE} (data source): role {ROLE}: aws says" in report.only_failure()
    assert report.which(ok=None) == ["identity", "token", "login"]
    assert report.steps["clock"]["ok"]  # a refusal has a Date as well


def test_an_identity_that_sts_refuses_to_tell_keeps_nobody_from_signing(clinic: Clinic) -> None:
    with RefusingSts() as sts:
        report = clinic.examine(clinic.project(), env={"AWS_ENDPOINT_URL_STS": sts.url})
    assert report.only_failure().startswith("identity: ")
    assert "a policy denies sts:GetCallerIdentity, which no token needs" in report.only_failure()
    assert report.steps["login"]["ok"]


def test_a_wrong_clock_is_told(clinic: Clinic) -> None:
    with WrongClockSts(-300) as sts:
        report = clinic.examine(clinic.project(), env={"AWS_ENDPOINT_URL_STS": sts.url})
    assert "s ahead of AWS's" in report.only_failure()
    assert "timedatectl" in report.only_failure()


def test_a_name_that_does_not_resolve_is_told(clinic: Clinic) -> None:
    project = clinic.project(host="nowhere.dsql.invalid", query="")
    report = clinic.examine(project, env={"RES_OPTIONS": "attempts:1"})
    assert report.code in (7, 8)  # as the name servers of the place are
    assert report.only_failure().startswith("dns: ")
    assert report.which(ok=None) == ["tcp", "tls", "login"]


def test_a_closed_port_is_told(clinic: Clinic) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    report = clinic.examine(clinic.project(port=port))
    assert report.code == 7
    assert f"tcp: no connection to port {port}: 127.0.0.1: connection refused" in report.only_failure()
    assert report.which(ok=None) == ["tls", "login"]


def test_an_unknown_root_is_told_with_the_issuer_and_gets_no_token(clinic: Clinic) -> None:
    report = clinic.examine(clinic.project(query="&hostaddr=127.0.0.1"))
    assert "tls: the certificate leads to no root that is trusted here (by trustme" in report.only_failure()
    assert "proxy" in report.only_failure()
    assert report.which(ok=None) == ["login"]


def test_a_certificate_for_another_name_is_told(clinic: Clinic) -> None:
    report = clinic.examine(clinic.project(host="db.example.com"))
    assert "is for *.dsql.us-east-1.on.aws, not for db.example.com" in report.only_failure()


@pytest.mark.parametrize(
    ("changes", "profile", "code", "words"),
    [
        ({"user": "atlas_migrations"}, None, 4, "only the user admin may come with an admin token"),
        ({"admin": "false"}, None, 4, "add admin = true to the data source"),
        ({"admin": "false", "user": "someone_else"}, None, 6, "AWS IAM GRANT"),
        ({"database": "other"}, None, 4, "no such database"),
        ({}, "stranger", 5, "AWS does not know the credentials behind the token"),
    ],
    ids=["a role with admin's token", "admin with a role's token", "unknown role", "unknown database", "unknown key"],
)
def test_a_refused_login_is_explained(
    changes: dict[str, str], profile: str | None, code: int, words: str, clinic: Clinic
) -> None:
    report = clinic.examine(clinic.project(**changes), env={"AWS_PROFILE": profile})
    assert report.code == code
    assert report.only_failure().startswith("login: ")
    assert words in report.only_failure()


def test_a_token_that_is_stale_by_the_server_s_clock_is_told(clinic: Clinic, clock: Clock) -> None:
    with clock.ahead(1000):
        report = clinic.examine(clinic.project())
    assert report.code == 5
    assert report.only_failure().startswith("login: the token was too old by AWS's clock (the server says: ")
