"""Where the bench measures: an installation of its own, a home of its own, a daemon of its own.

The rules, each of which has falsified a figure somewhere:
- The package is installed from a wheel, not in place: an editable installation puts a finder in the way of each import.
- Modules are compiled, as an installer leaves them, and what is measured does not inherit PYTHONDONTWRITEBYTECODE.
- The venv holds nothing else: what pip or setuptools add to it may bring a .pth file, which every start of it pays for.
- What is measured gets an environment of four variables. HOME is one of them: no file of the caller's is read, and his
  daemon, if one runs, is neither asked nor stopped.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).resolve().parents[2]
BOTO3_SCRIPT = str(Path(__file__).with_name("boto3_token.py"))
ENV = "dsql"
_PROJECT = """\
locals {
  endpoint = "cluster-id.dsql.us-east-1.on.aws"
}

data "aws_dsql_token" "db" {
  endpoint = local.endpoint
  region   = "us-east-1"
  admin    = true
}

env "dsql" {
  url = "dsql://admin:${urlescape(data.aws_dsql_token.db)}@${local.endpoint}:5432/postgres?sslmode=require"
}
"""
# The identity whose token is looked up is a profile: only what is no secret of a caller's is refreshed by itself.
_CREDENTIALS = """\
[default]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
"""
# The user's own keyring is none of the bench's business, and on macOS a home of its own does not keep it out.
_CONFIG = 'keyring = "none"\n'
_CHECK = """\
import dsqltok.cli, os, sys
spec = dsqltok.cli.__spec__
sys.exit(not (spec.origin.startswith(sys.prefix) and os.path.exists(spec.cached)))
"""
_PATIENCE = 30.0


@dataclass(frozen=True)
class Installation:
    """A venv with dsqltok in it."""

    python: str
    dsqltok: str


@dataclass(frozen=True)
class Home:
    """A user's home directory. `environment` is all that a program run there gets; the daemon listens at `socket`.

    `config` is the daemon's configuration, `state` where daemons that clients start have their log, and `log` that of
    those which the bench starts.
    """

    project: Path
    environment: dict[str, str]
    socket: str
    config: Path
    state: Path
    log: Path


def install(directory: Path) -> Installation:
    """Build the checkout's wheel and install it, with pip, in a fresh venv of the Python that runs the bench."""
    wheels = directory / "wheels"
    _do(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), str(_ROOT))
    python = _venv(directory / "venv", str(next(wheels.glob("*.whl"))))
    _do(python, "-c", _CHECK)
    return Installation(python, str(directory / "venv/bin/dsqltok"))


def install_on(directory: Path, interpreter: str, *, uv: str | None = None) -> Installation:
    """Install the wheel that is there in a venv of another Python, in `directory`, with pip or, where given, with `uv`.

    The daemon that its client asks is not its own, so that it needs none of what the daemon needs.
    """
    wheel = str(next(directory.parent.glob("wheels/*.whl")))
    venv = directory / "venv"
    if uv is None:
        _do(interpreter, "-m", "venv", "--without-pip", str(venv))
        install = _pip_install(str(venv / "bin/python"))
    else:
        _do(uv, "venv", "--quiet", "--python", interpreter, str(venv))
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(venv / "bin/python")]
    _do(*install, "--no-deps", wheel)
    python = str(venv / "bin/python")
    _do(python, "-c", _CHECK)
    return Installation(python, str(venv / "bin/dsqltok"))


def install_references(directory: Path) -> str:
    """Install the wheel that is there, and beside it what it is compared with, and uv; return that venv's Python."""
    groups = tomllib.loads((_ROOT / "pyproject.toml").read_text())["dependency-groups"]
    python = _venv(directory / "references", *groups["bench"])
    _do(*_pip_install(python), "--no-deps", str(next(directory.glob("wheels/*.whl"))))
    return python


def _venv(place: Path, *requirements: str) -> str:
    _do(sys.executable, "-m", "venv", "--without-pip", str(place))
    python = str(place / "bin/python")
    _do(*_pip_install(python), *requirements)
    return python


def _pip_install(python: str) -> list[str]:
    return [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--compile"]


def furnish(directory: Path, installation: Installation) -> Home:
    """Make a home with a project, AWS credentials and a configuration of dsqltok in it."""
    directory.mkdir(exist_ok=True)
    home, run, project = directory / "home", directory / "run", directory / "project"
    for each, mode in ((home, 0o700), (run, 0o700), (home / ".aws", 0o700), (project, 0o755)):
        each.mkdir()
        each.chmod(mode)  # the caller's umask may have taken something away
    (project / "atlas.hcl").write_text(_PROJECT)
    (home / ".aws/credentials").write_text(_CREDENTIALS)
    environment = {"HOME": str(home), "XDG_RUNTIME_DIR": str(run), "PATH": os.defpath, "LANG": "C.UTF-8"}
    ask = "from dsqltok import paths; print(paths.socket_path()); print(paths.config_file()); print(paths.state_dir())"
    answer = subprocess.run(
        [installation.python, "-c", ask], env=environment, check=True, capture_output=True, text=True
    )
    socket_path, config, state = answer.stdout.splitlines()
    Path(config).parent.mkdir(parents=True)
    Path(config).write_text(_CONFIG)
    return Home(project, environment, socket_path, Path(config), Path(state), directory / "log")


def register(home: Home, files: list[Path]) -> None:
    """Have these projects, and no others, count as added by the user, for the daemons that are started from now on."""
    document = {"version": 1, "projects": [{"config": str(each), "variables": []} for each in files], "allowed": {}}
    home.state.mkdir(parents=True, exist_ok=True)
    (home.state / "projects.json").write_text(json.dumps(document))


@contextlib.contextmanager
def daemon(installation: Installation, home: Home) -> Iterator[int]:
    """Run the daemon as the client starts it; give its process id once it listens."""
    with home.log.open("ab") as log:
        process = subprocess.Popen(
            [installation.python, "-I", "-m", "dsqltokd"],
            env=home.environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    with process:
        try:
            _await(process)
            yield process.pid
        except RuntimeError:
            sys.stderr.write(home.log.read_text(errors="replace"))  # which goes with the directory
            raise
        finally:
            _end(process)


def _await(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    first = process.stdout.readline()
    if first != b"ok\n":
        raise RuntimeError(f"the daemon does not start: {first.decode(errors='replace')}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()


def _do(*argv: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run(argv, env=environment, stdout=sys.stderr, check=True)
