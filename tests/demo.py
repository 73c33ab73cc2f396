"""`make demo`: the main job, shown on the first example project with a stand-in in place of AWS and Aurora DSQL.

The stand-in is a real PostgreSQL behind a TLS front that checks each token's signature; the credentials are AWS's own
examples. Everything happens in a temporary directory and is gone afterwards.
"""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg

from desk import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Desk
from standin.endpoint import DsqlStandin
from standin.leash import bed_directory
from standin.ledger import Ledger
from standin.sigv4 import Credentials

PROJECT = Path(__file__).parents[1] / "examples" / "admin" / "atlas.hcl"
HOST = "cluster-id.dsql.us-east-1.on.aws"
TOKEN_TTL = 9  # seconds, so that a refresh comes while one watches


def main() -> None:
    """Show it, or fail with what went wrong."""
    ledger = Ledger()
    ledger.add(Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY))
    with bed_directory("demo-") as root, Desk(root) as desk, DsqlStandin(ledger) as endpoint:
        desk.aws(
            credentials=f"[default]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n"
        )
        desk.configure(f"token_ttl = {TOKEN_TTL}\n")
        desk.project(PROJECT.read_text())
        show(desk, endpoint)
    say("Stopped, and cleaned up.")


def show(desk: Desk, endpoint: DsqlStandin) -> None:
    """Go through the main job."""
    say("A project as Atlas has it, atlas.hcl:", PROJECT.read_text())
    first = desk.ok("get", "dsql", "-n")
    say("$ dsqltok get dsql        (the first call starts the daemon)", first)
    say("$ dsqltok url dsql", desk.ok("url", "dsql", "-n"))
    say("A login with the token, over verified TLS: select current_user", login(endpoint, first))
    say(f"Tokens live {TOKEN_TTL} s in this demo. Waiting for the daemon to replace this one ...")
    second = next_token(desk)
    if second == first:
        sys.exit("the token was not replaced")
    say("$ dsqltok get dsql        (the daemon has replaced it)", second)
    say("A login with the new token: select current_user", login(endpoint, second))
    say("$ dsqltok status", desk.ok("status"))


def next_token(desk: Desk) -> str:
    """Wait for the daemon to tell of a new token, and return the one that `get` then prints."""
    with desk.connection() as connection:
        connection.ask("token.watch", config=str(desk.work / "atlas.hcl"), env="dsql")
        connection.receive()
    return desk.ok("get", "dsql", "-n")


def login(endpoint: DsqlStandin, token: str) -> str:
    """Log in and return who the server says we are."""
    with psycopg.connect(password=token, **endpoint.parameters(HOST, "admin")) as connection:  # type: ignore[arg-type]
        row = connection.execute("select current_user").fetchone()
    return str(row and row[0])


def say(title: str, text: str = "") -> None:
    """Print a step of the demo."""
    sys.stdout.write(f"\n{title}\n" + "".join(f"    {line}\n" for line in text.strip().splitlines()))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
