"""Project files that are hostile, or no files at all: the `project` job answers each with a clear and short error."""

from __future__ import annotations

import itertools
import json
import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from dsqltokd.worker.projectfiles import ProjectFiles, unchanged
from unit.projectjob import Job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# An alarm may go off in a callback of the garbage collector's (hypothesis has one), where it is reported and swallowed.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
MIB = 1 << 20
GOOD = 'data "aws_dsql_token" "db" {\n  endpoint = "abc.dsql.us-east-1.on.aws"\n}\n'


@pytest.fixture
def path(job: Job) -> Path:
    return job.path


def ask(path: Path, text: str | bytes | None = None, **request: Any) -> dict[str, Any]:
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Job(path)(**{"data": "db", **request})


def refusal(path: Path, text: str | bytes | None = None) -> dict[str, Any]:
    """Return the configuration error, which is short however long the file is."""
    answer = ask(path, text)
    assert len(json.dumps(answer)) < 10_000
    error: dict[str, Any] = answer["error"]
    assert error["kind"] == "configuration", error
    assert error["hint"]
    return error


def local(expression: str) -> str:
    return GOOD + f"locals {{\n  x = {expression}\n}}\n"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("[for a in range(1024) : [for b in range(1024) : a]]", "evaluation too large: "),
        (f'regex("(a+)+$", "{"a" * 50}b")', "evaluation too large: it takes too long"),
        ('format("%1000000000d", 1)', "may not be larger than 10000"),
        ("range(1e9)", "more than 1024 values"),
        ("1e1000000000", "numbers beyond 10 to the power of 4096"),
        ("pow(10, 1e300)", "infinities are not supported"),
        (f'parseint("{"9" * 100_000}", 10)', "numbers beyond 10 to the power of 4096"),
        ("(" * 10_000, "nesting too deep"),
        ("[" * 10_000 + "]" * 10_000, "nesting too deep"),
        ("-" * 10_000 + "1", "nesting too deep"),
        (f'jsondecode("{"[" * 100_000}")', "JSON nested too deeply"),
        ("x" * 100_000, "there is no variable named"),
        ("x" * 100_000 + "()", "there is no function named"),
        (f'tonumber("{"x" * 100_000}")', "cannot convert string to number"),
        (f'file("{"x" * 100_000}")', "file name too long"),
        (f'getenv("{"x" * 100_000}")', "the name has more than 1000 characters"),
        ('"\\ud800"', "cannot encode character U+d800"),
        ('"no end', "must end on the line"),
        ("try(" + "nowhere," * 2_000 + "nowhere)", "no expression succeeded"),
    ],
)
def test_what_asks_too_much_is_a_mistake_with_a_place(expression: str, words: str, path: Path) -> None:
    error = refusal(path, local(expression))
    assert words in error["message"]
    assert error["message"].startswith(f"{path}:")
    assert error["data"]["line"] >= 5


def test_a_cycle_of_many_locals_is_told_in_short(path: Path) -> None:
    chain = "".join(f"  a{i} = local.a{i + 1}\n" for i in range(2000))
    error = refusal(path, GOOD + f"locals {{\n{chain}  a2000 = local.a0\n}}\n")
    assert "cyclic reference" in error["message"]


def test_names_as_long_as_a_file_are_not_given_back(path: Path) -> None:
    answer = ask(path, f'env "{"x" * 400_000}" {{}}\ndata "aws_dsql_token" "{"y" * 400_000}" {{}}\n')
    assert answer["error"]["kind"] == "not_found"
    assert len(json.dumps(answer)) < 20_000


def test_a_message_that_is_cut_holds_no_half_of_a_quotation(path: Path) -> None:
    path.with_name("secret").write_text("s3cret" * 1000)
    error = refusal(path, local('{ (file("secret")) = 1 }[format("%sx", file("secret"))]'))
    assert "s3cret" not in json.dumps(error)


def test_a_project_of_too_many_targets_says_too_much(path: Path) -> None:
    host = "a" * 60 + ".dsql.us-east-1.on.aws"
    sources = "".join(f'data "aws_dsql_token" "d{i}" {{\n  endpoint = "{host}"\n}}\n' for i in range(300))
    url = "".join(f"${{data.aws_dsql_token.d{i}}}" for i in range(300))
    roles = sources.replace("\n}", f'\n  role_arn = "{"r" * 1000}"\n}}')
    answer = ask(path, f'{roles}env "x" {{\n  url = "{url}"\n}}\n', env="x", data=None)
    assert "says too much" in answer["error"]["message"]


def test_a_project_reads_only_so_many_variables(path: Path) -> None:
    assert len(ask(path, local('[for i in range(1000) : getenv("N${i}")]'))["need"]) == 500


# --- files that are none, and what they read -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"\0", b"x = \0\n", b"\0" * 1000, b'a = "\xff"\n', b"\xff" * 1000, b"a = 1\rb = 2\r"]
)
def test_what_is_no_text_is_a_mistake_with_a_place(content: bytes, path: Path) -> None:
    assert f"{path}:1:" in refusal(path, content)["message"]
    assert "invalid character" in refusal(path)["message"]


def test_a_line_of_100_mib_is_refused(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 * MIB)
    assert "it is larger than 1 MiB" in refusal(path)["message"]


def test_a_mib_is_read_and_no_more(path: Path) -> None:
    assert "targets" in ask(path, GOOD.ljust(MIB))
    assert "it is larger than 1 MiB" in refusal(path, GOOD.ljust(MIB + 1))["message"]


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (os.mkfifo, "it is no regular file"),
        (make_socket, "it is no regular file"),
        (lambda path: path.symlink_to(path.name), "too many levels of symbolic links"),
        (lambda path: path.symlink_to("/dev/zero"), "it is no regular file"),
        (os.mkdir, "it is a directory"),
    ],
    ids=["fifo", "socket", "loop", "endless", "directory"],
)
def test_what_is_no_file_is_refused_at_once(
    make: Callable[[Path], None], words: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)  # a socket's path has to be short
    path.unlink()
    make(path)
    assert words in refusal(path)["message"]
    path.rename(path.with_name("moved"))
    make(path.with_name("other"))
    error = refusal(path, local('file("other")'))
    assert error["message"].startswith(f"{path}:5:")
    assert words in error["message"]


def test_all_that_a_project_reads_is_bounded(path: Path) -> None:
    for name in ("a", "b", "c"):
        path.with_name(name).write_text("x" * (3 * MIB // 2))
    assert "targets" in ask(path, local('[file("a"), file("b"), file("a"), file("b")]'))
    assert "larger than 4 MiB" in refusal(path, local('[file("a"), file("b"), file("c")]'))["message"]


def test_a_project_looks_at_only_so_many_files(path: Path) -> None:
    files = ask(path, local('[for i in range(3) : [for j in range(1000) : try(file("${i}-${j}"), 1)]]'))["files"]
    assert len(files) == 2000


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="there is no /proc here")
def test_a_file_of_the_kernels_is_bounded_too(path: Path) -> None:
    assert "error in function call" in refusal(path, local('file("/proc/self/mem")'))["message"]


def test_a_file_is_read_again_while_it_changes_but_not_for_ever() -> None:
    versions = iter([1, 2, 3, 3])
    texts = iter([b"half old", b"whole"])
    assert unchanged(lambda: next(texts), lambda: next(versions)) == b"whole"
    endless = itertools.count()
    with pytest.raises(OSError, match="it changes while it is read"):
        unchanged(lambda: b"", lambda: next(endless))


def test_a_file_says_the_same_all_through_an_evaluation(path: Path) -> None:
    path.write_text(GOOD)
    other = path.with_name("other")
    other.write_text("first")
    files = ProjectFiles(str(path))
    assert files.read_config() == GOOD.encode()
    assert files.read_text("other") == "first"
    other.write_text("second")
    path.write_text("second")
    assert (files.read_text("other"), files.read_text("atlas.hcl")) == ("first", GOOD)
