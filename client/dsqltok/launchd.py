"""The service on macOS: a launchd agent that makes the socket, and starts the daemon when somebody connects to it."""

import os
import plistlib
import subprocess

from dsqltok import errors, files, paths

LABEL = "dsqltokd"


def plist_path() -> str:
    """Return where the agent's description is."""
    return f"{paths.home()}/Library/LaunchAgents/{LABEL}.plist"


def plist(program: str, variables: dict[str, str]) -> dict[str, object]:
    """Return the agent's description."""
    return {
        "Label": LABEL,
        "ProgramArguments": [program],
        "EnvironmentVariables": variables,
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 2,
        "ProcessType": "Background",
        "Umask": 0o077,
        "HardResourceLimits": {"Core": 0},
        "StandardErrorPath": paths.log_file(),
        "Sockets": {LABEL: {"SockPathName": paths.socket_path(), "SockPathMode": 0o600}},
    }


def install(program: str, variables: dict[str, str]) -> None:
    """Write the description, and have launchd take it in place of an earlier one."""
    for directory in (os.path.dirname(plist_path()), paths.state_dir()):
        os.makedirs(directory, exist_ok=True)
    os.makedirs(paths.runtime_dir(), mode=0o700, exist_ok=True)
    files.write_atomically(plist_path(), plistlib.dumps(plist(program, variables)).decode(), 0o644)
    _launchctl("bootout", _service(), check=False)
    _launchctl("bootstrap", _domain(), plist_path())


def uninstall() -> bool:
    """Take the agent away; tell whether it was there."""
    _launchctl("bootout", _service(), check=False)
    try:
        os.unlink(plist_path())
    except FileNotFoundError:
        return False
    return True


def status() -> str:
    """Return what launchd says of the agent."""
    return _launchctl("print", _service())


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _service() -> str:
    return f"{_domain()}/{LABEL}"


def _launchctl(*words: str, check: bool = True) -> str:
    done = subprocess.run(  # noqa: S603 - a fixed program, with our own words
        ["/bin/launchctl", *words], capture_output=True, text=True, timeout=60.0, check=False
    )
    if check and done.returncode != 0:
        raise errors.UnavailableError(
            f"launchctl {words[0]} failed", detail=done.stderr.strip(), hint="see dsqltok service status"
        )
    return done.stdout
