"""pgAdmin itself, as a program of the desktop without its window: the recipe's file is imported, and works."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import recipes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from desk import Conversation, Desk
    from standin.endpoint import DsqlStandin
    from standin.steps import Steps

# Each line names a request to pgAdmin; its answer is the line that comes back. `query` opens a query tool, which has a
# connection of its own, in the server's session.
DRIVER = """
import builtins, json, pathlib, sys

builtins.SERVER_MODE = False  # a program of the desktop: no login, and it runs commands
import pgadmin4

root = pathlib.Path(pgadmin4.__path__[0])
sys.path.insert(0, str(root))
sys.argv = ["pgAdmin4.py"]
import config

config.MASTER_PASSWORD_REQUIRED = config.USE_OS_SECRET_STORAGE = False  # there is no one to ask, and nothing to keep
config.CONSOLE_LOG_LEVEL = 50
out, sys.stdout = sys.stdout, sys.stderr
from pgAdmin4 import app

app.config["WTF_CSRF_ENABLED"] = False
app.PGADMIN_INT_KEY = ""
client = app.test_client()
client.get("/browser/", follow_redirects=True)


def told(response):
    return response.status_code, response.get_json()


def query(number):
    (database,) = client.get("/browser/database/nodes/1/1/").get_json()["data"]
    code, body = told(
        client.post(f"/sqleditor/initialize/sqleditor/{number}/1/1/{database['_id']}", json={"dbname": "postgres"})
    )
    if code == 200:
        code, body = told(client.post(f"/sqleditor/query_tool/start/{number}", json={"sql": "select current_user"}))
    while code == 200 and body["data"].get("status") not in ("Success", False):
        code, body = told(client.get(f"/sqleditor/poll/{number}"))
        if code == 200 and body["data"]["status"] == "Success":
            return body["data"]["result"][0][0]
    return f"{code}: {body}"


for number, line in enumerate(sys.stdin, 1):
    request = line.split()
    if request[0] == "import":
        save = {"type": "import", "filename": request[1], "selected_sever_ids": ["1"]}
        answer = told(client.post("/import_export_servers/save", json=save))[1]["success"]
    elif request[0] == "connect":
        answer = told(client.post("/browser/server/connect/1/1"))[1]["data"]["connected"]
    elif request[0] == "query":
        answer = query(number)
    print(answer, file=out, flush=True)
"""
LONGER_THAN_A_TOKEN = 1000.0  # seconds


def test_pgadmin_imports_the_file_and_connects_again_after_the_token_died(
    reachable: Desk, stepped: Steps, standin: DsqlStandin
) -> None:
    before = len(standin.logins)
    with reachable.daemon(), pgadmin(reachable) as client:
        assert client.ask("connect") == "True"
        assert client.ask("query") == "admin"
        stepped.suspend(LONGER_THAN_A_TOKEN)
        assert client.ask("query") == "admin"
    first, *_, last = standin.logins[before:]
    assert last.signed_at >= first.signed_at + LONGER_THAN_A_TOKEN


@contextlib.contextmanager
def pgadmin(desk: Desk) -> Iterator[Conversation]:
    """Run pgAdmin with the file imported that `dsqltok ide` writes for it."""
    python = recipes.fetched("pgadmin", "python3 with venv") / "bin" / "python"
    desk.ok("ide", "pgadmin", "dsql", "--write", "servers.json")
    with desk.conversation(str(python), "-W", "ignore", "-c", DRIVER, env={"PATH": "/usr/bin:/bin"}) as client:
        assert client.ask(f"import {desk.work}/servers.json") == "1"
        yield client
