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
DRIVERS = {
    "node-pg": """
        import { createInterface } from "node:readline";
        import { pool } from "./recipe.mjs";
        for await (const line of createInterface({ input: process.stdin })) {
            const held = await pool.connect();
            console.log((await held.query("select current_user")).rows[0].current_user);
        }
    """,
    "postgres-js": """
        import { createInterface } from "node:readline";
        import { sql } from "./recipe.mjs";
        for await (const line of createInterface({ input: process.stdin })) {
            const held = await sql.reserve();
            console.log((await held`select current_user`)[0].current_user);
        }
    """,
}


@pytest.fixture(params=DRIVERS)
def program(request: pytest.FixtureRequest, reachable: Desk) -> tuple[str, str]:
    """Write the recipe and what drives it, and return the words that start it."""
    node = recipes.program("node", "apt install nodejs npm")
    (reachable.work / "node_modules").symlink_to(recipes.fetched("node", "npm") / "node_modules")
    reachable.write(reachable.work / "recipe.mjs", recipes.code(request.param, "js"))
    return node, str(reachable.write(reachable.work / "driver.mjs", DRIVERS[request.param]))


def test_the_recipe_connects_by_the_name_of_the_env_and_again_after_the_token_died(
    reachable: Desk,
    program: tuple[str, str],
    standin: DsqlStandin,
    outlives_its_token: Callable[[Conversation], None],
) -> None:
    trust = {"NODE_EXTRA_CA_CERTS": str(standin.ca_file)}
    with reachable.conversation(*program, env=trust) as client:
        outlives_its_token(client)


def test_the_recipe_verifies_the_endpoint(
    reachable: Desk, program: tuple[str, str], keeps_its_token: Callable[[Conversation], None]
) -> None:
    with reachable.conversation(*program) as client:
        keeps_its_token(client)
