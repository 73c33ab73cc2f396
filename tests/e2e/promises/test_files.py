"""However a file is edited, and whatever keeps events of it from coming, what it says is what is served.

Five files bear on three tokens: atlas.hcl, a file that it reads, both AWS files, and an SSO sign-in. Each edit makes
one of them say a higher number, which is read back from the token's host or from the access key that signed it.
"""

from __future__ import annotations

import itertools
import json
import random
import statistics
import time
from typing import TYPE_CHECKING

import pytest

import edits
from desk import BIN, SECRET_ACCESS_KEY, eventually
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


def shown_by(kind: str) -> str:
    """Return the data source whose token tells what a file says."""
    return kind if kind in DATA else "keys"


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
        self._asked: set[str] = set()
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

    def warm(self, connection: Connection, *data: str) -> None:
        """Have tokens asked for, and hold that there are some."""
        for each in data:
            self.faults.hold(self.token(connection, each) is not None, f"no token by {each}")

    def edit(self, kind: str, how: Edit) -> None:
        """Have a file say the next number."""
        how(self.desk, self.files[kind], self.text(kind))

    def token(self, connection: Connection, data: str) -> str | None:
        """Return a token, None where there is an error, and hold that it rests on nothing older than one before."""
        self._asked.add(data)
        answer = connection.ask("token.get", config=self.config, data=data, environment=self.environment)
        if "error" in answer:
            return None
        token: str = answer["result"]["token"]
        for kind, number in self._numbers_in(token, data).items():
            self.faults.hold(number >= self.seen[kind], f"{kind} is {number} after {self.seen[kind]}")
            self.seen[kind] = max(self.seen[kind], number)
        return token

    def notice(self, connection: Connection, kind: str) -> None:
        """Wait until the last edit of a file is served, and hold that it then goes on being, in every token."""
        data = shown_by(kind)
        begin = time.monotonic()
        while self.seen[kind] < self.written[kind] and time.monotonic() - begin < SOON:
            self.token(connection, data)
        took = time.monotonic() - begin
        self.latencies.append(took)
        self.faults.hold(took < SOON, f"an edit of {kind} was not seen")
        self.warm(connection, *sorted(self._asked))

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


def edits_in_turn() -> Iterator[tuple[str, Edit]]:
    """Yield each way to edit a file, with one of the files, and then again with another, always in another order."""
    chosen, kinds = random.Random(5), itertools.cycle(("project", "keys", "part", "config", "sso"))  # noqa: S311 - a test
    while True:
        for how in chosen.sample(edits.ALL, len(edits.ALL)):
            yield next(kinds), how


def edit_and_notice(scene: Scene, connection: Connection) -> None:
    """Have every fault be one edit, some of them hard on another one's heels."""
    turns = edits_in_turn()
    for turn in scene.faults:
        kind, how = next(turns)
        scene.warm(connection, shown_by(kind))
        if turn % 5 == 4:
            scene.edit(kind, edits.in_place)
        scene.edit(kind, how)
        scene.notice(connection, kind)


@pytest.mark.promise(
    SEEN, fault="edited by vim, VS Code, sed -i, rename, deletion, a swapped symlink or directory", short=12, long=600
)
def test_edits_of_every_kind(desk: Desk, scene: Scene) -> None:
    with desk.daemon(), desk.connection() as connection:
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
            *each, marks=pytest.mark.promise(SEEN, fault=f"edited while inotify {each[0]} run out", short=2, long=50)
        )
        for each in (("instances", 0), ("watches", 5))
    ],
)
def test_edits_where_no_watch_is_granted(what: str, most: int, desk: Desk, scene: Scene) -> None:
    if desk.run(*limited(what, most), "true").returncode != 0:
        pytest.skip("needs user namespaces")
    with desk.daemon(*limited(what, most), str(BIN / "dsqltokd")), desk.connection() as connection:
        edit_and_notice(scene, connection)
        scene.faults.hold(desk.status()["watching"] == "by regular looks", "the status says otherwise")


@pytest.mark.promise(SEEN, fault="edited on a mount that sends no events", short=2, long=40)
def test_edits_of_which_no_event_comes(desk: Desk, far: Scene) -> None:
    with desk.daemon(), desk.connection() as connection:
        edit_and_notice(far, connection)
        far.faults.hold(desk.status()["watching"] == "by regular looks", "the status says otherwise")


@pytest.mark.promise(APART, fault="a mount stops answering, with edits there and elsewhere", short=1, long=12)
def test_a_mount_that_hangs(desk: Desk, scene: Scene, far: Scene, mirrored: Mirror) -> None:
    turns = edits_in_turn()
    with desk.daemon(), desk.connection() as connection, desk.connection() as hanging:
        far.warm(connection, *DATA)
        for _ in scene.faults:
            mirrored.stop()
            try:
                hanging.request(1, "token.get", config=far.config, data="unknown")  # nobody has an answer ready
                eventually(lambda: bool(desk.status()["unanswered"]), "the status tells")
                for _ in range(3):
                    kind, how = next(turns)
                    scene.warm(connection, shown_by(kind))
                    scene.edit(kind, how)
                    scene.notice(connection, kind)
                far.warm(connection, *DATA)
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


@pytest.mark.promise(KEPT, fault="an edit that makes no sense, or cannot be read", short=5, long=100)
def test_broken_edits(desk: Desk, scene: Scene) -> None:
    ways = [("project", cut_short), ("project", garbled), ("part", garbled)]
    if people.ordinary().uid != 0:  # who may read everything
        ways += [("project", closed), ("part", closed)]
    with desk.daemon(), desk.connection() as connection:
        scene.warm(connection, "keys")
        for turn in scene.faults:
            kind, broken = ways[turn % len(ways)]
            broken(scene.files[kind])
            eventually(lambda: complaints(connection) == 1, "the status tells")
            scene.warm(connection, "keys")
            scene.edit(kind, edits.renamed_over)
            scene.notice(connection, kind)
            scene.faults.hold(complaints(connection) == 0, "the status still complains")
