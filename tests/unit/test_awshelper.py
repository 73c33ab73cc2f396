"""A credential_process that is everything but good."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dsqltok.errors import ConfigurationError, CredentialsError
from dsqltokd.worker.awshelper import Helper

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "c4n4ry-wJalrXUtnFEMI"
KEYS = {"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "x"}
PATIENCE = 20.0


def printing(document: object) -> str:
    return f"echo {shlex.quote(json.dumps(document))}"


def run(script: str) -> bytes:
    return Helper("dev", ["/bin/sh", "-c", script]).communicate()[0]


def test_what_a_good_helper_prints_is_passed_on_as_it_is() -> None:
    good = {**KEYS, "SessionToken": None, "Expiration": "2999-01-01T00:00:00Z", "More": [1]}
    assert json.loads(run(f"echo {CANARY} >&2; {printing(good)}")) == good


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f"echo {CANARY} >&2; exit 1", "failed with status 1"),
        (f"echo {CANARY}; exit 7", "failed with status 7"),
        (f"{printing(KEYS)}; kill -9 $$", "was ended by SIGKILL"),
        (f"echo {CANARY}", "printed no JSON"),
        ("true", "printed no JSON"),
        ("head -c 4096 /dev/urandom", "printed no JSON"),
        ("yes '[' | head -n 20000", "printed no JSON"),
        (f"{printing(KEYS)}; {printing(KEYS)}", "printed no JSON"),
        (printing([CANARY]), "printed JSON that is no object"),
        (printing(None), "printed JSON that is no object"),
        (printing({**KEYS, "Version": CANARY}), "of a version other than 1"),
        (printing({"AccessKeyId": "AKIA", "SecretAccessKey": CANARY}), "of a version other than 1"),
        (printing({"Version": 1, "AccessKeyId": CANARY}), "printed no SecretAccessKey"),
        (printing({**KEYS, "AccessKeyId": ""}), "printed no AccessKeyId"),
        (printing({**KEYS, "SecretAccessKey": [CANARY]}), "printed no SecretAccessKey"),
        (printing({**KEYS, "SessionToken": {"a": CANARY}}), "printed something that is no text as SessionToken"),
        (printing({**KEYS, "Expiration": 1_700_000_000}), "printed something that is no text as Expiration"),
        (printing({**KEYS, "Expiration": "2001-01-01T00:00:00Z"}), "printed credentials that have expired"),
        ("head -c 1000000000 /dev/zero", "printed more than 64 KiB"),
        (f"yes {CANARY}", "printed more than 64 KiB"),
    ],
)
def test_a_helper_that_gives_no_credentials_is_told_by_what_it_did(script: str, said: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        run(script)
    assert caught.value.message.startswith('profile "dev": its credential_process ')
    assert said in caught.value.message
    assert caught.value.hint
    assert CANARY not in str(caught.value.as_data())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/nonexistent", CANARY], "cannot be started: no such file or directory"),
        (["/etc/passwd", CANARY], "cannot be started: permission denied"),
        (["/tmp", CANARY], "cannot be started: permission denied"),  # noqa: S108 - some directory
        (["a\0b"], "cannot be started: it is no command"),
        ([], "is empty"),
    ],
)
def test_a_helper_that_cannot_be_started_is_a_mistake_in_the_configuration(arguments: list[str], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Helper("dev", arguments)
    assert said in caught.value.message
    assert CANARY not in str(caught.value.as_data())


def test_a_helper_is_over_when_it_has_ended_though_a_child_of_its_holds_the_pipe(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # The child ends when somebody opens the other end of the FIFO.
    assert json.loads(run(f"cat {fifo} & {printing(KEYS)}")) == KEYS
    fifo.write_text("")


FLOODED = """
import resource
from dsqltok.errors import CredentialsError
from dsqltokd.worker.awshelper import Helper
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
try:
    Helper("dev", ["head", "-c", "1000000000", "/dev/zero"]).communicate()
except CredentialsError:
    print(peak() - before)
"""
LIMITED = """
import resource
from dsqltokd.worker.awshelper import Helper
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))
Helper("dev", ["/bin/sh", "-c", "ulimit -v >&2; echo '[]'"]).communicate()
"""


def python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="macOS counts memory otherwise")
def test_a_flood_costs_no_memory() -> None:
    assert int(python(FLOODED).stdout) < 8 << 10  # KiB


@pytest.mark.skipif(sys.platform != "linux", reason="macOS refuses the limit")
def test_a_helper_is_not_bound_to_the_memory_of_a_worker() -> None:
    assert python(LIMITED).stderr.splitlines()[0] == "unlimited"
