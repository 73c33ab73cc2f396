from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from dsqltok.errors import ConfigurationError
from dsqltokd.config import Config, load, parse, shown
from dsqltokd.model import Policy


def read(text: str) -> Config:
    return parse(text, "config.toml")


def refused(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    assert caught.value.hint
    assert not caught.value.retryable
    return f"{caught.value.message}\n{caught.value.hint}"


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    config = load(str(tmp_path / "config.toml"))
    assert config == Config()
    assert config.policy == Policy(token_ttl=900, keep_warm=12 * 3600)


def test_an_empty_file_says_nothing() -> None:
    assert read("") == Config()


def test_every_setting_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("""
        token_ttl = 9
        keep_warm = 0
        aws_timeout = 30
        program_timeout = 3
        keyring = "none"
        log_level = "debug"
        allow_hosts = ["localhost"]
        pass_environment = ["SSH_AUTH_SOCK", "MY_VAR"]
    """)
    assert load(str(path)) == Config(9, 0, 30, 3, "none", "debug", ("localhost",), ("SSH_AUTH_SOCK", "MY_VAR"))
    assert load(str(path)).policy == Policy(token_ttl=9, keep_warm=0)


@pytest.mark.parametrize("ttl", [1, 900, 604_800])
def test_a_token_may_live_from_a_second_to_a_week(ttl: int) -> None:
    assert read(f"token_ttl = {ttl}").token_ttl == ttl


@pytest.mark.parametrize("ttl", ["0", "-5", "604801", "900.0", "true", '"900"', "[900]", "{ seconds = 900 }"])
def test_any_other_life_is_refused_with_the_limits(ttl: str) -> None:
    said = refused(f"token_ttl = {ttl}")
    assert "config.toml:1: token_ttl must be a whole number of seconds" in said
    assert "from 1 to 604800" in said


@pytest.mark.parametrize("text", ["keep_warm = -1", "aws_timeout = 0", "aws_timeout = 301"])
def test_the_other_times_have_limits_too(text: str) -> None:
    assert "from " in refused(text)


@pytest.mark.parametrize("text", ["keyring = true", 'allow_hosts = "localhost"', "allow_hosts = [1]", "[allow_hosts]"])
def test_a_setting_of_the_wrong_type_is_refused(text: str) -> None:
    assert "must be" in refused(text)


def test_a_misspelt_setting_is_refused_with_the_likeliest_one() -> None:
    assert refused("token_tll = 900") == 'config.toml:1: there is no setting "token_tll"\ndid you mean token_ttl?'


def test_an_unknown_setting_is_refused_with_all_there_are() -> None:
    said = refused("zzz = 1")
    assert (
        "token_ttl, keep_warm, aws_timeout, program_timeout, keyring, log_level, allow_hosts, pass_environment" in said
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"token_ttl = ", r"config\.toml:1:13: invalid value"),
        (b"\ntoken_ttl 9", r"config\.toml:2:11: expected '=' after a key"),
        (b"token_ttl = 1\ntoken_ttl = 2", r"config\.toml:2:14: cannot overwrite a value"),
        (b'keyring = "x', r"config\.toml: .* at the end|config\.toml:1:13: unterminated string"),
        (b"\xff\xfe", r"config\.toml cannot be read: 'utf-8' codec"),
    ],
)
def test_a_file_that_is_no_toml_is_an_error_with_its_place(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words) as caught:
        load(str(path))
    assert caught.value.hint


def test_a_wrong_setting_is_told_with_its_line() -> None:
    assert refused('# mine\n\n"token_ttl" = 9\n  keyrng = "none"\n').startswith("config.toml:4: ")
    assert refused("token_ttl = 9\n[log_level]\n").startswith("config.toml:2: log_level must be one of the levels")


def test_the_example_has_every_setting_at_its_default() -> None:
    text = (Path(__file__).parents[2] / "examples" / "config.toml").read_text()
    assert read(text) == Config()
    assert list(tomllib.loads(text)) == list(shown(Config()))


def test_a_file_that_cannot_be_opened_is_an_error_too(tmp_path: Path) -> None:
    os.mkdir(tmp_path / "config.toml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(str(tmp_path / "config.toml"))
