"""The `aws` job: credentials, and tokens signed with them. The only file that imports boto3 and botocore.

One worker process serves one identity. Every job without a session in hand begins with a new botocore session: a
session caches its configuration and its credentials, and refuses to hand out living ones while a refresh fails.

    in   profile, role_arn, environment (the caller's AWS variables), session or null, renew, ttl,
         targets [[host, region, action]], code (for a role that asks for one, or null)
    out  session or null, tokens [{value, region, signed_at, expires_at} or {error}] in the order of targets,
         attended, failure or null, files, sign_ins, last
         or error, files, sign_ins, last

With `question` "who" nothing is signed: see `identity` for what comes out.

With `renew` a new session is obtained; where that fails while the one in hand lives, this one signs, and `failure` says
why. `attended` is set where getting credentials runs a program each time, which may ask a person for something.

With `sso` in place of all but profile and environment, the job is a step of an SSO login: see `signin`.

`last` asks for this worker's end, and that of whatever a credential_process has left behind, where something failed.
One that ran none goes on: while AWS is away, an attempt costs a fifth of what it costs a new worker.
`files` lists the AWS files that decide, with their identity from before they were read; `sign_ins` names those of them
that botocore itself may write, and then it is the identity of what it wrote. A session comes back only where
the credentials are temporary and say when they end: everything else is read anew each time and kept nowhere.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import botocore.credentials
import botocore.session
from botocore.config import Config
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider

from dsqltok.errors import DsqltokError
from dsqltok.protocol import is_aws
from dsqltokd.worker import awserrors, awsfiles, awsprofiles, awssigning, identity, mistakes, signin
from dsqltokd.worker.awsanswers import Roles
from dsqltokd.worker.awshelper import Helper
from dsqltokd.worker.awssigning import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_NETWORK = Config(connect_timeout=3, read_timeout=4, retries={"total_max_attempts": 2, "mode": "standard"})
_ONE_QUESTION = Config(connect_timeout=3, read_timeout=3, retries={"total_max_attempts": 1, "mode": "standard"})
_ROLE_SESSION_NAME = "dsqltok"
_TO_SIGN = 1.0  # seconds that a session must last for tokens to be signed with it

_HELPERS: list[Helper] = []  # that this worker has started


def _process_provider(profile_name: str, load_config: Any) -> botocore.credentials.ProcessProvider:
    """Return botocore's provider for credential_process, with a helper that has bounds."""
    runs: list[Helper] = []

    def start(arguments: list[str], **_: object) -> Helper:
        if not runs:
            runs.append(Helper(profile_name, arguments))
            _HELPERS.extend(runs)
        return runs[0]

    return _ProcessProvider(profile_name, load_config, popen=start)


# botocore lets nobody choose the `popen` of the providers that it makes itself. A contract test holds this in place.
_ProcessProvider = botocore.credentials.ProcessProvider
botocore.credentials.ProcessProvider = _process_provider  # type: ignore[misc, assignment]  # it is called, no more


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job. See the module's docstring for its shape; every failure comes back as an error in it."""
    _take_environment(job["environment"])
    if "sso" in job:
        return _sign_in(job)
    if job.get("question") == "who":
        return _who(job)
    found = awsfiles.seen(awsfiles.configuration())
    roles, sign_ins = Roles(), dict[str, Any]()
    try:
        _check(job, found)
        session = _session_for(job["profile"], [region for _, region, _ in job["targets"]], roles)
        signin.expect_code(session, job["code"])
        config, name = session.full_config, session.get_config_variable("profile") or "default"
        sign_ins = awsfiles.seen(awsfiles.sign_ins(config, name))
        found |= awsfiles.seen(awsfiles.tokens(config, name)) | sign_ins
        credentials, failure = _credentials(session, job, roles)
        if roles.renewed or not credentials.in_hand:
            found |= awsfiles.seen(sign_ins)  # botocore may have renewed one, which is no news then
        tokens = awssigning.sign_all(session, credentials, job["targets"], job["ttl"])
    except Exception as error:  # noqa: BLE001 - botocore's failures are of a dozen unrelated classes
        if roles.renewed:
            found |= awsfiles.seen(sign_ins)
        said = {"error": _meaning(error, job, roles).as_data(), "last": bool(_HELPERS)}
        return said | {"files": list(found.items()), "sign_ins": list(sign_ins)}
    return {
        "session": _session(job["session"], credentials),
        "tokens": tokens,
        "attended": credentials.attended,
        "failure": failure and failure.as_data(),
        "files": list(found.items()),
        "sign_ins": list(sign_ins),
        "last": failure is not None and bool(_HELPERS),
    }


def _check(job: dict[str, Any], found: Iterable[str]) -> None:
    if job["profile"] or "AWS_ACCESS_KEY_ID" not in os.environ:  # else the files decide nothing
        awsfiles.check(found)


def _sign_in(job: dict[str, Any]) -> dict[str, Any]:
    try:
        session = botocore.session.Session(profile=job["profile"])

        def client_of(region: str) -> Any:
            # These requests are not signed; without keys the client would look for some.
            return session.create_client(
                "sso-oidc",
                region_name=region,
                config=_NETWORK,
                aws_access_key_id="unused",
                aws_secret_access_key="unused",  # noqa: S106 - no key
            )

        return signin.begin(session, client_of) if job["sso"] is None else signin.poll(job["sso"], client_of)
    except Exception as error:  # noqa: BLE001 - botocore's failures are of a dozen unrelated classes
        return {"error": _meaning(error, {**job, "role_arn": None}, Roles()).as_data()}


def _meaning(error: Exception, job: dict[str, Any], roles: Roles) -> DsqltokError:
    if isinstance(error, DsqltokError):
        return error
    try:
        config = botocore.session.Session().full_config
    except Exception:  # noqa: BLE001 - then this is what failed before
        config = {}
    profile = _named(job["profile"])
    found = awsprofiles.nested(config, profile or "default") or mistakes.own(error)
    return found or awserrors.translate(
        error, profile=profile, role_arn=job["role_arn"], config=config, asked=roles.asked
    )


def _who(job: dict[str, Any]) -> dict[str, Any]:
    roles = Roles()

    def ask(credentials: Credentials) -> dict[str, Any]:
        sts: Any = session.create_client(
            "sts",
            region_name=session.get_config_variable("region") or job["targets"][0][1],
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
            config=_ONE_QUESTION,
        )
        answer: dict[str, Any] = sts.get_caller_identity()
        return answer

    try:
        _check(job, awsfiles.seen(awsfiles.configuration()))
        session = _session_for(job["profile"], [job["targets"][0][1]], roles)
        signin.expect_code(session, None)
        answer = identity.describe(
            session,
            job,
            obtain=lambda: _credentials(session, job, roles)[0],
            ask=ask,
            translate=lambda error: _meaning(error, job, roles),
        )
    except Exception as error:  # noqa: BLE001 - as in `run`
        answer = {"error": _meaning(error, job, roles).as_data()}
    return {**answer, "last": True}  # what a helper may have left behind goes too


def _session_for(profile: str | None, regions: list[str | None], roles: Roles) -> botocore.session.Session:
    session = botocore.session.Session(profile=profile)
    session.set_default_client_config(_NETWORK)
    # Near their end botocore says of an instance's credentials that they last longer, which its other users may bear.
    instance = session.get_component("credential_provider").get_provider("iam-role")
    instance._role_fetcher._evaluate_expiration = lambda _credentials: None  # noqa: SLF001 - a contract test holds it
    session.register("provide-client-params.sts", roles.asks)
    session.register("after-call.sts", roles.answers)
    session.register("after-call.sso-oidc", roles.renews)
    # A profile's own role needs some region of STS: the token's will do where nothing else is configured.
    if None not in regions and session.get_config_variable("region") is None:
        session.set_config_variable("region", regions[0])
    return session


def _credentials(
    session: botocore.session.Session, job: dict[str, Any], roles: Roles
) -> tuple[Credentials, DsqltokError | None]:
    """Return what to sign with, and why it is nothing newer. Raises what botocore raises, and `DsqltokError`."""
    in_hand = _in_hand(job["session"])
    if in_hand is not None and not job["renew"]:
        return in_hand, None
    try:
        return _obtain(session, job["role_arn"], [region for _, region, _ in job["targets"]]), None
    except Exception as error:
        if in_hand is None or (in_hand.expires_at or 0) <= time.time() + _TO_SIGN:
            raise  # this is what keeps tokens from being had, not that the session has ended meanwhile
        return in_hand, _meaning(error, job, roles)


def _take_environment(environment: dict[str, str]) -> None:
    for name in [name for name in os.environ if is_aws(name)]:
        del os.environ[name]
    os.environ.update({name: value for name, value in environment.items() if is_aws(name)})
    # The AWS files of a caller with another home are there.
    os.environ["HOME"] = environment.get("HOME", os.environ.get("HOME", "/"))
    # Every AWS SDK and the AWS CLI heed AWS_REGION, first; botocore knows only AWS_DEFAULT_REGION.
    if "AWS_REGION" in os.environ:
        os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"]
    # botocore settles on this directory when it is imported, for the home of that moment. A contract test holds it.
    providers: tuple[Any, ...] = (SSOProvider, SSOTokenProvider)
    for provider in providers:
        provider._SSO_TOKEN_CACHE_DIR = awsfiles.sso_directory()  # noqa: SLF001


def _named(profile: str | None) -> str | None:
    return profile or os.environ.get("AWS_DEFAULT_PROFILE") or os.environ.get("AWS_PROFILE")


def _in_hand(session: dict[str, Any] | None) -> Credentials | None:
    if session is None:
        return None
    return Credentials(
        session["access_key_id"],
        session["secret_access_key"],
        session["session_token"],
        session["expires_at"],
        in_hand=True,
        keep=True,
    )


def _obtain(session: botocore.session.Session, role_arn: str | None, regions: list[str | None]) -> Credentials:
    source = session.get_credentials()
    if source is None:
        raise awserrors.no_credentials(session.get_config_variable("profile"), session.full_config)
    frozen = source.get_frozen_credentials()
    if not frozen.access_key or not frozen.secret_key:
        raise awserrors.no_credentials(session.get_config_variable("profile"), session.full_config)
    # botocore tells the expiry of credentials to nobody else: a contract test holds this attribute in place.
    expiry: datetime | None = getattr(source, "_expiry_time", None)
    attended = source.method == "custom-process" and expiry is None
    if role_arn:
        assumed = _assume(session, role_arn, next((region for region in regions if region), None))
        return replace(assumed, attended=attended)
    expires_at = expiry.timestamp() if expiry else None
    keep = bool(frozen.token) and expires_at is not None and source.method != "env"
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token, expires_at, keep, attended=attended)


def _assume(session: botocore.session.Session, role_arn: str, region: str | None) -> Credentials:
    # STS is asked in the configured region; one is needed only where nothing is configured, and the token's will do.
    region = session.get_config_variable("region") or region
    sts: Any = session.create_client("sts", region_name=region, config=_NETWORK)
    issued = sts.assume_role(RoleArn=role_arn, RoleSessionName=_ROLE_SESSION_NAME)["Credentials"]
    return Credentials(
        issued["AccessKeyId"],
        issued["SecretAccessKey"],
        issued["SessionToken"],
        issued["Expiration"].timestamp(),
        keep=True,
    )


def _session(in_hand: dict[str, Any] | None, credentials: Credentials) -> dict[str, Any] | None:
    if credentials.in_hand:
        return in_hand
    if not credentials.keep:
        return None
    return {
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key,
        "session_token": credentials.session_token,
        "obtained_at": time.time(),
        "expires_at": credentials.expires_at,
    }
