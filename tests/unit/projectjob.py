"""The `project` job in this process: a project on disk, and requests of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dsqltokd.worker.project import run

if TYPE_CHECKING:
    from pathlib import Path

HOST = "cluster-id.dsql.us-east-1.on.aws"
TOKEN = f"{HOST}/?Action=DbConnectAdmin&X-Amz-Credential=AKIA%2F20260101&X-Amz-Signature=c0ffee"
ESCAPED = f"{HOST}%2F%3FAction%3DDbConnectAdmin%26X-Amz-Credential%3DAKIA%252F20260101%26X-Amz-Signature%3Dc0ffee"
SEED = """
locals {
  endpoint = "cluster-id.dsql.us-east-1.on.aws"
}

data "aws_dsql_token" "db" {
  endpoint = local.endpoint
  region   = "us-east-1"
  admin    = true
}

env "dsql" {
  url = "dsql://admin:${urlescape(data.aws_dsql_token.db)}@${local.endpoint}:5432/postgres?sslmode=require"
  dev = "docker://dsql/16/dev"
}
"""
TARGET = {"host": HOST, "region": "us-east-1", "action": "DbConnectAdmin", "profile": None, "role_arn": None}


@dataclass
class Job:
    """A project in a directory of its own, and the requests made of it."""

    path: Path
    request: dict[str, Any] = field(default_factory=dict)

    def write(self, text: str) -> None:
        self.path.write_text(text)

    def __call__(self, **request: Any) -> dict[str, Any]:
        nothing: dict[str, Any] = {
            "env": None,
            "data": None,
            "vars": [],
            "environment": {},
            "tokens": {},
            "texts": None,
            "outputs": [],
            "allowed": [],
            "allow_hosts": [],
        }
        asked = nothing | {"question": "urls" if "tokens" in request else "targets"} | request
        answer: dict[str, Any] = json.loads(json.dumps(run(json.loads(json.dumps({"path": str(self.path), **asked})))))
        return answer

    def error(self, kind: str, **request: Any) -> dict[str, Any]:
        """Return the error of this kind that the request ends in, all its text in `text`."""
        error: dict[str, Any] = self(**request)["error"]
        assert error["kind"] == kind, error
        return error | {"text": f"{error['message']}\n{error['detail']}\n{error['hint']}"}
