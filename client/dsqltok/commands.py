"""The commands other than a plain `get`: which there are, what they are for, and where each is.

What a command imports is paid for by that command only.
"""

import sys

from dsqltok import __version__, arguments

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Callable

USAGE = """\
usage: dsqltok COMMAND [ARGUMENT...] [OPTION...]

a token, and where to connect:
  get [NAME]              print a fresh token for env NAME (-n: no newline; --json)
  url [NAME]              print the url of env NAME with a fresh token in it (-n; --json;
                          --scheme postgresql; --param NAME=VALUE, as often as needed)
  env [NAME]              print the variables with which psql and others connect: eval "$(dsqltok env)"
                          (--shell sh | fish | json | dotenv)
  watch [NAME]            print each new token as it comes (--write FILE: keep it there; --exec CMD: run it by sh)

connecting:
  psql [NAME] [ARG...]    run psql, or pgcli (--pgcli), with a token that stays fresh; without NAME, put -- before ARG
  exec [NAME] -- CMD...   become CMD, with the variables of env (--placeholders: put {url} and {token} into its
                          arguments, which everybody on the machine can see)
  proxy [NAME...]         let any client in at 127.0.0.1:5432 with no password and no TLS of its own (--port N, and a
                          port more for each further env; --unix DIR: Unix sockets instead; --ca FILE)
  pgpass enable [NAME...] keep a fresh token of env NAME in ~/.pgpass (--service: and an entry in ~/.pg_service.conf)
  pgpass disable [NAME..] take that back, for all where none is named
  pgpass list             show for which envs that is done, and how it goes (--json)
  ide IDE [NAME]          print how a program with a window connects to env NAME: datagrip, dbeaver, pgadmin, vscode,
                          tableplus or postico (--write FILE: what pgadmin can import)

this shell:
  hook bash | zsh | fish  print what keeps an activated env's variables fresh at the prompt, for the shell's rc file
  activate NAME           set PGHOST, PGPASSWORD and so on in this shell, by the hook (deactivate: as it was before)
  completion bash | zsh | fish  print what completes commands, options and envs

projects, and what is wrong:
  init ENDPOINT [FILE]    write an atlas.hcl for a cluster (--user NAME, else admin; --profile NAME)
  inspect [NAME]          show what Atlas would see in the project (--json; --reveal: tokens too)
  doctor [NAME]           walk the way a token takes, to a login, and say what is wrong where (--json)
  login [NAME]            do a person's part: the mfa code, or the sso login in the browser (--no-browser)
  projects add [FILE]     make a project known outside its directory too (--var)
  projects remove [FILE]  forget it
  projects allow [FILE]   let it run the programs that its data "external" blocks name, as they are now (--env, --var)
  projects list           show the known projects (--json)

the daemon:
  status                  show what the daemon knows (--json; --watch: again every 2 s)
  flush [NAME]            forget the tokens and sessions of env NAME, or all that there are, in the keyring too
  config check | show     say what is wrong with config.toml; show the settings in force (--json)
  health [live | ready]   tell, by the exit code too, whether the daemon answers, and could serve a token now
  metrics                 print counts, latencies and lives as OpenMetrics text
  service install         have the daemon there from login on, by systemd or launchd (uninstall, --purge; status)
  restart                 have another daemon take over, of the version that is installed now
  stop                    end the daemon; the next command that needs it starts it again

which token:
  NAME, --env NAME        an env of the project; not needed where there is one
  -c, --config FILE       the project file, a path or file://path; else the nearest atlas.hcl upward
  --var NAME=VALUE        a value for a variable of the project; as often as needed
  --data NAME             a data "aws_dsql_token" by its name (not for urls)

exit codes: 0 done, 1 a bug, 2 usage, 3 not found, 4 configuration, 5 credentials, 6 denied, 7 unavailable, 8 timeout
"""

_MODULES = {
    "url": "projectcommands",
    "env": "shellcommands",
    "watch": "watching",
    "psql": "psql",
    "exec": "shellcommands",
    "proxy": "proxying",
    "pgpass": "pgpass",
    "ide": "ides",
    "hook": "activating",
    "activate": "activating",
    "deactivate": "activating",
    "completion": "completing",
    "init": "newproject",
    "inspect": "projectcommands",
    "doctor": "projectcommands",
    "login": "projectcommands",
    "projects": "projectcommands",
    "status": "daemoncommands",
    "flush": "daemoncommands",
    "config": "daemoncommands",
    "health": "daemoncommands",
    "metrics": "daemoncommands",
    "service": "daemoncommands",
    "restart": "daemoncommands",
    "stop": "daemoncommands",
}


def run(words: list[str]) -> int:
    """Run one command and return the exit code. Raises `DsqltokError`."""
    if sys.platform == "win32":
        from dsqltok import errors  # noqa: PLC0415 - see the module's docstring

        raise errors.UsageError("dsqltok does not run on Windows yet", hint="it runs in WSL 2, on Linux and on macOS")
    command, *rest = words or ["--help"]
    if command in ("-h", "--help", "help"):
        arguments.write(USAGE)
        return 0
    if command in ("-V", "--version", "version"):
        arguments.write(f"dsqltok {__version__}\n")
        return 0
    if command not in arguments.COMMANDS:
        from dsqltok import report  # noqa: PLC0415 - see the module's docstring

        raise report.no_command(command, list(arguments.COMMANDS))
    options = arguments.parse(command, rest)
    if "help" in options or command == "get":  # any other `get` has not come here
        arguments.write(USAGE)
        return 0
    return _found(command)(options)


def _found(command: str) -> "Callable[[arguments.Options], int]":
    # Not importlib's function: that package takes longer to import than a lookup does.
    module = __import__(f"dsqltok.{_MODULES[command]}", fromlist=("COMMANDS",))
    commands: dict[str, Callable[[arguments.Options], int]] = module.COMMANDS
    return commands[command]
