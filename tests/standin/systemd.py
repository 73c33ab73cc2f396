"""A `systemd --user` of one's own, with a journal, for one user: what a login gives, without the machine's own systemd.

It runs in mount and process namespaces of its own, on a machine that was booted with systemd or with anything else, and
ends with the block. What it can do is what the machine's kernel and its Debian package of systemd can do.

    outside                     inside              what it is
    DIRECTORY/home              /run/home           $HOME, below no /tmp, so that a sandbox's /tmp is not meant by it
    DIRECTORY/home/.config/…    the same            units, made by `unit()`
    DIRECTORY/run               /run/user/UID       $XDG_RUNTIME_DIR
    everything else             the same, but that /run is new, and no unit is enabled but those of systemd itself

A user who is `nobody` is a bad example for a sandbox with PrivateUsers=: all that belongs to others, root included,
is shown there as `nobody`'s.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import struct
import subprocess
import time
from typing import TYPE_CHECKING, Any, Self

from . import people
from .leash import bed_directory, leashed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_SYSTEMD = "/usr/lib/systemd/systemd"
_JOURNALD = "/usr/lib/systemd/systemd-journald"
_PROGRAMS = {  # and the Debian package of each
    _SYSTEMD: "systemd",
    _JOURNALD: "systemd",
    "systemctl": "systemd",
    "journalctl": "systemd",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
}
_START_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.5
_CREDENTIALS = struct.Struct("3i")  # process, user, group
_PATIENCE = 60.0
# In a mount namespace of its own. On a machine with version 1 of control groups the second one has a tree beside them.
# Killing is asynchronous, so that the groups are empty a moment later; the wait for that is bounded.
_OUTER = """
set -eu
group=/sys/fs/cgroup/$1
[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || mount -t cgroup2 none /sys/fs/cgroup
mkdir "$group"
trap 'kill -KILL "$inner"' TERM
unshare --pid --fork --kill-child --mount-proc sh -c "$2" inner "$@" <&- &
inner=$!
wait "$inner" || true
tries=0
until find "$group" -depth -type d -exec rmdir {} + 2>&-; do [ $((tries += 1)) -lt 250 ]; sleep 0.02; done
"""
# Process 1 of the new process namespace, which reaps what the user manager leaves behind.
_INNER = """
set -eu
group=/sys/fs/cgroup/$1 directory=$3 uid=$4 gid=$5 root=$6
delegate() { for each in $(cat "$1/cgroup.controllers"); do echo "+$each" >"$1/cgroup.subtree_control" || true; done; }
umount --recursive --lazy /sys
mount -t sysfs none /sys
mount -t cgroup2 none /sys/fs/cgroup
if [ "$root" != / ]; then  # not by chroot, since who is in one may have no user namespace
    mount --bind "$root" "$root"
    for each in /proc /sys /dev /tmp /var/tmp; do mount --rbind "$each" "$root$each"; done
    cd "$root"
    /sbin/pivot_root . .
    umount --lazy .
fi
mount -t tmpfs -o mode=755 none /run
mount -t tmpfs -o mode=755 none /etc/systemd/user
mount --bind /dev/null /dev/kmsg
mkdir -p /run/systemd/system /run/systemd/unit-root /run/systemd/mount-rootfs /run/home "/run/user/$uid"
mount --bind "$directory/home" /run/home
mount --bind "$directory/run" "/run/user/$uid"
for each in "" "/user-$uid.slice" "/user-$uid.slice/user@$uid.service"; do
    mkdir -p "$group$each"
    manager=$group$each
    [ "$each" = "/user-$uid.slice/user@$uid.service" ] || delegate "$manager"
done
chown "$uid:$gid" "$manager" "$manager/cgroup.procs" "$manager/cgroup.subtree_control" "$manager/cgroup.threads"
env -u NOTIFY_SOCKET /usr/lib/systemd/systemd-journald &
while kill -0 $! && ! [ -S /run/systemd/journal/stdout ]; do sleep 0.01; done
sh -c 'echo 0 >"$0/cgroup.procs"; exec "$@"' "$manager" \
    setpriv "--reuid=$uid" "--regid=$gid" --clear-groups -- \
    /usr/lib/systemd/systemd --user --log-target=journal &
wait $!
"""


def missing() -> str:
    """Say what the bed lacks, programs with their Debian packages; nothing if it is available."""
    lacking = [f"{program} (of {package})" for program, package in _PROGRAMS.items() if not shutil.which(program)]
    if lacking:
        return f"no systemd: {', '.join(lacking)} not found"
    if why := people.why_no_stranger():
        return f"no systemd: {why}"
    probe = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "mount", "-t", "tmpfs", "none", "/run"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    return f"no systemd: this machine lets root make no namespaces: {done.stderr.strip()}" if done.returncode else ""


class SystemdUser:
    """A user manager and a journal for `person`, `people.ordinary()` if none is given; a context manager.

    With `root`, everything is that of another system, unpacked there, but for /tmp, /var/tmp and the kernel.

    `environment`, once entered, is what a program sees that `run()` starts; `home` and `runtime` are that user's
    directories as they are reached from outside; `version` is systemd's.
    """

    environment: Mapping[str, str]
    home: Path
    runtime: Path
    version: int

    def __init__(self, person: people.Person | None = None, *, root: str | Path = "/") -> None:
        self.person = person or people.ordinary()
        self._root = root

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as parts:
            directory = parts.enter_context(bed_directory("systemd-"))
            self.home, self.runtime = directory / "home", directory / "run"
            for each in (self.home, self.runtime):
                each.mkdir(mode=0o700)
                self.person.own(each)
            self.environment = {
                "HOME": "/run/home",
                "XDG_RUNTIME_DIR": f"/run/user/{self.person.uid}",
                "PATH": "/usr/bin:/bin",
                "LANG": "C.UTF-8",
            }
            self._manager = parts.enter_context(self._started(directory))
            self.version = int(self.systemctl("--version").split()[1])
            self._parts = parts.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def run(
        self,
        *command: str,
        cwd: str | Path = "/",
        env: Mapping[str, str | None] | None = None,
        person: people.Person | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside to its end, as the user or as `person`. A value of None in `env` takes one away."""
        merged = {**self.environment, **(env or {})}
        return subprocess.run(
            self.argv(*command, cwd=cwd, person=person),
            env={name: value for name, value in merged.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )

    def argv(self, *command: str, cwd: str | Path = "/", person: people.Person | None = None) -> list[str]:
        """Return the argv that runs `command` inside, from outside; its environment is the caller's to give."""
        enter = ["nsenter", f"--target={self._manager}", "--mount", "--pid", "--"]
        return [*enter, *(person or self.person).argv("env", f"--chdir={cwd}", *command)]

    def unit(self, name: str, text: str) -> Path:
        """Write a unit, or `UNIT.d/NAME.conf`, as the user would, have the manager read it, and return its path."""
        path = self.home / ".config/systemd/user" / name
        for directory in reversed([each for each in path.parents if not each.exists()]):
            directory.mkdir(mode=0o700)
            self.person.own(directory)
        path.write_text(text)
        self.person.own(path)
        self.systemctl("daemon-reload")
        return path

    def systemctl(self, *arguments: str) -> str:
        """Run `systemctl --user` and return what it printed. Raises `RuntimeError` with its words where it fails."""
        done = self.run("systemctl", "--user", "--no-pager", *arguments)
        if done.returncode:
            raise RuntimeError(f"systemctl {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def show(self, unit: str) -> dict[str, str]:
        """Return the properties of a unit, as `systemctl show` has them."""
        lines = self.systemctl("show", unit).splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def journal(self, unit: str) -> list[dict[str, Any]]:
        """Return the journal's entries of a unit so far, its own and those of the manager about it, oldest first.

        What a program has just written may not be there yet. Of one that has ended before the journal had a look at
        it, what it wrote is nobody's.
        """
        # Read by root, since journald gives a journal of his own only to a uid from 1000 up; therefore no --user-unit.
        which = (f"_SYSTEMD_USER_UNIT={unit}", "+", f"USER_UNIT={unit}")
        done = self.run("journalctl", "--output=json", "--quiet", "--all", *which, person=people.Person(0, 0))
        return [json.loads(line) for line in done.stdout.splitlines()]

    @contextlib.contextmanager
    def _started(self, directory: Path) -> Iterator[int]:
        """Start the manager and give its process id, as seen from outside, once it is ready."""
        address = directory / "ready"
        group, uid, gid = f"{directory.name}.slice", str(self.person.uid), str(self.person.gid)
        with (directory / "log").open("w") as log, _listener(address, self.person) as listener:
            process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", _OUTER, "outer", group, _INNER, directory, uid, gid, self._root],
                cwd="/",
                env={**self.environment, "NOTIFY_SOCKET": str(address)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
            with leashed(process, directory, signal.SIGTERM):
                manager = _ready(listener, process, directory / "log")
                listener.close()  # the notices of later would pile up unread, and the manager wait for their reader
                yield manager


@contextlib.contextmanager
def _listener(address: Path, person: people.Person) -> Iterator[socket.socket]:
    """Listen for what a service says to its manager at `address`, which `person` may do."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        listener.bind(str(address))
        person.own(address)
        listener.settimeout(_LOOK_EVERY_S)
        yield listener


def _ready(listener: socket.socket, process: subprocess.Popen[str], log: Path) -> int:
    """Wait until the manager says that it is ready, and return its process id, which the kernel translates for us."""
    end = time.monotonic() + _START_WITHIN_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(TimeoutError):
            words, ancillary, _, _ = listener.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
            if b"READY=1" in words.splitlines():
                return int(_CREDENTIALS.unpack(ancillary[0][2])[0])
    raise RuntimeError(f"systemd did not start: {log.read_text()}")
