"""The recipe for passfiles, as pgJDBC reads them; what needs no Java is in test_pgpass_lines.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import recipes
from desk import eventually

if TYPE_CHECKING:
    from desk import Desk
    from standin.endpoint import DsqlStandin
    from standin.steps import Steps


def test_pgjdbc_takes_the_token_from_the_passfile_and_another_after_it_died(
    reachable: Desk, standin: DsqlStandin, stepped: Steps
) -> None:
    java = recipes.program("java", "apt install default-jdk-headless")
    driver = recipes.fetched("java", "mvn") / "lib" / "*"
    program = recipes.code("pgpass", "java").replace("5432", str(standin.port))
    source = reachable.write(reachable.work / "Passfile.java", program)
    command = (java, f"-Duser.home={reachable.home}", "-cp", str(driver), str(source))
    with reachable.daemon():
        reachable.ok("pgpass", "enable", "dsql")
        done = reachable.run(*command)
        assert done.stdout == "admin\n", done.stderr
        passfile = reachable.home / ".pgpass"
        first = passfile.read_bytes()
        stepped.suspend(1000)
        eventually(lambda: passfile.exists() and passfile.read_bytes() != first, "there is another token")
        assert reachable.run(*command).stdout == "admin\n"
        reachable.ok("pgpass", "disable")
        assert reachable.run(*command).stdout == ""
