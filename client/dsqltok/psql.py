r"""`dsqltok psql`: psql, or pgcli, on the user's terminal, with a passfile that a watcher keeps fresh beside it.

The rules:
- psql is a child in our own process group: the terminal's signals reach it as if it had been started by the shell.
  Ctrl-C and Ctrl-\ are its business alone; what ends us is passed on to it, and we end as it did.
- Nothing is shown while it runs but what keeps the session from opening another connection.
- The token is in the passfile only, and that is gone when the session is.
"""

import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

from dsqltok import arguments, asking, errors, following, libpq, passfile, paths, report

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_EXECUTABLE = 126  # as shells have it
_NOT_FOUND = 127
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP)
_LEFT_ALONE = (signal.SIGINT, signal.SIGQUIT)
# pgcli would store the token in the keyring, and offer it as the password when it is long dead.
_NO_KEYRING = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}


def _psql(options: "arguments.Options") -> int:
    program = _program(pgcli="pgcli" in options)
    if program is None:
        missing = "pgcli" if "pgcli" in options else "psql"
        hint = "install pgcli, such as by pipx install pgcli"
        if missing == "psql":
            hint = "install PostgreSQL's client (postgresql-client, libpq on macOS), or pgcli"
        report.explain(errors.NotFoundError(f"{missing} is not installed", hint=hint))
        return _NOT_FOUND
    params = arguments.selection(options)
    answer = asking.complete("connection.get", params)
    words = options.get("words", [])
    assert isinstance(words, list)  # noqa: S101 - made by arguments.parse
    with _passfile() as file:
        file.write(passfile.line(libpq.parameters(answer), str(answer["token"])))
        keyring = _NO_KEYRING if os.path.basename(program) == "pgcli" else {}
        child = _Child([program, *words], {**_environment(answer, file.path), **keyring})
        threading.Thread(target=_keep_fresh, args=(file, params, answer), daemon=True).start()
        return child.end()


def _passfile() -> passfile.Passfile:
    try:
        return passfile.Passfile()
    except OSError as error:
        why = str(error.strerror).lower()
        raise errors.UnavailableError(
            f"cannot keep a passfile in {paths.runtime_dir()}: {why}", hint="the directory has to be yours, with room"
        ) from error


def _program(*, pgcli: bool) -> str | None:
    import shutil  # noqa: PLC0415 - slow to import, and of no use where there is an error in the arguments

    return shutil.which("pgcli") if pgcli else shutil.which("psql") or shutil.which("pgcli")


def _environment(answer: "Mapping[str, object]", path: str) -> dict[str, str]:
    environment = libpq.own(os.environ) | libpq.variables(answer)
    del environment["PGPASSWORD"]  # which would be heeded before the passfile
    return {**environment, "PGPASSFILE": path}


def _keep_fresh(file: passfile.Passfile, params: dict[str, object], answer: "Mapping[str, object]") -> None:
    """Put each new token into the passfile for as long as the process lives."""
    parameters = libpq.parameters(answer)
    for news in following.news(params, standing=True):
        if isinstance(news, errors.DsqltokError):
            report.explain(news)
        elif any(news[name] != answer[name] for name in ("host", "action")):
            report.warn(["the env leads elsewhere by now: this session opens no new connection once its token is over"])
        else:
            try:
                file.write(passfile.line(parameters, str(news["token"])))
            except OSError as error:
                report.warn([f"cannot write {file.path}: {str(error.strerror).lower()}"])


class _Child:
    """A program on our terminal."""

    def __init__(self, argv: list[str], environment: dict[str, str]) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        # The kernel may hand a signal to the watcher's thread, which does not wake this one from a wait for the child.
        self._woken, waking = os.pipe()
        os.set_blocking(waking, False)
        signal.set_wakeup_fd(waking)
        signal.signal(signal.SIGCHLD, _leave)
        # A handler, unlike SIG_IGN, does not go on to the child; what is ignored already, as by nohup, stays so.
        for number, handler in {**dict.fromkeys(_PASSED_ON, self._heed), **dict.fromkeys(_LEFT_ALONE, _leave)}.items():
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, handler)
        self._code = self._start(argv, environment)
        for early in self._early:
            self._heed(early, None)

    def _start(self, argv: list[str], environment: dict[str, str]) -> int:
        try:
            self._process = subprocess.Popen(argv, env=environment)  # noqa: S603 - the program of the user's PATH
        except OSError as error:
            why = str(error.strerror).lower()
            report.explain(errors.UnavailableError(f"cannot run {argv[0]}: {why}", hint="reinstall it"))
            return _NOT_EXECUTABLE
        return 0

    def _heed(self, number: int, _frame: object) -> None:
        if self._process is None:
            self._early.append(number)
        else:
            self._process.send_signal(number)

    def end(self) -> int:
        """Wait for its end, and return the exit code that a shell would see."""
        if self._process is None:
            return self._code
        while (code := self._process.poll()) is None:
            os.read(self._woken, 1)
        return code if code >= 0 else 128 - code


def _leave(_number: int, _frame: object) -> None:
    """Do nothing: the child gets the signal too, or has ended, which shows."""


COMMANDS = {"psql": _psql}
