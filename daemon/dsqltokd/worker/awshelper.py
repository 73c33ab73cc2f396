"""Running a credential_process: a program that prints credentials, and may do anything else.

The rules:
- What it prints is read up to a bound; past that it is killed. What it says on stderr goes nowhere.
- It runs once, however often botocore asks, which would run it twice where its credentials end soon.
- It is over when the program itself has ended, even if a child of its holds the pipe.
- It stays in the worker's process group, with all that it starts: the core ends the group of a worker whose job failed.
- Its memory is not limited as the worker's is: some runtimes reserve far more than they use.
- Nothing that it prints, and no word of its command line, is part of an error.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dsqltok.errors import ConfigurationError, CredentialsError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST = 64 << 10  # bytes: credentials take two thousand
_LOOK = 0.02  # seconds between two looks whether the program has ended while its pipe is still open
_BY_HAND = "run that program in a terminal to see what it prints"


class Helper:
    """One run, with as much of `subprocess.Popen` as botocore uses. `profile` is the one that names the program."""

    returncode = 0  # another one is an error here

    def __init__(self, profile: str, arguments: Sequence[str]) -> None:
        self._who = f'profile "{profile}"'
        self._printed: bytes | None = None
        if not arguments:
            raise ConfigurationError(f"{self._who}: its credential_process is empty", hint="name a program there")
        try:
            # The program is the user's own choice, and the worker has one thread.
            self._process = subprocess.Popen(arguments, stdout=subprocess.PIPE, preexec_fn=_without_limit)  # noqa: PLW1509, S603
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no command"
            raise ConfigurationError(
                f"{self._who}: its credential_process cannot be started: {why.lower()}",
                hint="check the path of the program, and that it is executable",
            ) from None

    def communicate(self) -> tuple[bytes, bytes]:
        """Return what the program printed, which is good, and nothing. Raises `CredentialsError`."""
        if self._printed is None:
            printed = self._run()
            self._check(printed)
            self._printed = printed
        return self._printed, b""

    def _run(self) -> bytes:
        try:
            printed = self._read()
            status = self._process.wait()
        finally:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None  # noqa: S101 - for the type checker
            self._process.stdout.close()
        if status:
            how = f"failed with status {status}" if status > 0 else f"was ended by {_signal(-status)}"
            raise self._failed(how, "run that program in a terminal to see what it says")
        return printed

    def _read(self) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        pipe, printed = self._process.stdout.fileno(), b""
        while len(printed) <= _MOST:
            ended = self._process.poll() is not None
            readable, _, _ = select.select([pipe], [], [], 0 if ended else _LOOK)
            some = os.read(pipe, _MOST) if readable else b""
            printed += some
            if not some and (readable or ended):
                return printed
        raise self._failed(f"printed more than {_MOST >> 10} KiB", _BY_HAND)

    def _check(self, printed: bytes) -> None:
        try:
            found: Any = json.loads(printed)
        except (ValueError, RecursionError):
            raise self._failed("printed no JSON", _BY_HAND) from None
        if not isinstance(found, dict):
            raise self._failed("printed JSON that is no object", _BY_HAND)
        if found.get("Version") != 1:
            raise self._failed("printed credentials of a version other than 1", 'it has to print "Version": 1')
        for name in ("AccessKeyId", "SecretAccessKey"):
            if not found.get(name) or not isinstance(found[name], str):
                raise self._failed(f"printed no {name}", _BY_HAND)
        for name in ("SessionToken", "Expiration"):
            if not isinstance(found.get(name, ""), str | None):
                raise self._failed(f"printed something that is no text as {name}", _BY_HAND)
        if found.get("Expiration"):
            self._check_expiration(found["Expiration"])

    def _check_expiration(self, text: str) -> None:
        try:
            expiration = datetime.fromisoformat(text)
        except ValueError:
            return  # botocore knows more ways to write a moment
        if expiration.tzinfo is not None and expiration <= datetime.now(UTC):
            raise self._failed("printed credentials that have expired", "renew them, and check this machine's clock")

    def _failed(self, how: str, hint: str) -> CredentialsError:
        return CredentialsError(f"{self._who}: its credential_process {how}", hint=hint)


def _without_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
