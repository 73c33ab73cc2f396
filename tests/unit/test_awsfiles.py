"""AWS files that cannot be read, of which botocore would say nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dsqltok.errors import ConfigurationError
from dsqltokd.worker.awsfiles import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 50 << 20)


def endless(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkfifo, "it is no regular file"),
        (os.mkdir, "it is no regular file"),
        (huge, "it is larger than 2 MiB"),
        (endless, "too many levels of symbolic links"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(make: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    make(path)
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        check([str(tmp_path / "absent"), str(path)])
    assert str(path) in caught.value.message
    assert said in caught.value.message
    assert caught.value.hint


def test_a_file_that_is_not_there_or_is_empty_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("[default]\n")
    check([str(tmp_path / "file"), str(tmp_path / "absent"), str(tmp_path / "file/below"), "/dev/null"])
