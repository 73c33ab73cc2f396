"""The sandbox of dsqltokd.service is in effect: looked at from inside, by a program that the very unit starts.

The user is not `nobody`, as whom a sandbox with PrivateUsers= shows everybody else.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from standin import debian, people, systemd
from standin.leash import bed_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from standin.secretservice import SecretService

ROOT = Path(__file__).parents[2]
SHOWN_FOR_OTHERS = int(Path("/proc/sys/kernel/overflowuid").read_text()) if sys.platform == "linux" else -1
TEMPORARY = {"/tmp", "/var/tmp"}  # noqa: S108 - only looked at
ASK = """
import json, socket, sys
there = socket.socket(socket.AF_UNIX)
there.connect(sys.argv[1])
there.sendall((json.dumps(sys.argv[2:]) + "\\n").encode())
sys.stdout.write(there.makefile().read())
"""
HELPER = """#!/bin/sh
date >"$HOME/.aws/cli/cache/of-a-helper" || exit 1
echo '{"Version": 1, "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "an example of a secret"}'
"""
CALLS_HELPER = """
import botocore.session
print(botocore.session.Session(profile="helped").get_credentials().access_key)
"""
RESOLVES = "import socket; print(socket.getaddrinfo('localhost', 5432)[0][4][0])"
USES_KEYRING = """
import keyring
keyring.set_password("dsqltok", "a sandbox's entry", "an example of a secret")
print(type(keyring.get_keyring()).__module__, keyring.get_password("dsqltok", "a sandbox's entry"))
keyring.delete_password("dsqltok", "a sandbox's entry")
"""


@dataclass(frozen=True)
class Sandbox:
    """A user manager with the real units, where the service runs whatever it is told."""

    manager: systemd.SystemdUser
    python: str

    def ask(self, *command: str, person: people.Person | None = None) -> dict[str, Any]:
        """Have the service run a program, for a client that is its user or `person`, and return its answer."""
        address = self.manager.environment["XDG_RUNTIME_DIR"] + "/dsqltok/dsqltokd.sock"
        done = self.manager.run(self.python, "-c", ASK, address, *command, person=person)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout or "{}")
        assert answer, self.manager.journal("dsqltokd.service")
        return answer

    def run(self, *command: str) -> str:
        """Have the service run a program that must succeed, and return what it printed."""
        answer = self.ask(*command)
        assert answer["returncode"] == 0, answer["stderr"]
        return str(answer["stdout"])

    def look(self) -> Any:
        """Return what confined.py finds in the sandbox."""
        return json.loads(self.run(self.python, "/run/home/confined.py"))


@contextlib.contextmanager
def confined(root: Path = Path("/")) -> Iterator[Sandbox]:
    """Run the units as the systemd does that is found below `root`."""
    if lacking := systemd.missing():
        pytest.skip(lacking)
    python = sys.executable if root == Path("/") else "/usr/bin/python3"
    with systemd.SystemdUser(people.stranger(), root=root) as manager:
        for name in ("dsqltokd.socket", "dsqltokd.service"):
            manager.unit(name, (ROOT / "systemd" / name).read_text())
        for name in ("deputy.py", "confined.py"):
            shutil.copy(ROOT / "tests/standin" / name, manager.home)
            manager.person.own(manager.home / name)
        # Without restarts a unit that cannot be started fails the tests at once, with its socket.
        deputy = f"[Service]\nRestart=no\nExecStart=\nExecStart={python} %h/deputy.py\n"
        manager.unit("dsqltokd.service.d/deputy.conf", deputy)
        manager.systemctl("start", "dsqltokd.socket")
        yield Sandbox(manager, python)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with confined() as there:
        yield there


@pytest.fixture(scope="module")
def inside(sandbox: Sandbox) -> Any:
    """Give what confined.py finds in the sandbox."""
    return sandbox.look()


@pytest.fixture(scope="module")
def outside(sandbox: Sandbox) -> Any:
    """Give what it finds when the same user runs it elsewhere."""
    return json.loads(sandbox.manager.run(sys.executable, "/run/home/confined.py").stdout)


def writable(found: Any) -> set[str]:
    return {place for place, read_only in found["read_only"].items() if not read_only}


def test_all_is_read_only_but_the_home_the_runtime_and_the_temporary_directories(inside: Any, outside: Any) -> None:
    assert writable(inside) == {*TEMPORARY, "/run/home", f"/run/user/{people.stranger().uid}"}
    assert {"/", "/usr", "/etc", "/var"} <= writable(outside)


def test_kernel_tunables_and_control_groups_are_read_only(inside: Any, outside: Any) -> None:
    for place in ("/proc/sys", "/sys", "/sys/fs/cgroup"):
        assert inside["read_only"][place], place
    assert not outside["read_only"]["/proc/sys"]


def test_the_kernels_log_symbols_and_modules_cannot_be_read(inside: Any, outside: Any) -> None:
    assert set(inside["modes"].values()) == {0}
    assert 0 not in outside["modes"].values()


def test_of_the_devices_only_those_are_there_that_every_program_may_want(inside: Any, outside: Any) -> None:
    harmless = {"full", "null", "ptmx", "pts", "random", "shm", "tty", "urandom", "zero"}
    places = {"char", "fd", "hugepages", "log", "mqueue", "stderr", "stdin", "stdout"}
    assert harmless <= set(inside["devices"]) <= harmless | places
    assert not set(outside["devices"]) <= harmless | places


def test_there_are_no_capabilities_and_none_can_be_had(inside: Any, outside: Any) -> None:
    status = inside["status"]
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"], status["Umask"]) == ("1", "2", "0077")
    assert int(outside["status"]["CapBnd"], 16) != 0
    assert outside["status"]["NoNewPrivs"] == "0"


@pytest.mark.parametrize(
    ("directive", "call"),
    [
        ("LockPersonality", "personality"),
        ("ProtectClock", "adjtimex"),
        ("RestrictNamespaces", "unshare"),
        ("RestrictRealtime", "sched_setscheduler"),
        ("RestrictSUIDSGID", "chmod"),
        ("SystemCallFilter=@system-service", "mount"),
        ("SystemCallFilter=@system-service", "ptrace"),
        ("SystemCallFilter=~@privileged", "chown"),
        ("SystemCallFilter=~@privileged", "chroot"),
        ("SystemCallFilter=~@resources", "setpriority"),
    ],
)
def test_a_system_call_is_refused(inside: Any, outside: Any, directive: str, call: str) -> None:
    assert inside["calls"][call] == "EPERM", directive
    assert outside["calls"][call] != "EPERM", directive


def test_system_calls_of_another_architecture_end_the_program(inside: Any, outside: Any) -> None:
    if outside["i386"] != "":
        pytest.skip("this kernel has no system calls of a second architecture")
    assert inside["i386"] == "SIGSYS"


def test_sockets_are_of_the_internet_or_local(inside: Any, outside: Any) -> None:
    for family in ("NETLINK", "PACKET", "VSOCK"):
        assert inside["sockets"][family] == "EAFNOSUPPORT", family
    assert outside["sockets"]["NETLINK"] == ""
    for family in ("UNIX", "INET", "INET6"):
        assert inside["sockets"][family] == outside["sockets"][family], family


def test_users_mounts_host_name_and_kernel_keyring_are_its_own(inside: Any, outside: Any) -> None:
    uid = str(people.stranger().uid)
    assert inside["uid_map"] == [uid, uid, "1"]
    apart = {kind for kind, there in outside["namespaces"].items() if inside["namespaces"][kind] != there}
    assert apart == {"mnt", "user", "uts"}
    assert inside["session_keyring"].endswith(";_ses")
    assert inside["session_keyring"] != outside["session_keyring"]


def test_there_are_no_core_files(inside: Any, outside: Any) -> None:
    assert inside["core"] == [0, 0]
    assert outside["core"] != [0, 0]


def test_memory_and_tasks_are_limited(sandbox: Sandbox, inside: Any) -> None:
    shown = sandbox.manager.show("dsqltokd.service")
    assert (shown["MemoryMax"], shown["TasksMax"], shown["OOMPolicy"]) == (str(2 << 30), "512", "continue")
    if None in inside["group"].values():
        pytest.skip("this kernel's controllers of memory and tasks belong to version 1 of control groups")
    assert inside["group"] == {"memory.max": shown["MemoryMax"], "pids.max": shown["TasksMax"]}


def test_the_socket_is_the_users_alone_and_comes_with_a_name(sandbox: Sandbox) -> None:
    socket = sandbox.manager.runtime / "dsqltok/dsqltokd.sock"
    for path, mode in ((socket, 0o600), (socket.parent, 0o700)):
        found = path.stat()
        assert (found.st_mode & 0o777, found.st_uid) == (mode, people.stranger().uid)
    inherited = sandbox.ask("true")["inherited"]
    assert (inherited["LISTEN_FDS"], inherited["LISTEN_FDNAMES"]) == ("1", "dsqltokd")
    assert inherited["LISTEN_PID"] == inherited["own pid"]


def test_the_kernel_names_a_peer_as_the_user_or_as_nobody(sandbox: Sandbox) -> None:
    assert sandbox.ask("true")["peer"]["uid"] == people.stranger().uid
    assert sandbox.ask("true", person=people.Person(0, 0))["peer"]["uid"] == SHOWN_FOR_OTHERS


def test_temporary_files_are_the_same_inside_and_outside(sandbox: Sandbox) -> None:
    with bed_directory("shared-") as directory:
        people.stranger().own(directory)
        (directory / "a project").write_text("from outside")
        sandbox.run("sh", "-c", 'echo from inside >"$0/scratch"', str(directory))
        assert sandbox.run("cat", str(directory / "a project")) == "from outside"
        assert (directory / "scratch").read_text() == "from inside\n"


def test_a_credential_process_works_and_keeps_its_cache(sandbox: Sandbox) -> None:
    home = sandbox.manager.home
    (home / ".aws/cli/cache").mkdir(parents=True)
    (home / ".aws/helper").write_text(HELPER)
    (home / ".aws/helper").chmod(0o700)
    (home / ".aws/config").write_text("[profile helped]\ncredential_process = /run/home/.aws/helper\n")
    people.stranger().own(home / ".aws")
    assert sandbox.run(sys.executable, "-c", CALLS_HELPER) == "AKIAIOSFODNN7EXAMPLE\n"
    assert (home / ".aws/cli/cache/of-a-helper").exists()


def test_names_are_resolved_without_netlink(sandbox: Sandbox) -> None:
    assert sandbox.run(sys.executable, "-c", RESOLVES) in {"127.0.0.1\n", "::1\n"}


def test_the_keyring_is_reached_over_the_sessions_bus(sandbox: Sandbox, secret_service: SecretService) -> None:
    bus = f"DBUS_SESSION_BUS_ADDRESS={secret_service.environment['DBUS_SESSION_BUS_ADDRESS']}"
    command = ("env", bus, f"PATH={os.environ['PATH']}", sys.executable, "-c", USES_KEYRING)
    assert sandbox.run(*command) == "keyring.backends.SecretService an example of a secret\n"


def test_the_systemd_of_debian_13_confines_no_less(inside: Any) -> None:
    if lacking := debian.missing():
        pytest.skip(lacking)
    with contextlib.ExitStack() as parts:
        try:
            root = parts.enter_context(debian.unpacked("trixie"))
        except OSError as error:
            pytest.skip(str(error))
        there = parts.enter_context(confined(root))
        assert there.manager.version >= 257
        found = there.look()
    # Of a user unit's ProtectKernelTunables= it applies all but this, where only root may write anyway.
    assert writable(found) - {"/sys"} == writable(inside)
    assert set(found["modes"].values()) == {0}
    same = ("devices", "calls", "sockets", "uid_map", "core", "i386")
    assert {name: found[name] for name in same} == {name: inside[name] for name in same}
    secured = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Umask")
    assert [found["status"][name] for name in secured] == [inside["status"][name] for name in secured]
