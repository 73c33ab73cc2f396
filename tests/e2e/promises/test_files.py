"""However a file is edited, and whatever keeps events of it from coming, what it says is what is served.

Five files bear on three tokens: atlas.hcl, a file that it reads, both AWS files, and an SSO sign-in. Each edit makes
one of them say a higher number, which is read back from the token's host or from the access key that it was signed with.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from typing import TYPE_CHECKING

import pytest

import edits
from desk import SECRET_ACCESS_KEY, eventually
from standin import dated, mirror, people
from standin.mirror import Mirror

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from desk import Connection, Desk
    from edits import Edit
    from promise import Faults
    from standin.sso import Sso

SEEN = "an edit is seen, and what it replaced is never served again"
KEPT = "a broken file leaves the last good project in use"
APART = "a file system that hangs holds up nobody else's files"

DATA = ("keys", "config", "sso")
AT_ONCE = 2.0  # seconds, as the middle of many: well below a regular look at everything
SOON = 30.0  # seconds, for any single one
ZONE = "dsql.us-east-1.on.aws"
START_URL = "https://corp.awsapps.com/start"
CONFIG = f"""
[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Developer
[sso-session corp]
sso_start_url = {START_URL}
sso_region = us-east-1
"""
KEYS = f"aws_access_key_id = {{}}{{:012d}}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n"


class Scene:
    """The five files in a directory, and what tokens tell of them. `behind` is where they are edited."""

    def __init__(self, desk: Desk, sso: Sso, faults: Faults, behind: Path, front: Path) -> None:
        self.desk, self.sso, self.faults = desk, sso, faults
        name, self._sign_in = sso.signed_in(START_URL, "corp")
        self.files = {
            "project": behind / "work/atlas.hcl",
            "part": behind / "work/part.txt",
            "keys": behind / "home/.aws/credentials",
            "config": behind / "home/.aws/config",
            "sso": behind / "home/.aws/sso/cache" / name,
        }
        self.config = str(front / "work/atlas.hcl")
        self.environment = {"HOME": str(front / "home"), "AWS_ENDPOINT_URL_SSO": sso.url}
        self.written = dict.fromkeys(self.files, 0)
        self.seen = dict.fromkeys(self.files, 0)
        self.latencies: list[float] = []
        self._numbers: dict[str, int] = {}
        for kind in self.files:
            desk.write(self.files[kind], self.text(kind))

    def text(self, kind: str) -> str:
        """Return the next text of a file."""
        number = self.written[kind] = self.written[kind] + 1
        match kind:
            case "project":
                endpoint = f'endpoint = "p{number}-${{trimspace(file("part.txt"))}}.{ZONE}"\n  admin = true'
                sources = {"keys": "", "config": 'profile = "config"', "sso": 'profile = "sso"'}
                blocks = (
                    f'data "aws_dsql_token" "{each}" {{\n  {endpoint}\n  {also}\n}}\n' for each, also in sources.items()
                )
                return "".join(blocks)
            case "part":
                return f"f{number}\n"
            case "keys":
                return "[default]\n" + KEYS.format("AKIAKEYS", number)
            case "config":
                return f"{CONFIG}[profile config]\n" + KEYS.format("AKIACONF", number)
        _, text = self.sso.signed_in(START_URL, "corp")
        self._numbers[json.loads(text)["accessToken"]] = number
        return text

    def edit(self, kind: str, how: Edit) -> None:
        """Have a file say the next number."""
        how(self.desk, self.files[kind], self.text(kind))

    def token(self, connection: Connection, data: str) -> str | None:
        """Return a token, None where there is an error, and hold that it rests on nothing older than one before."""
        answer = connection.ask("token.get", config=self.config, data=data, environment=self.environment)
        if "error" in answer:
            return None
        token: str = answer["result"]["token"]
        for kind, number in self._numbers_in(token, data).items():
            self.faults.hold(number >= self.seen[kind], f"{kind} is {number} after {self.seen[kind]}")
            self.seen[kind] = max(self.seen[kind], number)
        return token

    def notice(self, connection: Connection, kind: str) -> None:
        """Wait until the last edit of a file is served, and hold that it then goes on being."""
        data = kind if kind in ("config", "sso") else "keys"
        begin = time.monotonic()
        while self.seen[kind] < self.written[kind] and time.monotonic() - begin < SOON:
            self.token(connection, data)
        took = time.monotonic() - begin
        self.latencies.append(took)
        self.faults.hold(took < SOON, f"an edit of {kind} was not seen")
        for each in DATA:
            self.faults.hold(self.token(connection, each) is not None, f"no token by {each} after an edit of {kind}")

    def _numbers_in(self, token: str, data: str) -> dict[str, int]:
        project, _, part = token.partition(".")[0].partition("-")
        key = dated.access_key_id(token)
        if data == "sso":
            granted = next(each for each in self.sso.granted if each.credentials.access_key_id == key)
            number = self._numbers[granted.access_token]
        else:
            number = int(key[8:])
        return {"project": int(project[1:]), "part": int(part[1:]), data: number}


@pytest.fixture
def scene(desk: Desk, sso: Sso, faults: Faults) -> Scene:
    """Give the files of somebody at work, on the machine's own disk."""
    return Scene(desk, sso, faults, desk.root / "yard", desk.root / "yard")


@pytest.fixture
def mirrored() -> Iterator[Mirror]:
    """Give a file system where no event comes of what others do."""
    if why := mirror.missing():
        pytest.skip(why)
    with Mirror() as made:
        people.ordinary().own(made.behind)
        yield made


@pytest.fixture
def far(desk: Desk, sso: Sso, faults: Faults, mirrored: Mirror) -> Scene:
    """Give the same files on a file system that others share."""
    return Scene(desk, sso, faults, mirrored.behind / "yard", mirrored.front / "yard")


def warm(scene: Scene, connection: Connection) -> None:
    for data in DATA:
        assert scene.token(connection, data)


def edits_in_turn() -> Iterator[tuple[str, Edit]]:
    """Yield each file with each way to edit it, and then again, always in another order."""
    chosen = random.Random(5)  # noqa: S311 - nothing is to be secret
    pairs = [(kind, how) for kind in ("project", "part", "keys", "config", "sso") for how in edits.ALL]
    while True:
        chosen.shuffle(pairs)
        yield from pairs


def edit_and_notice(scene: Scene, connection: Connection) -> None:
    """Have every fault be one edit, some of them hard on another one's heels."""
    turns = edits_in_turn()
    for turn in scene.faults:
        kind, how = next(turns)
        if turn % 5 == 4:
            scene.edit(kind, edits.in_place)
        scene.edit(kind, how)
        scene.notice(connection, kind)


@pytest.mark.promise(
    SEEN, fault="edited by vim, VS Code, sed -i, rename, deletion, a swapped symlink or directory", short=50, long=1500
)
def test_edits_of_every_kind(desk: Desk, scene: Scene) -> None:
    with desk.daemon(), desk.connection() as connection:
        warm(scene, connection)
        edit_and_notice(scene, connection)
        scene.faults.hold(statistics.median(scene.latencies) < AT_ONCE, "edits are seen late")
        scene.faults.hold(desk.status()["watching"] == "by events", "the status says otherwise")


def limited(what: str, most: int) -> tuple[str, ...]:
    """Return a command that runs another one where the system grants little of what inotify needs."""
    command = f'echo {most} >/proc/sys/user/max_inotify_{what} && exec "$0"'
    return ("unshare", "--user", "--map-root-user", "sh", "-c", command)


@pytest.mark.parametrize(
    ("what", "most"),
    [
        pytest.param(
            *each, marks=pytest.mark.promise(SEEN, fault=f"edited while inotify {each[0]} run out", short=3, long=80)
        )
        for each in (("instances", 0), ("watches", 5))
    ],
)
def test_edits_where_no_watch_is_granted(what: str, most: int, desk: Desk, scene: Scene) -> None:
    if desk.run(*limited(what, most), "true").returncode != 0:
        pytest.skip("needs user namespaces")
    with desk.daemon(*limited(what, most)), desk.connection() as connection:
        warm(scene, connection)
        edit_and_notice(scene, connection)
        scene.faults.hold(desk.status()["watching"] == "by regular looks", "the status says otherwise")


@pytest.mark.promise(SEEN, fault="edited on a mount that sends no events", short=3, long=100)
def test_edits_of_which_no_event_comes(desk: Desk, far: Scene) -> None:
    with desk.daemon(), desk.connection() as connection:
        warm(far, connection)
        edit_and_notice(far, connection)
        far.faults.hold(desk.status()["watching"] == "by regular looks", "the status says otherwise")


@pytest.mark.promise(APART, fault="a mount stops answering, with edits there and elsewhere", short=1, long=30)
def test_a_mount_that_hangs(desk: Desk, scene: Scene, far: Scene, mirrored: Mirror) -> None:
    turns = edits_in_turn()
    with desk.daemon(), desk.connection() as connection, desk.connection() as hanging:
        warm(scene, connection)
        warm(far, connection)
        for _ in scene.faults:
            mirrored.stop()
            try:
                hanging.request(1, "token.get", config=far.config, data="unknown")  # nobody has an answer ready
                eventually(lambda: bool(desk.status()["unanswered"]), "the status tells")
                for _ in range(5):
                    kind, how = next(turns)
                    scene.edit(kind, how)
                    scene.notice(connection, kind)
                warm(far, connection)
                kind, how = next(turns)
                far.edit(kind, how)
            finally:
                mirrored.go_on()
            far.notice(connection, kind)
            hanging.receive()
            eventually(lambda: not desk.status()["unanswered"], "the status tells that it is over")
        scene.faults.hold(statistics.median(scene.latencies) < AT_ONCE, "edits elsewhere are seen late")


def complaints(connection: Connection) -> int:
    """Return how many of the scene's tokens rest on a last good version."""
    found = connection.ask("daemon.status")["result"]["projects"]
    return sum(each["state"] == "broken, last good version in use" for each in found)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def garbled(path: Path) -> None:
    path.write_bytes(b"\xff" + path.read_bytes())


def closed(path: Path) -> None:
    path.chmod(0o200)


@pytest.mark.promise(KEPT, fault="an edit that makes no sense, or cannot be read", short=6, long=300)
def test_broken_edits(desk: Desk, scene: Scene) -> None:
    ways = [("project", cut_short), ("project", garbled), ("project", closed), ("part", garbled), ("part", closed)]
    with desk.daemon(), desk.connection() as connection:
        warm(scene, connection)
        for turn in scene.faults:
            kind, broken = ways[turn % len(ways)]
            broken(scene.files[kind])
            eventually(lambda: complaints(connection) == len(DATA), "the status tells")
            for data in DATA:
                scene.faults.hold(scene.token(connection, data) is not None, f"no token after {kind} was {broken}")
            scene.edit(kind, edits.renamed_over)
            scene.notice(connection, kind)
            scene.faults.hold(complaints(connection) == 0, "the status still complains")
