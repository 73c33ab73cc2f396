"""The `program` job: run what a project's `data "external"` names, which the user has allowed.

    in   name, argv, directory, files (path to SHA-256), environment (variables on top of the worker's own)
    out  output (all of stdout), or error

Nothing of the output is ever in a message; the end of what the program said on stderr is, since it is how a program
explains itself. The core kills the worker, with everything that the program has started, at the deadline or when the
output is there.
"""

from __future__ import annotations

import hashlib
import os
import selectors
import subprocess
from typing import IO, Any

from dsqltok.errors import ConfigurationError, DsqltokError, UnavailableError

_MOST_OUTPUT = 1 << 20
_MOST_SAID = 1000
_CHUNK = 1 << 16


def run(job: dict[str, Any]) -> dict[str, object]:
    """Do one job. See the module's docstring for its shape."""
    for path, digest in job["files"].items():
        if _hash(path) != digest:
            raise UnavailableError(f"{path} has changed since it was allowed", hint="try again")
    process = _start(job)
    output, said = _read(process, job["name"])
    if process.wait() != 0:
        raise _failure(job["name"], process.returncode, said)
    try:
        return {"output": output.decode()}
    except UnicodeDecodeError:
        message = f"{job['name']}: the program's output is not utf-8 text"
        raise ConfigurationError(message, hint="have it print text") from None


def _start(job: dict[str, Any]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - the user has allowed it
            job["argv"],
            cwd=job["directory"],
            env={**os.environ, **job["environment"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigurationError(
            f"{job['name']}: running {job['argv'][0]}: {reason}",
            hint=f"it is looked for in {job['directory']} if it has a slash, else in the daemon's PATH",
        ) from None


def _read(process: subprocess.Popen[bytes], name: str) -> tuple[bytes, bytes]:
    """Return all of stdout, and the end of stderr."""
    assert process.stdout is not None  # noqa: S101 - for the type checker
    assert process.stderr is not None  # noqa: S101 - for the type checker
    read: dict[IO[bytes], bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for stream in read:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                chunk = os.read(key.fd, _CHUNK)
                if chunk:
                    read[key.fileobj] += chunk  # type: ignore[index]  # what was registered
                else:
                    selector.unregister(key.fileobj)
            del read[process.stderr][:-_MOST_SAID]
            if len(read[process.stdout]) > _MOST_OUTPUT:
                message = f"{name}: the program prints more than {_MOST_OUTPUT >> 20} MiB"
                raise ConfigurationError(message, hint="have it print less")
    return bytes(read[process.stdout]), bytes(read[process.stderr])


def _failure(name: str, code: int, said: bytes) -> DsqltokError:
    ended = f"ended with exit code {code}" if code > 0 else f"was killed by signal {-code}"
    return UnavailableError(
        f"{name}: the program {ended}",
        detail=said.decode(errors="replace").strip(),
        hint="run it yourself to see why",
    )


def _hash(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
