"""Variables as text of a shell: whatever they hold, each shell says what was meant, and does nothing besides."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from dsqltok import errors, shelltext

if TYPE_CHECKING:
    from pathlib import Path

NASTY = [
    "",
    " ",
    "'",
    "''",
    "'a'",
    "\\",
    "\\'",
    "a\\",
    "$(touch ran)",
    "`touch ran`",
    "${HOME}",
    "$HOME",
    '"',
    "a\"b'c",
    "!x !! !$",
    "#x",
    "a#b",
    "%s",
    "~",
    "*",
    "a;touch ran",
    "a\ntouch ran\n",
    "\t",
    "héllo ☃",
    "-n",
    "\\n",
    "(touch ran)",
    "{a,b}",
    "a=b",
    "a' b",
]
VARIABLES = {f"V{number}": value for number, value in enumerate(NASTY)}
PRINT = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k[0] == 'V' and k[1:].isdigit()}))"
TAKE = {"fish": 'printf %s "$text" | source'}
SHELLS = ["sh", "dash", "bash", "zsh", "fish"]


def said(shell: str, text: str, directory: Path) -> dict[str, str]:
    """Return the variables of a program that a shell starts after it took `text`."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} not found")
    done = subprocess.run(
        [shell, "-c", TAKE.get(shell, 'eval "$text"') + '\npython3 -c "$print"'],
        env={"text": text, "print": PRINT, "PATH": os.environ["PATH"], "HOME": str(directory), "LANG": "C.UTF-8"},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not (directory / "ran").exists()
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_takes_any_value_as_it_is(shell: str, tmp_path: Path) -> None:
    write = shelltext.WRITERS["fish" if shell == "fish" else "sh"]
    assert said(shell, write(VARIABLES, []), tmp_path) == VARIABLES


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_drops_what_is_gone(shell: str, tmp_path: Path) -> None:
    write = shelltext.WRITERS["fish" if shell == "fish" else "sh"]
    text = write({"V1": "old", "V2": "kept"}, []) + write({}, ["V1", "V3"])
    assert said(shell, text, tmp_path) == {"V2": "kept"}


def test_json_is_an_object() -> None:
    assert json.loads(shelltext.as_json(VARIABLES)) == VARIABLES


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a b", "'a b'"),
        ("", "''"),
        ("a'b # $c", '"a\'b # $c"'),
        ('a"b', "'a\"b'"),
        ("-c a=b", "'-c a=b'"),
    ],
)
def test_a_value_of_an_env_file_is_quoted(value: str, text: str) -> None:
    assert shelltext.dotenv({"A": value}) == f"A={text}\n"


@pytest.mark.parametrize("value", ["a\nb", "a\\b", "a'b\"c", "${HOME}", "\r", "\x1b"])
def test_what_readers_of_an_env_file_do_not_agree_on_is_refused(value: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="A has characters that readers of") as caught:
        shelltext.dotenv({"A": value})
    assert value not in caught.value.message
