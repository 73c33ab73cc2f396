"""Who is let in by the proxy's unit, whose sandbox has a user namespace: in there all other users look the same.

They look like `nobody`, to be exact, so that one who is `nobody` looks like all of them.
"""

from __future__ import annotations

import contextlib
import re
import struct
import sys
from typing import TYPE_CHECKING

import loginsession
import recipes
from desk import BIN, eventually
from loginsession import enabled_proxy
from standin import people
from standin.leash import bed_directory
from standin.people import Person

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loginsession import ProxyUnit
    from standin.endpoint import DsqlStandin

BEGINS_AND_ENDS = struct.pack("!ii", 20, 3 << 16) + b"user\0admin\0\0" + b"X\0\0\0\4"
LET_IN = b"R\0\0\0\x08\0\0\0\0"
PASSWORD_WANTED = b"R\0\0\0\x08\0\0\0\3"
READY = b"Z\0\0\0\5I"
DENIED = b"\0C28000\0"
# Says something at HOST:PORT or at the path of a Unix socket, and prints all that is answered.
SAYS = """
import socket, sys
host, _, port = sys.argv[1].rpartition(":")
there = socket.socket(socket.AF_INET if host else socket.AF_UNIX)
there.settimeout(30)
there.connect((host, int(port)) if host else sys.argv[1])
there.sendall(bytes.fromhex(sys.argv[2]))
said = b""
while more := there.recv(65536):
    said += more
print(said.hex())
"""


@contextlib.contextmanager
def entered(person: Person, standin: DsqlStandin) -> Iterator[tuple[ProxyUnit, str, str]]:
    """Give the proxy of a user, and two places that everybody can reach where it is: a port and a Unix socket."""
    with bed_directory("proxy-") as directory, loginsession.begun(person) as session:
        person.own(directory)
        directory.chmod(0o755)
        path = f"{directory}/.s.PGSQL.5432"
        unit = enabled_proxy(session, standin, f"ListenStream={path}\nSocketMode=0666\n", words="%i %i")
        yield unit, f"127.0.0.1:{unit.port}", path


def answer(unit: ProxyUnit, place: str, person: Person | None = None) -> bytes:
    """Return what somebody is answered who begins a session, the proxy's own user if nobody is named."""
    done = unit.session.manager.run(str(BIN / "python"), "-c", SAYS, place, BEGINS_AND_ENDS.hex(), person=person)
    assert done.returncode == 0, done.stderr
    return bytes.fromhex(done.stdout)


def others(person: Person) -> list[Person]:
    return [each for each in (Person(0, 0), people.nobody(), people.stranger(), Person(2, 2)) if each != person]


def test_every_other_user_is_told_no_by_the_unit_and_no_session_begins(standin: DsqlStandin, login: object) -> None:
    del login  # which has the stand-in know the keys
    me = people.stranger()
    with entered(me, standin) as (unit, *places):
        for place in places:
            mine = answer(unit, place)
            assert mine.startswith(LET_IN), unit.said()
            assert READY in mine
            sessions = len(standin.logins)
            for person in others(me):
                said = answer(unit, place, person)
                assert said.startswith(b"E"), person
                assert DENIED in said
                assert b"this proxy serves another user" in said
            assert len(standin.logins) == sessions


def test_where_the_user_looks_like_all_others_the_unit_wants_a_password(standin: DsqlStandin, login: object) -> None:
    del login
    psql = recipes.program("psql", "apt install postgresql-client")
    me = people.nobody()
    with entered(me, standin) as (unit, *places):
        sessions = len(standin.logins)
        for place in places:
            for person in (me, *others(me)):
                said = answer(unit, place, person)
                assert said.startswith(PASSWORD_WANTED), person
                assert DENIED in said
        assert len(standin.logins) == sessions
        eventually(lambda: len(passfiles(unit)) == len(places), "the journal says where the passwords are")
        for place, passfile in zip(places, passfiles(unit), strict=True):
            host, _, port = place.replace("/.s.PGSQL.", ":").rpartition(":")
            words = (psql, "-XAtw", "-h", host, "-p", port, "-c", "select current_user")
            done = unit.session.manager.run(*words, env={"PGPASSFILE": passfile})
            assert (done.stdout, done.stderr) == ("admin\n", "")
            assert unit.session.manager.run("cat", passfile, person=people.stranger()).returncode != 0
        kept = [unit.session.manager.run("cat", name).stdout for name in passfiles(unit)]
        first = unit.shown("MainPID")
        unit.reload()
        eventually(lambda: unit.shown("MainPID") not in ("0", first), "another is the service's process")
        assert [unit.session.manager.run("cat", name).stdout for name in passfiles(unit)[: len(places)]] == kept
        unit.session.manager.systemctl("stop", unit.name)
        assert [name for name in passfiles(unit) if unit.session.manager.run("cat", name).returncode == 0] == []


def test_where_users_may_make_no_namespaces_the_unit_starts_and_knows_even_nobody(
    standin: DsqlStandin, login: object
) -> None:
    del login
    me = people.nobody()
    with entered(me, standin) as (unit, *places):
        relaxed = unit.session.manager.run(sys.executable, "-c", "from dsqltok import service; service.relax()")
        assert relaxed.returncode == 0, relaxed.stderr
        for place in places:
            assert READY in answer(unit, place), unit.said()
            assert all(DENIED in answer(unit, place, person) for person in others(me))
        process = unit.shown("MainPID")
        seen = [
            unit.session.manager.run("readlink", f"/proc/{pid}/ns/user", person=Person(0, 0)).stdout
            for pid in (process, "self")
        ]
        assert seen[0] == seen[1] != ""
        assert "NoNewPrivs:\t1" in unit.session.manager.run("cat", f"/proc/{process}/status").stdout


def passfiles(unit: ProxyUnit) -> list[str]:
    return re.findall("set PGPASSFILE=(.*)", "\n".join(unit.said()))
