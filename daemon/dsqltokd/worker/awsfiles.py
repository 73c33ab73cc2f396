"""The files behind an AWS identity: which they are, in what state, and whether they can be read at all.

A change of any of them makes the daemon sign anew, and is what it waits for where they were no good. Besides the two of
the AWS configuration these are the sign-ins, which botocore also writes to when it renews one, and the tokens that STS
or a container's endpoint wants to see. All are those of the environment, `HOME` included, at the time of the call.

botocore takes a file that it may not read, a directory and a FIFO for a file that is not there, and would sign as
somebody else than the one whom the file names; and it has no bound for how long it reads.
"""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING, Any

from dsqltok.errors import ConfigurationError
from dsqltokd import files
from dsqltokd.worker import awsprofiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MOST = 2 << 20  # bytes: twenty thousand profiles, which take botocore two seconds


def configuration() -> list[str]:
    """Return the AWS configuration's two files."""
    return [
        os.environ.get("AWS_CONFIG_FILE", "~/.aws/config"),
        os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    ]


def sso_directory() -> str:
    """Return where every AWS tool keeps what `aws sso login` brought."""
    return os.path.expanduser("~/.aws/sso/cache")


def sso_file(key: str) -> str:
    """Return the file there of an SSO session's name, or of a start url where the profile names no session."""
    # The SHA-1 is a file name, not a protection.
    return f"{sso_directory()}/{hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()}.json"


def sign_ins(config: Mapping[str, Any], profile: str) -> list[str]:
    """Return what `aws sso login` and `aws login` write for `profile` and those that it takes its keys from."""
    found = []
    for each in awsprofiles.settings(config, profile):
        sso = each.get("sso_session") or each.get("sso_start_url")
        if sso is not None:
            found.append(sso_file(sso))
        if "login_session" in each:
            digest = hashlib.sha256(each["login_session"].encode()).hexdigest()
            found.append(f"{os.environ.get('AWS_LOGIN_CACHE_DIRECTORY', '~/.aws/login/cache')}/{digest}.json")
    return found


def tokens(config: Mapping[str, Any], profile: str) -> list[str]:
    """Return the files whose content is shown to STS or to a container's endpoint, for `profile` or none."""
    named = [os.environ.get(f"AWS_{name}_FILE") for name in ("WEB_IDENTITY_TOKEN", "CONTAINER_AUTHORIZATION_TOKEN")]
    named += [each.get("web_identity_token_file") for each in awsprofiles.settings(config, profile)]
    return [path for path in named if path]


def seen(paths: Iterable[str]) -> dict[str, files.Identity | None]:
    """Return the identity of the file at each of `paths`, by absolute path."""
    absolute = [os.path.abspath(os.path.expanduser(os.path.expandvars(path))) for path in paths]
    return {path: files.identity(path) for path in absolute}


def check(paths: Iterable[str]) -> None:
    """Raise `ConfigurationError` where a file is there but cannot be read. A device, /dev/null for one, is empty."""
    for path in paths:
        trouble = _trouble(path)
        if trouble is not None:
            what, hint = trouble
            raise ConfigurationError(f"the AWS file {path} cannot be read: {what}", hint=hint, retryable=True)


def _trouble(path: str) -> tuple[str, str] | None:
    try:
        found = os.stat(path)
        if stat.S_ISCHR(found.st_mode):
            return None
        if not stat.S_ISREG(found.st_mode):
            return "it is no regular file", "put a file there, or nothing at all"
        if found.st_size > _MOST:
            return f"it is larger than {_MOST >> 20} MiB", "take out the profiles that nobody uses"
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return (error.strerror or "it is not known why").lower(), "check its owner and permissions"
    return None
