"""Which file system a path is on, by the kernel's list."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dsqltokd import mounts

if TYPE_CHECKING:
    from pathlib import Path

LIST = """\
23 28 0:22 / /proc rw,nosuid - proc proc rw
28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
31 28 0:27 / /home rw - ext4 /dev/vdb rw
92 31 0:42 / /home/ana/remote\\040disk rw,relatime shared:5 master:2 - fuse.sshfs ana@there:/ rw,user_id=1000
93 28 0:43 / /mnt rw - tmpfs tmpfs rw
94 93 0:44 / /mnt rw - nfs4 server:/ rw
"""
MOUNTED = mounts.parse(LIST)


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/", "/"),
        ("/etc/hosts", "/"),
        ("/home", "/home"),
        ("/home/ana/atlas.hcl", "/home"),
        ("/homely/atlas.hcl", "/"),
        ("/home/ana/remote disk", "/home/ana/remote disk"),
        ("/home/ana/remote disk/a/b", "/home/ana/remote disk"),
        ("/home/ana/remote", "/home"),
        ("/mnt/x", "/mnt"),
        ("", ""),
        ("beside/us", ""),
    ],
)
def test_a_path_is_on_the_file_system_mounted_nearest_above_it(path: str, mount: str) -> None:
    assert MOUNTED.of(path) == mount


def test_what_others_may_change_is_known_by_its_type_and_by_the_last_mount_in_a_place() -> None:
    assert MOUNTED.is_shared("/home/ana/remote disk")
    assert MOUNTED.is_shared("/mnt")
    assert not MOUNTED.is_shared("/home")


def test_without_a_list_each_directory_stands_for_itself_and_nothing_is_known_to_be_shared() -> None:
    unknown = mounts.parse("")
    assert unknown.of("/home/ana/atlas.hcl") == "/home/ana"
    assert not unknown.is_shared("/home/ana")


def test_the_list_of_this_machine_can_be_read() -> None:
    assert mounts.read().of("/") == "/"


def test_a_path_as_deep_as_a_request_can_name_it_is_on_some_mount() -> None:
    assert mounts.parse("1 0 0:1 / / rw - ext4 /dev/a rw\n").of("/a" * 30_000) == "/"


def test_what_is_known_to_tell_of_each_change_is_a_disk_or_memory_and_nothing_unheard_of() -> None:
    assert MOUNTED.tells("/")
    assert MOUNTED.tells("/home")
    assert not MOUNTED.tells("/proc")
    assert not MOUNTED.tells("/mnt")
    assert not mounts.parse("").tells("/")


_MOUNT_AND_UNMOUNT = """
import os, queue, subprocess, sys
from dsqltokd import mounts
heard = queue.Queue()
changes = mounts.Changes(lambda: heard.put("told"))
changes.start()
for command in (["mount", "-t", "tmpfs", "none", sys.argv[1]], ["umount", sys.argv[1]]):
    assert heard.empty()
    subprocess.run(command, check=True)
    print(heard.get(timeout=10))
    while not heard.empty():
        heard.get()
changes.stop()
"""


def test_a_mount_and_its_end_are_told(tmp_path: Path) -> None:
    namespace = ("unshare", "--user", "--map-root-user", "--mount")
    if shutil.which("unshare") is None or subprocess.run([*namespace, "true"], check=False).returncode != 0:
        pytest.skip("needs user namespaces")
    argv = [*namespace, sys.executable, "-c", _MOUNT_AND_UNMOUNT, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["told", "told"]
