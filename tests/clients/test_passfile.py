"""The drivers of the programs that read a passfile, with what `dsqltok ide` prints for these: pgJDBC, node-postgres."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

import recipes
from desks import HOST
from standin.leash import bed_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from desk import Conversation, Desk
    from standin.endpoint import DsqlStandin
    from standin.steps import Steps

HINT = "apt install default-jdk-headless"
LONGER_THAN_A_TOKEN = 1000.0  # seconds
# In both programs, each line is one more connection, which says as whom. There is no password.
JAVA = """
import java.util.ArrayList;
import java.util.Properties;
import java.util.Scanner;

public final class Passfile {
    public static void main(String[] words) throws Exception {
        var properties = new Properties();
        for (int i = 1; i < words.length; i += 2) properties.setProperty(words[i], words[i + 1]);
        var held = new ArrayList<java.sql.Connection>();
        for (var lines = new Scanner(System.in); lines.hasNextLine(); lines.nextLine()) {
            var connection = java.sql.DriverManager.getConnection(words[0], properties);
            held.add(connection);
            var rows = connection.createStatement().executeQuery("select current_user");
            rows.next();
            System.out.println(rows.getString(1));
        }
    }
}
"""
# It makes of the settings what the driver of SQLTools does, by its source: an empty password stays one.
NODE = """
import { createInterface } from "node:readline";
import pg from "pg";
const set = JSON.parse(process.argv[2])["sqltools.connections"][0];
const { server: host, username: user, port, password, database } = set;
const pool = new pg.Pool({ database, host, password, port, user, ...set.pgOptions });
for await (const line of createInterface({ input: process.stdin })) {
    const held = await pool.connect();
    console.log((await held.query("select current_user")).rows[0].current_user);
}
"""


@pytest.fixture(scope="module")
def java() -> Iterator[tuple[str, ...]]:
    """Compile the driver, and return the words that start it."""
    program, compiler = (recipes.program(name, HINT) for name in ("java", "javac"))
    driver = str(recipes.fetched("java", "mvn") / "lib" / "*")
    with bed_directory("java-") as classes:
        (classes / "Passfile.java").write_text(JAVA)
        subprocess.run([compiler, "-Xlint:all", "-Werror", "Passfile.java"], cwd=classes, check=True)
        yield program, "-cp", f"{classes}:{driver}"


@pytest.mark.parametrize("ide", ["datagrip", "dbeaver"])
def test_pgjdbc_logs_in_by_the_passfile_and_again_after_the_token_died(
    ide: str, reachable: Desk, stepped: Steps, standin: DsqlStandin, java: tuple[str, ...]
) -> None:
    home = f"-Duser.home={reachable.home}"  # Java does not ask HOME
    with reachable.daemon():
        words = told(ide, reachable.ok("ide", ide, "dsql"))
        with reachable.conversation(java[0], home, *java[1:], "Passfile", *words) as client:
            outlives_its_token(client, reachable, stepped, standin)


def test_node_postgres_logs_in_by_the_passfile_with_the_settings_for_vs_code(
    reachable: Desk, stepped: Steps, standin: DsqlStandin
) -> None:
    node = recipes.program("node", "apt install nodejs npm")
    (reachable.work / "node_modules").symlink_to(recipes.fetched("node", "npm") / "node_modules")
    program = str(reachable.write(reachable.work / "driver.mjs", NODE))
    with reachable.daemon():
        shown = reachable.ok("ide", "vscode", "dsql")
        settings = json.dumps(json.loads(shown[shown.index("{") : shown.rindex("}") + 1]))
        trust = {"NODE_EXTRA_CA_CERTS": str(standin.ca_file)}
        with reachable.conversation(node, program, settings, env=trust) as client:
            outlives_its_token(client, reachable, stepped, standin)


def outlives_its_token(client: Conversation, desk: Desk, stepped: Steps, standin: DsqlStandin) -> None:
    """Hold that a client opens a second connection with the passfile's new token, after the first one's has died."""
    before = len(standin.logins)
    keep_passfile(desk, standin)
    assert client.ask() == "admin"
    stepped.suspend(LONGER_THAN_A_TOKEN)
    keep_passfile(desk, standin)
    assert client.ask() == "admin"
    first, second = standin.logins[before:]
    assert second.signed_at >= first.signed_at + LONGER_THAN_A_TOKEN


def told(ide: str, shown: str) -> list[str]:
    """Return the url and the properties that are shown, as the driver takes them."""
    fields = dict(re.findall(r"^     (\S[^\n]*?)  +(\S+)$", shown, re.MULTILINE))
    if ide == "datagrip":
        return [fields["URL"], "user", fields["User"]]
    url = f"jdbc:postgresql://{fields['Host']}:{fields['Port']}/{fields['Database']}"
    return [url, "user", fields["Username"], "sslmode", fields["sslmode"]]


def keep_passfile(desk: Desk, standin: DsqlStandin) -> None:
    """Write the passfile, as the daemon does."""
    desk.write(desk.home / ".pgpass", f"{HOST}:{standin.port}:*:admin:{desk.ok('get', 'dsql')}")
