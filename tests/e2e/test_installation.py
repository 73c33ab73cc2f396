"""What is installed is what the checkout has: the wheel and its programs."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from desk import eventually
from standin import people
from standin.leash import bed_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Desk

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel() -> Iterator[Path]:
    """Build the wheel as an installer would."""
    with bed_directory("wheel-") as directory:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        yield next(directory.glob("*.whl"))


def test_the_wheel_holds_every_module_and_nothing_else(wheel: Path) -> None:
    sources = {
        f"{package}/{path.relative_to(ROOT / side / package)}"
        for side, package in (("client", "dsqltok"), ("daemon", "dsqltokd"))
        for path in (ROOT / side / package).rglob("*")
        if path.suffix in {".py", ".typed", ".bash", ".zsh", ".fish"}
    }
    sources |= {f"dsqltok/systemd/{path.name}" for path in (ROOT / "systemd").iterdir()}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name and ".data/" not in name}
    assert packed == sources


def test_installed_from_the_wheel_the_programs_work(wheel: Path, desk: Desk, example: Callable[[str], str]) -> None:
    # The dependencies are those that are installed here already, so that no index is asked.
    place = desk.root / "venv"
    venv.create(place, with_pip=False, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place)}))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = str(place / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    assert b"import re" not in (place / "bin" / "dsqltok").read_bytes()
    people.ordinary().own(place)
    example("admin")
    done = desk.run(str(place / "bin" / "dsqltok"), "get", "dsql")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    started_by = desk.run(python, "-c", "import dsqltokd; print(dsqltokd.__file__)").stdout
    assert str(place) in started_by
    # Another installation, over the one that runs, as an upgrade is.
    assert not desk.status()["replaced"]
    token = done.stdout
    subprocess.run(install, check=True, capture_output=True)
    people.ordinary().own(place)
    eventually(lambda: bool(desk.status()["replaced"]), "the daemon notices that its code was replaced")
    assert "dsqltok restart" in desk.ok("status")
    before = desk.status()["pid"]
    assert desk.run(str(place / "bin" / "dsqltok"), "restart").returncode == 0
    after = desk.status()
    assert not after["replaced"]
    assert after["pid"] != before
    assert desk.run(str(place / "bin" / "dsqltok"), "get", "dsql").stdout.startswith(token[:40])
