"""What AWS is asked and answers: requests that are none, refusals, and answers that hold no credentials. No I/O.

AWS's own words are quoted, but not what they quote in turn: a complaint about a parameter holds its value, which may be
a web identity token, and one about a signature may hold all that was signed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dsqltok.errors import ConfigurationError, CredentialsError, DeniedError, DsqltokError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_DENIED = {"AccessDenied", "AccessDeniedException", "ForbiddenException", "UnauthorizedOperation"}
_BAD_KEYS = {
    "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidAccessKeyId", "InvalidClientTokenId",
    "InvalidIdentityToken", "InvalidIdentityTokenException", "MissingAuthenticationToken", "UnauthorizedException",
    "RequestExpired", "SignatureDoesNotMatch", "UnrecognizedClientException",
}  # fmt: skip
_PASSING = {
    "IDPCommunicationError", "RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException",
    "TooManyRequestsException",
}  # fmt: skip
_PARAMETERS = {
    "DurationSeconds": "duration_seconds",
    "ExternalId": "external_id",
    "RoleSessionName": "role_session_name",
    "SerialNumber": "mfa_serial",
    "TokenCode": "mfa code",
    "WebIdentityToken": "web identity token",
    "accountId": "sso_account_id",
    "roleName": "sso_role_name",
}
_ROLE_CALLS = ("AssumeRole", "AssumeRoleWithWebIdentity")
_PARTS = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
_VALUE = re.compile(r"\b(value|Value:?) '.*?'(?= |$)|\b[Vv]alue: \S+")
_MOST = 300  # characters of what AWS says
_PASSES = "this may pass by itself; try again in a moment"
_NOT_AWS = "what answers is perhaps not AWS: check AWS_ENDPOINT_URL, HTTPS_PROXY and the network's login page"


def refused(error: Exception, who: str, role: str | None, renew: str) -> DsqltokError:
    """Return the meaning of botocore's ClientError. `renew` says whose credentials asked."""
    response = getattr(error, "response", {})
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    text = f"{_whom(who, role)}: aws {_words(code, str(response.get('Error', {}).get('Message', '')))}"
    if code in _DENIED and "MultiFactorAuthentication" in text:
        return CredentialsError(text, hint="wait for the next code, which works once: dsqltok login")
    if code in _DENIED:
        return DeniedError(text, hint="check the role's trust policy, and who you are: aws sts get-caller-identity")
    if code in _BAD_KEYS:
        hint = f"renew the credentials of {renew}, and check this machine's clock"
        return CredentialsError(text, hint=hint, retryable=_is_off(code, text))
    if _is_passing(code, status):
        return UnavailableError(text, hint=_PASSES)
    if _is_no_code(code):
        return garbled(who, role)
    return ConfigurationError(text, hint="check role_arn and the profile")


def _is_passing(code: str, status: int) -> bool:
    return code in _PASSING or status >= 500 or status == 429  # noqa: PLR2004 - HTTP's own numbers


def _is_no_code(code: str) -> bool:
    """Tell whether a refusal has no code of AWS's: it may be a proxy's, or the login page's of a network."""
    return not code or code.isdecimal()


def _is_off(code: str, text: str) -> bool:
    """Tell whether AWS complains of this machine's clock, which may be set soon."""
    return code == "RequestExpired" or "Signature expired" in text or "Signature not yet current" in text


def garbled(who: str, role: str | None) -> DsqltokError:
    """Return the error for an answer that cannot be read."""
    return UnavailableError(f"{_whom(who, role)}: the answer makes no sense", hint=_NOT_AWS)


def bad_parameter(error: Exception, who: str, role: str | None) -> DsqltokError:
    """Return the meaning of a request that botocore would not even send."""
    found = re.search(r"parameter (\w+)", str(getattr(error, "kwargs", {}).get("report", "")))
    name = _PARAMETERS.get(found[1]) if found else None
    if name is not None:
        return ConfigurationError(f"{who}: its {name} is none that AWS takes", hint="check the profile's settings")
    return ConfigurationError(
        f"{who}: {role or 'its role_arn'} is no role's arn", hint="such as arn:aws:iam::123456789012:role/NAME"
    )


def complete(answer: Mapping[str, Any], who: str, parts: Iterable[str]) -> None:
    """Raise `UnavailableError` where an answer to `who` lacks one of `parts`."""
    lacking = [part for part in parts if not answer.get(part)]
    if lacking:
        raise UnavailableError(f"{who}: the answer lacks {', '.join(lacking)}", hint=_NOT_AWS)


class Roles:
    """Listens to what AWS is asked and what it answers.

    `asked` is the role that STS was last asked for; `renewed` tells that a sign-in was renewed, so that botocore writes
    its file. `asks`, `answers` and `renews` are handlers for botocore's events "provide-client-params.sts",
    "after-call.sts" and "after-call.sso-oidc". They raise `UnavailableError` or `CredentialsError` for an answer that
    is no good, with which botocore would sign, and for one that may pass, where it would take a sign-in for ended.
    """

    def __init__(self) -> None:
        self.asked: str | None = None
        self.renewed = False

    def asks(self, **event: Any) -> None:
        """Note the role."""
        self.asked = event["params"].get("RoleArn")

    def answers(self, **event: Any) -> None:
        """Check credentials."""
        call, parsed = event["model"].name, event["parsed"]
        if event["http_response"].status_code >= 300 or call not in _ROLE_CALLS:  # noqa: PLR2004 - HTTP's own number
            return
        issued = parsed.get("Credentials") or {}
        complete(issued, _whom("", self.asked), _PARTS)
        if issued["Expiration"].tzinfo is None:
            raise garbled("", self.asked)
        if issued["Expiration"] <= datetime.now(UTC):
            raise CredentialsError(
                f"role {self.asked}: the credentials in the answer have expired",
                hint="check this machine's clock",
                retryable=True,
            )
        arn = (parsed.get("AssumedRoleUser") or {}).get("Arn")
        if arn and call == "AssumeRole" and _role_name(arn) != _role_name(self.asked or ""):
            raise UnavailableError(f"role {self.asked}: the answer is for another role", hint=_NOT_AWS)

    def renews(self, **event: Any) -> None:
        """Look at how the renewal of a sign-in goes."""
        status = event["http_response"].status_code
        if status < 300:  # noqa: PLR2004 - HTTP's own number
            self.renewed = True
            return
        said = event["parsed"].get("Error") or {}
        code = str(said.get("Code", ""))
        if _is_passing(code, status):
            text = _words(code, str(said.get("Message", "")))
            raise UnavailableError(f"the sso session cannot be renewed: aws {text}", hint=_PASSES)
        if _is_no_code(code):
            raise garbled("the renewal of the sso session", None)


def _role_name(arn: str) -> tuple[str, str]:
    """Return account and name of a role, of which a session's ARN leaves out the path."""
    account, _, resource = arn.partition(":iam::" if ":iam::" in arn else ":sts::")[2].partition(":")
    parts = resource.split("/")
    return account, parts[-1] if parts[0] == "role" else parts[1] if len(parts) > 1 else ""


def _words(code: str, said: str) -> str:
    if not code and not said:
        return "refuses without a reason"
    said = said.strip().partition("\n")[0]
    said = _VALUE.sub("the value", said)[:_MOST].strip().rstrip(".:")
    return f"says {code}" + (f": {said}" if said and said != code else "")


def _whom(who: str, role: str | None) -> str:
    return f"{who}, role {role}" if who and role else who or f"role {role}"
