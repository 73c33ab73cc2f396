"""A desk with AWS around it: every service that gives out credentials is a test bed, and the environment says where."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from desk import SECRET_ACCESS_KEY
from standin.mint import Mint
from standin.sigv4 import Credentials

if TYPE_CHECKING:
    from pathlib import Path

    from desk import Desk
    from standin.imds import Imds
    from standin.signin import SignIn
    from standin.sso import Sso
    from standin.sts import Sts

HOST = "cluster-id.dsql.us-east-1.on.aws"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/AtlasDSQLConnect"
OWN = f"arn:aws:iam::{ACCOUNT}:role/OfTheProfile"
START_URL = "https://corp.awsapps.com/start"
LOGIN = f"arn:aws:iam::{ACCOUNT}:user/ana"
KEYS = Credentials("AKIAI44QH8DHBEXAMPLE", SECRET_ACCESS_KEY)  # other ones than those of the desk's default profile
KEY_LINES = f"aws_access_key_id = {KEYS.access_key_id}\naws_secret_access_key = {KEYS.secret_access_key}\n"
KEY_VARIABLES = {"AWS_ACCESS_KEY_ID": KEYS.access_key_id, "AWS_SECRET_ACCESS_KEY": KEYS.secret_access_key}
SSO_SESSION = f"[sso-session corp]\nsso_start_url = {START_URL}\nsso_region = us-east-1\n"
SSO_ROLE = f"sso_account_id = {ACCOUNT}\nsso_role_name = Developer\n"


def key_in(token: str) -> str:
    """Return the access key id that a token is signed with."""
    return token.partition("X-Amz-Credential=")[2].partition("%2F")[0]


def moment(at: float | None) -> str:
    """Return a moment as AWS tells it."""
    return datetime.fromtimestamp(at or 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Cloud:
    """A desk and the test beds around it. `mint` makes temporary credentials that the stand-in accepts."""

    desk: Desk
    sts: Sts
    sso: Sso
    signin: SignIn
    imds: Imds
    mint: Mint = field(default_factory=Mint)

    def __post_init__(self) -> None:
        self.desk.environment |= {
            "AWS_ENDPOINT_URL_STS": self.sts.url,
            "AWS_ENDPOINT_URL_SSO": self.sso.url,
            "AWS_ENDPOINT_URL_SSO_OIDC": self.sso.url,
            "AWS_ENDPOINT_URL_SIGNIN": self.signin.url,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.imds.url,
        }

    def known(self, access_key_id: str) -> Credentials | None:
        """Return the credentials of a key id that no service gave out."""
        return KEYS if access_key_id == KEYS.access_key_id else self.mint.find(access_key_id)

    def signed_in(self, life_s: float = 3600, *, session: str | None = "corp", home: Path | None = None) -> None:
        """Leave what `aws sso login` leaves."""
        self._cached("sso", self.sso.signed_in(START_URL, session, life_s=life_s), home)

    def logged_in(self, life_s: float = 900) -> None:
        """Leave what `aws login` leaves."""
        self._cached("login", self.signin.logged_in(LOGIN, life_s=life_s), None)

    def _cached(self, directory: str, kept: tuple[str, str], home: Path | None) -> None:
        name, text = kept
        self.desk.write((home or self.desk.home) / ".aws" / directory / "cache" / name, text)

    def helper(self, made: Credentials, **more: str) -> Path:
        """Write a program that prints credentials, for credential_process. It notes each run in the file `runs`."""
        given = {
            "Version": 1,
            "AccessKeyId": made.access_key_id,
            "SecretAccessKey": made.secret_access_key,
            "SessionToken": made.session_token,
            **more,
        }
        runs = self.desk.root / "runs"
        text = f"#!{sys.executable}\nopen({str(runs)!r}, 'a').write('x')\nprint({json.dumps(given)!r})\n"
        return self.desk.write(self.desk.root / "helper", text, mode=0o700)

    def project(self, *, name: str = "atlas.hcl", **sources: str) -> None:
        """Write a project with a data source of each name, which holds the text besides what all have."""
        blocks = (
            f'data "aws_dsql_token" "{each}" {{\n  endpoint = "{HOST}"\n  admin = true\n  {text}\n}}\n'
            for each, text in sources.items()
        )
        self.desk.project("".join(blocks), name)

    def token(self, data: str = "db", /, **environment: str | None) -> str:
        """Return the token that a shell with this environment gets."""
        return self.desk.ok("get", "--data", data, "-n", env=environment)
