"""The recipes for node-postgres and postgres.js."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import recipes

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Conversation, Desk
    from standin.endpoint import DsqlStandin

# Each holds its connections, so that the next line's is another one.
DRIVER = """
import { createInterface } from "node:readline";
import { IMPORTED } from "./recipe.mjs";
for await (const line of createInterface({ input: process.stdin })) {
    try {
        CONNECT
        console.log(rows[0].current_user);
    } catch (error) {
        console.error(error.message);
        console.log("refused:", error.message.replaceAll("\\n", " "));
    }
}
process.exit();
"""
CONNECT = {
    "node-pg": ("pool", 'const { rows } = await (await pool.connect()).query("select current_user");'),
    "postgres-js": ("sql", "const rows = await (await sql.reserve())`select current_user`;"),
}


@pytest.fixture(params=CONNECT)
def program(request: pytest.FixtureRequest, reachable: Desk) -> tuple[str, str]:
    """Write the recipe and what drives it, and return the words that start it."""
    node = recipes.program("node", "apt install nodejs npm")
    (reachable.work / "node_modules").symlink_to(recipes.fetched("node", "npm") / "node_modules")
    reachable.write(reachable.work / "recipe.mjs", recipes.code(request.param, "js"))
    imported, connect = CONNECT[request.param]
    driver = DRIVER.replace("IMPORTED", imported).replace("CONNECT", connect)
    return node, str(reachable.write(reachable.work / "driver.mjs", driver))


@pytest.fixture
def trust(standin: DsqlStandin) -> dict[str, str]:
    """Return the environment in which Node knows the stand-in's authority, as it knows Amazon's by itself."""
    return {"NODE_EXTRA_CA_CERTS": str(standin.ca_file)}


def test_the_recipe_connects_by_the_name_of_the_env_and_again_after_the_token_died(
    reachable: Desk,
    program: tuple[str, str],
    trust: dict[str, str],
    outlives_its_token: Callable[[Conversation], None],
) -> None:
    with reachable.conversation(*program, env=trust) as client:
        outlives_its_token(client)


def test_the_recipe_says_why_there_is_no_token_and_goes_on(
    reachable: Desk,
    program: tuple[str, str],
    trust: dict[str, str],
    outlives_its_keys: Callable[[Conversation], None],
) -> None:
    with reachable.conversation(*program, env=trust) as client:
        outlives_its_keys(client)


def test_the_recipe_verifies_the_endpoint(
    reachable: Desk, program: tuple[str, str], keeps_its_token: Callable[[Conversation], None]
) -> None:
    with reachable.conversation(*program) as client:
        keeps_its_token(client)
