"""What Aurora DSQL means when it refuses a login: its words, told apart, with what to do. Pure.

A row holds whether by message, code or hint, what identifies the refusal; the first that fits counts. `{user}` is the
database user. What the server said is always quoted after it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from dsqltok import errors

if TYPE_CHECKING:
    from dsqltok.pglogin import RefusedError

_LONGEST = 1000  # characters of what a server says


class _Meaning(NamedTuple):
    sign: re.Pattern[str]
    kind: type[errors.DsqltokError]
    words: str
    hint: str


def _row(sign: str, kind: type[errors.DsqltokError], words: str, hint: str) -> _Meaning:
    return _Meaning(re.compile(sign, re.IGNORECASE), kind, words, hint)


_MEANINGS = (
    _row(
        "signature expired",
        errors.CredentialsError,
        "the token was too old by AWS's clock",
        "see the step clock; where that is right, run dsqltok stop and try again",
    ),
    _row(
        "signature not yet current",
        errors.CredentialsError,
        "the token was signed in the future by AWS's clock",
        "see the step clock, and have the system set it",
    ),
    _row(
        "wrong user to action mapping.* action: DbConnect$",
        errors.ConfigurationError,
        "the user admin needs the other kind of token",
        "add admin = true to the data source, or put the user of a custom role into the url",
    ),
    _row(
        "wrong user to action mapping",
        errors.ConfigurationError,
        "only the user admin may come with an admin token, {user} may not",
        "take admin = true out of the data source, or put admin as the user into the url",
    ),
    _row(
        "is not authorized to perform: *dsql:",
        errors.DeniedError,
        "IAM does not allow this identity to connect",
        "allow it that action on the cluster in an IAM policy; dsql:DbConnectAdmin is for the user admin, "
        "dsql:DbConnect for all others",
    ),
    _row(
        "is not authorized to access this resource",
        errors.DeniedError,
        "the cluster is not this identity's: wrong account or profile",
        "compare the account at the step identity with the cluster's; set profile or role_arn in the data source",
    ),
    _row(
        "security token.* is expired",
        errors.CredentialsError,
        "the AWS credentials behind the token have expired",
        "renew them where they come from, then run dsqltok doctor again",
    ),
    _row(
        "security token.* is invalid",
        errors.CredentialsError,
        "AWS does not know the credentials behind the token",
        "see the step identity: the key may have been deleted, or copied without its session token",
    ),
    _row(
        "signature we calculated does not match",
        errors.CredentialsError,
        "the token is signed with a wrong secret key",
        "see the step profile: copy both halves of the key again",
    ),
    _row(
        "waking up cluster",
        errors.UnavailableError,
        "the cluster was idle and is waking up",
        "try again in a minute",
    ),
    _row(
        "sni was not received",
        errors.UnavailableError,
        "the cluster's name did not arrive in the TLS handshake",
        "put the endpoint's name into the url as host, and what leads to a tunnel as hostaddr",
    ),
    _row(
        "^53300 ",
        errors.UnavailableError,
        "the cluster has as many connections as it may have",
        "close some, or wait: 10,000 is the limit",
    ),
    _row(
        "^53400 ",
        errors.UnavailableError,
        "connections are being opened faster than the cluster allows",
        "wait a moment: 100 a second is the limit",
    ),
    _row(
        "^3D000 ",
        errors.ConfigurationError,
        "the cluster has no such database",
        "Aurora DSQL has one, postgres: put /postgres into the url",
    ),
    _row(
        "^28|role .* does not exist",
        errors.DeniedError,
        "the database does not let {user} in",
        "as admin: create role … with login, then AWS IAM GRANT … TO 'arn:…' with the arn at the step identity",
    ),
    _row(
        "access denied",
        errors.DeniedError,
        "the cluster does not accept the token",
        "compare the account at the step identity with the cluster's, and its policies",
    ),
)


def explain(refused: RefusedError, user: str) -> errors.DsqltokError:
    """Return what a refusal of the database user `user` means."""
    said = _said(refused)
    meaning = _meaning(refused)
    if meaning is not None:
        text = f"{meaning.words.format(user=user)} (the server says: {said})"
        return meaning.kind(text, hint=meaning.hint)
    return errors.DeniedError(f"the server refuses the login: {said}", hint="see what its message asks for")


def words(refused: RefusedError, user: str) -> str:
    """Return in a few words what a refusal of the database user `user` means, nothing where that is not known."""
    meaning = _meaning(refused)
    return meaning.words.format(user=user) if meaning else ""


def _meaning(refused: RefusedError) -> _Meaning | None:
    said = f"{refused.code} {_said(refused)}"
    return next((meaning for meaning in _MEANINGS if meaning.sign.search(said)), None)


def _said(refused: RefusedError) -> str:
    return ": ".join(filter(None, (refused.message, refused.hint))).rstrip(".")[:_LONGEST]
