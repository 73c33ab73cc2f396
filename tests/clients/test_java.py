"""The recipe for pgJDBC."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

import recipes
from standin.leash import bed_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from desk import Conversation, Desk
    from standin.endpoint import DsqlStandin

HINT = "apt install default-jdk-headless"
PASSWORD = "changeit"  # Java's own for its stores of authorities, which hold nothing secret
# It holds its connections, so that the next line's is another one.
DRIVER = """
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.Scanner;

public final class Driver {
    public static void main(String[] words) throws Exception {
        var url = DsqlToken.url("dsql");
        var held = new ArrayList<Connection>();
        for (var lines = new Scanner(System.in); lines.hasNextLine(); lines.nextLine()) {
            try {
                held.add(DriverManager.getConnection(url));
                var rows = held.get(held.size() - 1).createStatement().executeQuery("select current_user");
                rows.next();
                System.out.println(rows.getString(1));
            } catch (Exception error) {
                System.out.println("refused: " + error.getMessage().replace("\\n", " "));
            }
        }
    }
}
"""


@pytest.fixture(scope="module")
def program() -> Iterator[tuple[str, ...]]:
    """Compile the recipe and what drives it, and return the words that start it."""
    java, compiler = (recipes.program(name, HINT) for name in ("java", "javac"))
    driver = str(recipes.fetched("java", "mvn") / "lib" / "*")
    with bed_directory("java-") as classes:
        (classes / "DsqlToken.java").write_text(recipes.code("pgjdbc", "java"))
        (classes / "Driver.java").write_text(DRIVER)
        run(compiler, "-Xlint:all", "-Werror", "-cp", driver, "DsqlToken.java", "Driver.java", cwd=classes)
        yield java, "-cp", f"{classes}:{driver}"


@pytest.fixture
def trust(reachable: Desk, standin: DsqlStandin) -> tuple[str, str]:
    """Return the options by which Java knows the stand-in's authority, as it knows Amazon's by itself."""
    store = reachable.root / "authorities"
    words = ("-importcert", "-noprompt", "-alias", "standin", "-file", str(standin.ca_file), "-keystore", str(store))
    run(recipes.program("keytool", HINT), *words, "-storepass", PASSWORD, cwd=reachable.root)
    return f"-Djavax.net.ssl.trustStore={store}", f"-Djavax.net.ssl.trustStorePassword={PASSWORD}"


def test_the_recipe_connects_by_the_name_of_the_env_and_again_after_the_token_died(
    reachable: Desk,
    program: tuple[str, ...],
    trust: tuple[str, str],
    outlives_its_token: Callable[[Conversation], None],
) -> None:
    with reachable.conversation(*program, *trust, "Driver") as client:
        outlives_its_token(client)


def test_the_recipe_says_why_there_is_no_token_and_goes_on(
    reachable: Desk,
    program: tuple[str, ...],
    trust: tuple[str, str],
    outlives_its_keys: Callable[[Conversation], None],
) -> None:
    with reachable.conversation(*program, *trust, "Driver") as client:
        outlives_its_keys(client)


def test_the_recipe_verifies_the_endpoint(
    reachable: Desk, program: tuple[str, ...], keeps_its_token: Callable[[Conversation], None]
) -> None:
    with reachable.conversation(*program, "Driver") as client:
        keeps_its_token(client)


def run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
