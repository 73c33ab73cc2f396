"""`dsqltok init`: a project file for an endpoint, with which the other commands work, as Atlas does."""

import os
import shlex
from urllib.parse import quote

from dsqltok import arguments, endpoint, errors, files, paths

_FILE = "atlas.hcl"
# Whatever the umask: dsqltok refuses a project that others may write to.
_MODE = 0o644
_TEXT = """\
# Atlas and dsqltok both read this file. `dsqltok inspect` shows what they see in it.

locals {{
  endpoint = {endpoint}
}}

# A token to log in with, signed by the AWS credentials of the shell that asks for it.
data "aws_dsql_token" "db" {{
  endpoint = local.endpoint
{arguments}
}}

# `dsqltok exec dsql -- psql` connects to it, `atlas schema inspect --env dsql` is Atlas's way to use it.
env "dsql" {{
  # With sslmode=verify-full the server also has to prove its name, by a root certificate that your client has to know.
  url = "dsql://{user}:${{urlescape(data.aws_dsql_token.db)}}@${{local.endpoint}}:5432/postgres?sslmode=require"
  # Where Atlas tries changes out before it makes them.
  dev = "docker://dsql/16/dev"
}}
"""


def text(host: str, user: str, profile: str | None) -> str:
    """Return a project for the endpoint `host`, a host name in lower case, whose env `dsql` connects as `user`.

    Raises `UsageError` for a user or a profile that there cannot be.
    """
    region = endpoint.region_in(host)
    lines = [
        '# region = "us-east-1"  # the name does not say it; without this it is that of the AWS configuration',
        "# admin  = true  # for the database role admin; without this, for any other",
        '# profile  = "prod"  # where it is always the same credentials that sign',
        '# role_arn = "arn:aws:iam::123456789012:role/NAME"  # to assume a role first',
    ]
    if region is not None:
        lines[0] = f"region   = {_quoted(region, 'region')}"
    if user == "admin":
        lines[1] = "admin    = true  # for the database role admin; without this, for any other"
    if profile is not None:
        lines[2] = f"profile  = {_quoted(profile, 'profile')}"
    _quoted(user, "user")
    return _TEXT.format(
        endpoint=_quoted(host, "endpoint"),
        user=quote(user, safe=""),
        arguments="\n".join(f"  {line}" for line in lines),
    )


def _quoted(value: str, what: str) -> str:
    """Return a text as HCL writes it."""
    if not value or not value.isprintable():
        raise errors.UsageError(f"the {what} is empty or holds control characters", hint=f"give the {what}'s name")
    for mark, written in (("\\", "\\\\"), ('"', '\\"'), ("${", "$${"), ("%{", "%%{")):
        value = value.replace(mark, written)
    return f'"{value}"'


def _init(options: dict[str, object]) -> int:
    given = options.get("endpoint")
    try:
        host = endpoint.host_name("" if given is None else str(given))
    except endpoint.EndpointError as error:
        raise errors.UsageError(error.message, hint=error.hint) from None
    profile = options.get("profile")
    content = text(host, str(options.get("user", "admin")), None if profile is None else str(profile))
    path = str(options.get("file", _FILE))
    _write(path, content)
    where = [] if path == _FILE else ["--config", path]
    arguments.write(f"{path} is written\nnext: {shlex.join(['dsqltok', 'get', 'dsql', *where])}\n")
    return 0


def _write(path: str, content: str) -> None:
    """Write a file that is not there yet: all of it, or none."""
    try:
        files.create_atomically(paths.absolute(path), content, _MODE)
    except FileExistsError:
        raise errors.UsageError(f"{path} is there already", hint="edit it, or name another file") from None
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: str, error: OSError) -> errors.UnavailableError:
    reason = os.strerror(error.errno or 0).lower()
    return errors.UnavailableError(f"cannot write {path}: {reason}", hint="name a file elsewhere", retryable=False)


COMMANDS = {"init": _init}
