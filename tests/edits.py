"""The ways in which a file comes to say something else: what editors, tools and deployments really do.

Each takes the desk whose user does it, the file, and its new text.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from standin import people

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from desk import Desk

    Edit = Callable[[Desk, Path, str], None]

VIM = shutil.which("vim") or shutil.which("vim.tiny")


def _owned(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    people.ordinary().own(path)
    return path


def _run(desk: Desk, *command: str) -> None:
    done = desk.run(*command)
    assert done.returncode == 0, (command, done.stdout, done.stderr)


def in_place(_: Desk, path: Path, text: str) -> None:
    """Empty the file and write it anew, as VS Code does."""
    with path.open("w") as file:
        file.write(text)
        file.flush()
        os.fdatasync(file.fileno())


def renamed_over(_: Desk, path: Path, text: str) -> None:
    """Write another file and rename it over this one, as VS Code's atomic save does."""
    _owned(path.with_name(path.name + ".vsctmp"), text).replace(path)


def by_vim(desk: Desk, path: Path, text: str, backup: str = "auto") -> None:
    """Have vim itself read the text and write the file; it moves the old one away first where it finds that safe."""
    assert VIM is not None
    draft = _owned(desk.root / "draft", text)
    old = len(path.read_text().splitlines())
    does = f"set writebackup backupcopy={backup}", f"$read {draft}", f"1,{old}delete", "write!", "quit!"
    _run(desk, VIM, "-Nes", "-u", "NONE", "-i", "NONE", *(word for each in does for word in ("-c", each)), str(path))


def by_vim_in_place(desk: Desk, path: Path, text: str) -> None:
    """Have vim copy the old text for a backup, and write the file itself."""
    by_vim(desk, path, text, backup="yes")


def as_vim_does(_: Desk, path: Path, text: str) -> None:
    """Make the calls that vim makes: move the file away, write it, see that it can be, remove the old one."""
    backup = path.with_name(path.name + "~")
    probe = path.with_name("4913")
    _owned(probe, "")
    probe.unlink()
    path.rename(backup)
    with path.open("x") as file:
        people.ordinary().own(path)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o600)
    backup.unlink()


def by_sed(desk: Desk, path: Path, text: str) -> None:
    """Have `sed -i` write it, to a file of its own that it renames over this one."""
    draft = _owned(desk.root / "draft", text)
    _run(desk, "sed", "-i", "-e", f"1r {draft}", "-e", "d", str(path))


def deleted_and_made_again(_: Desk, path: Path, text: str) -> None:
    """Remove the file, and make a new one."""
    path.unlink()
    _owned(path, text)


def swapped(_: Desk, path: Path, text: str) -> None:
    """Swap the symlink of a directory that the file is a symlink into, as Kubernetes updates a mounted ConfigMap."""
    data = path.with_name(f"..{path.name}")
    fresh = path.with_name(f"..{path.name} {os.urandom(4).hex()}")
    fresh.mkdir(mode=0o700)
    _owned(fresh / path.name, text)
    people.ordinary().own(fresh)
    before = data.resolve() if data.is_symlink() else None
    _link(data, fresh.name)
    if not path.is_symlink():
        _link(path, f"{data.name}/{path.name}")
    if before is not None:
        shutil.rmtree(before)


def _link(path: Path, target: str) -> None:
    fresh = path.with_name(path.name + " fresh")
    fresh.symlink_to(target)
    people.ordinary().own(fresh)
    fresh.replace(path)


def with_its_directory(_: Desk, path: Path, text: str, above: int = 0) -> None:
    """Replace the directory that holds the file, or one above that one, by a copy with the new text in it."""
    directory = path.parents[above]
    fresh, before = directory.with_name("fresh"), directory.with_name("before")
    subprocess.run(["cp", "-a", directory, fresh], check=True)
    inside = fresh / path.relative_to(directory)
    inside.unlink()
    _owned(inside, text)
    directory.rename(before)
    fresh.rename(directory)
    shutil.rmtree(before)


def with_the_directory_above(desk: Desk, path: Path, text: str) -> None:
    """Replace the directory above the one that holds the file."""
    with_its_directory(desk, path, text, above=1)


ALL: tuple[Edit, ...] = (
    in_place,
    renamed_over,
    *((by_vim, by_vim_in_place) if VIM else ()),
    as_vim_does,
    by_sed,
    deleted_and_made_again,
    swapped,
    with_its_directory,
    with_the_directory_above,
)
