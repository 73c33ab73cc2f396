"""`dsqltok service`: having the daemon there from login on, by systemd or launchd.

What is installed are the units of `systemd/`, with the program of this installation, and in a drop-in beside them
the variables that a service manager may not have: PATH, where helpers of AWS tools are found, and those that say where
dsqltok keeps things. Installing again puts right whatever has changed.
"""

import os
import shutil
import subprocess
import sys

from dsqltok import errors, files, launchd, paths, pgpass, programs, protocol, transport

_UNITS = ("dsqltokd.socket", "dsqltokd.service")
_TEMPLATES = ("dsqltokd-proxy@.socket", "dsqltokd-proxy@.service")  # an env each, enabled by whoever wants it
_DROP_IN = "dsqltokd.service.d/environment.conf"
_RELAXED = tuple(f"{name}.d/sandbox.conf" for name in (_UNITS[1], _TEMPLATES[1]))
_PASSED = ("PATH", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "LANG")
_SHOWN = ("LoadState", "UnitFileState", "ActiveState", "SubState", "MainPID", "StatusText")
_PATIENCE = 60.0
# What systemd ends a process with that it could not confine as the unit says: systemd.exec(5), "Process exit codes".
_UNCONFINED = ("217", "218", "226", "228")
_RELAX = """\
# Written by dsqltok service install: this system lets its users make no namespaces (so does Ubuntu's AppArmor), and the
# service would not start with what rests on them. What does not is still in force.
[Service]
PrivateUsers=no
PrivateMounts=no
ProtectSystem=no
ProtectHome=no
ReadWritePaths=
PrivateDevices=no
ProtectKernelTunables=no
ProtectKernelModules=no
ProtectKernelLogs=no
ProtectControlGroups=no
ProtectClock=no
ProtectHostname=no
CapabilityBoundingSet=~
"""


def install() -> str:
    """Install the service, or put right an installation that differs, and start it. Return what was done."""
    program = programs.installed("dsqltokd")
    if sys.platform == "darwin":
        launchd.install(program, _variables())
        return f"installed {launchd.plist_path()}\n"
    _require_systemd()
    directory = _unit_directory()
    for name in (*_UNITS, *_TEMPLATES):
        _write(os.path.join(directory, name), _unit(name, program))
    _write(os.path.join(directory, _DROP_IN), environment(_variables()))
    # What was relaxed is judged anew, by a start: a daemon that runs would say nothing of the next one.
    relaxed = [name for name in _RELAXED if _remove(os.path.join(directory, name))]
    _systemctl("daemon-reload")
    _systemctl("enable", *_UNITS)
    _systemctl("reset-failed", *_UNITS)
    # The socket first: an earlier daemon that a client started notices that its own was replaced, and makes way.
    _systemctl("start", _UNITS[0])
    told = f"installed {' and '.join(_UNITS)} in {directory}\n"
    _systemctl("restart" if relaxed else "start", _UNITS[1], check=False)
    if cannot_confine(_properties(_UNITS[1], "ExecMainStatus", "ActiveState")):
        relax()
        told += "this system lets its users make no namespaces: the service has less of a sandbox than it might\n"
    _systemctl("start", _UNITS[1])
    return told


def cannot_confine(properties: dict[str, str]) -> bool:
    """Tell from a unit's properties whether systemd could not set up its sandbox."""
    return properties["ActiveState"] != "active" and properties["ExecMainStatus"] in _UNCONFINED


def relax() -> None:
    """Take back what of the sandbox rests on namespaces."""
    for name in _RELAXED:
        _write(os.path.join(_unit_directory(), name), _RELAX)
    _systemctl("daemon-reload")
    _systemctl("stop", _UNITS[1], check=False)
    _systemctl("reset-failed", _UNITS[1])


def uninstall(*, purge: bool) -> str:
    """Take the service away, and what is kept in passfiles, with `purge` all that the daemon keeps.

    Return what was done.
    """
    left = pgpass.disable_all()
    left += _forget() if purge else "; what the daemon keeps is still there (--purge removes it)"
    if sys.platform == "darwin":
        gone = launchd.uninstall()
    else:
        gone = _remove_units()
    if purge:
        shutil.rmtree(paths.state_dir(), ignore_errors=True)
    return f"{'uninstalled' if gone else 'it was not installed'}{left}\n"


def status() -> str:
    """Return how the service is, a line a unit."""
    if sys.platform == "darwin":
        return launchd.status()
    _require_systemd()
    return "".join(_shown(name) for name in _UNITS)


def environment(variables: dict[str, str]) -> str:
    """Return the drop-in that gives the service these variables."""
    lines = (f"Environment={_quoted(f'{name}={value}')}\n" for name, value in variables.items())
    return "# Written by dsqltok service install, from the shell that it ran in.\n[Service]\n" + "".join(lines)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _variables() -> dict[str, str]:
    found = {name: os.environ[name] for name in _PASSED if os.environ.get(name)}
    return {name: value for name, value in found.items() if value.isprintable()}


def _unit(name: str, program: str) -> str:
    path = os.path.join(os.path.dirname(__file__), "systemd", name)
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines(keepends=True)
    # systemd expands % and $ in a command line, and an argument with a space needs quotes.
    daemon = _quoted(program.replace("$", "$$"))
    client = _quoted(program.replace("$", "$$").removesuffix("d"))
    command = f"{client} proxy %i" if name in _TEMPLATES else daemon
    return "".join(f"ExecStart={command}\n" if line.startswith("ExecStart=") else line for line in lines)


def _unit_directory() -> str:
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (base if base.startswith("/") else f"{paths.home()}/.config") + "/systemd/user"


def _write(path: str, text: str) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        files.write_atomically(path, text, 0o644)
    except OSError as error:
        raise errors.UnavailableError(
            f"cannot write {path}: {error.strerror}", hint="see who owns the directory", retryable=False
        ) from error


def _remove_units() -> bool:
    directory = _unit_directory()
    paths_of = [os.path.join(directory, name) for name in (*_UNITS, *_TEMPLATES, _DROP_IN, *_RELAXED)]
    if _has_systemd():
        _systemctl("disable", "--now", "dsqltokd-proxy@*.socket", "dsqltokd-proxy@*.service", check=False)
        _systemctl("disable", "--now", *_UNITS, check=False)
    found = [path for path in paths_of if _remove(path)]
    for drop_ins in {os.path.dirname(os.path.join(directory, name)) for name in (_DROP_IN, *_RELAXED)}:
        if os.path.isdir(drop_ins) and not os.listdir(drop_ins):
            os.rmdir(drop_ins)
    if _has_systemd():
        _systemctl("daemon-reload")
        _systemctl("reset-failed", *_UNITS, check=False)
    return bool(found)


def _remove(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def _forget() -> str:
    """Have the daemon, started for that if need be, forget what the keyring holds too, and end. Return what is left."""
    asked: dict[str, object] = {"protocol": protocol.VERSION, "progress": True}
    keyring = protocol.read_answer(transport.call(protocol.request("tokens.flush", asked)))["keyring"]
    protocol.read_answer(transport.call(protocol.request("daemon.stop", asked), start=False))
    error = keyring["error"] if isinstance(keyring, dict) else None
    return f"; {error['message']}: what it holds could not be removed" if error and error["retryable"] else ""


def _shown(name: str) -> str:
    values = _properties(name, *_SHOWN)
    if values.get("LoadState") != "loaded":
        return f"{name}: not installed\n"
    process = f", process {values['MainPID']}" if values.get("MainPID", "0") != "0" else ""
    words = f": {values['StatusText']}" if values.get("StatusText") else ""
    return f"{name}: {values['UnitFileState']}, {values['ActiveState']} ({values['SubState']}){process}{words}\n"


def _properties(name: str, *wanted: str) -> dict[str, str]:
    found = _systemctl("show", name, "--property", ",".join(wanted))
    return dict(line.partition("=")[::2] for line in found.splitlines())


def _has_systemd() -> bool:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return shutil.which("systemctl") is not None and os.path.exists(f"{runtime}/systemd/private")


def _require_systemd() -> None:
    if not _has_systemd():
        raise errors.UnavailableError(
            "no systemd runs for this user, and nothing was installed",
            hint="none is needed: the first dsqltok command starts the daemon, which stays until dsqltok stop",
            retryable=False,
        )


def _systemctl(*words: str, check: bool = True) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, with our own words
            ["systemctl", "--user", "--no-ask-password", *words],  # noqa: S607 - where it is, PATH says
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise errors.TimedOutError("systemctl --user does not answer", hint="try systemctl --user status") from None
    if check and done.returncode != 0:
        raise errors.UnavailableError(
            f"systemctl --user {' '.join(words)} failed",
            detail=done.stderr.strip(),
            hint="journalctl --user -u dsqltokd shows more",
        )
    return done.stdout
