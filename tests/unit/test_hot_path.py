"""What each program loads: a module too many costs every prompt its import, or the core its memory for ever.

Each list stands here and nowhere else. What one of them lacks, or has beyond it, is to be a decision.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import dsqltok
import dsqltokd

CLIENT = str(Path(dsqltok.__file__).parent.parent)
DAEMON = str(Path(dsqltokd.__file__).parent.parent)
HOT_PATH = {
    *("dsqltok", "dsqltok.arguments", "dsqltok.cli", "dsqltok.paths", "dsqltok.protocol", "dsqltok.transport"),
    "_socket",
}
# Each costs a warm get a tenth of its time or more; most come with one that looks harmless.
DEAR = ("socket", "json", "argparse", "re", "enum", "pathlib", "typing", "dataclasses", "contextlib", "subprocess")
# What opens a user's file or calls out does so where it can be killed: in a worker.
NOT_IN_THE_CORE = ("boto3", "botocore", "s3transfer", "urllib3", "keyring", "secretstorage", "jeepney", "yaml")
NOT_IN_THE_CORE_EITHER = ("dsqltokd.worker", "dsqltokd.hcl", "dsqltokd.atlas")


def loaded_by(*modules: str) -> set[str]:
    """Return what an interpreter loads for these modules, beyond what it has at its start."""
    program = (
        f"import sys; before = set(sys.modules); sys.path[:0] = [{CLIENT!r}, {DAEMON!r}]; "
        f"import {', '.join(modules)}; print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.fixture(scope="module")
def core() -> set[str]:
    """Return what the core has loaded once it serves: `main` leaves the rest for when it knows that it will."""
    return loaded_by("dsqltokd.main", "dsqltokd.core")


def test_a_warm_get_loads_its_hot_path_and_nothing_else() -> None:
    loaded = loaded_by("dsqltok.cli")
    assert loaded <= HOT_PATH
    assert not loaded & set(DEAR)


def test_the_core_starts_its_first_workers_before_it_loads_what_takes_long() -> None:
    loaded = loaded_by("dsqltokd.main")
    assert "dsqltokd.headstart" in loaded
    assert not loaded & {"asyncio", "logging", "json", "tomllib", "dataclasses", "typing", "subprocess", "watchdog"}


def test_the_core_loads_neither_boto3_nor_a_keyring(core: set[str]) -> None:
    assert "dsqltokd.service" in core
    assert not {name for name in core if name.partition(".")[0] in NOT_IN_THE_CORE}


def test_the_core_loads_neither_openssl_for_a_hash_nor_what_only_mistakes_need(core: set[str]) -> None:
    assert not core & {"_hashlib", "hashlib", "hmac", "secrets", "difflib"}


def test_the_core_loads_no_evaluator_and_no_worker(core: set[str]) -> None:
    assert not {name for name in core if name.startswith(NOT_IN_THE_CORE_EITHER)}
