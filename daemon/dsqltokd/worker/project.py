"""The `project` job: what a project file says, evaluated with placeholders for the tokens or with the tokens.

The rules:
1. A first job has no tokens: every data source gets a placeholder that cannot be guessed, and the tokens of an env are
   those whose placeholder turns up in its url. A second job has the tokens, and answers with the urls.
2. A url is given out only if it sends each token to that token's endpoint. A project could hide a token (reversed, say)
   in a url that goes elsewhere, so it is not enough to look for the token in it: the url is evaluated again with fresh
   placeholders for all tokens that do not belong there, and has to come out the same.
3. An environment variable that the request says nothing about counts as empty, and the answer is that it is needed:
   neither a result nor an error would mean anything before.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dsqltok.errors import DsqltokError, NotFoundError, UnavailableError
from dsqltokd import connurl
from dsqltokd.atlas import (
    KIND,
    EvaluatedBlock,
    ProjectError,
    TokenRequest,
    Unavailable,
    World,
    evaluate_project,
    names,
    parse_inputs,
    project_functions,
    token_source,
)
from dsqltokd.atlas.functions import Directory
from dsqltokd.connurl import UrlError
from dsqltokd.hcl import HclError, parse

from .diagnosis import configuration_error
from .projectfiles import ProjectFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dsqltokd.atlas import Functions
    from dsqltokd.hcl import Body

_LONGEST_TEXTS = 1 << 20  # characters


def run(request: dict[str, Any]) -> dict[str, object]:
    """Answer one job: which tokens an env or data source needs, or, where the tokens are given, the env's urls.

    In: `path` of atlas.hcl, `env` and `data` (or None), `vars` (`--var` texts), `environment` (values by name, None
    for what is unset), `tokens` by data source, `texts` of the files as an earlier job noted them (or None),
    `allow_hosts`. Out: see `_Job.targets` and `_Job.urls`, or `error`, or `need` with the names of environment
    variables that the project reads and the request left out; always `files` (path, identity or None) that were opened
    or looked for, directories too, `texts` of those that were read (None if they are too long to keep), and `names` of
    all variables read.
    """
    files = ProjectFiles(request["path"], request["texts"])
    environment = _Environment(request["environment"])
    try:
        answer = _answer(request, files, environment)
    except DsqltokError as error:
        answer = {"error": error.as_data()}
    if environment.missing:
        answer = {"need": list(environment.missing)}
    return answer | {
        "files": [list(item) for item in files.seen.items()],
        "texts": files.texts if sum(map(len, files.texts.values())) <= _LONGEST_TEXTS else None,
        "names": list(environment.asked),
    }


def _answer(request: dict[str, Any], files: ProjectFiles, environment: _Environment) -> dict[str, object]:
    source = files.read_config()
    functions = project_functions(environment.get, files.read_text, Directory(files.directory, files.entries))
    try:
        job = _Job(request, parse(source, request["path"]), functions)
        return job.urls() if request["tokens"] else job.targets()
    except HclError as error:
        raise configuration_error(error, source, functions) from None


class _Environment:
    """The environment variables that came with the request, and which of them the project read."""

    def __init__(self, values: Mapping[str, str | None]) -> None:
        self._values = values
        self.asked: dict[str, None] = {}
        self.missing: dict[str, None] = {}

    def get(self, name: str) -> str:
        self.asked[name] = None
        if name not in self._values:
            self.missing[name] = None
        return self._values.get(name) or ""


@dataclass
class _Evaluation:
    """One evaluation of the project: the env's instances, the tokens asked for, placeholders for those not given."""

    envs: tuple[EvaluatedBlock, ...] = ()
    requests: dict[str, TokenRequest] = field(default_factory=dict)
    placeholders: dict[str, str] = field(default_factory=dict)


class _Job:
    """One request about a project that has been parsed. Its methods raise HclError and DsqltokError."""

    def __init__(self, request: dict[str, Any], body: Body, functions: Functions) -> None:
        self._body = body
        self._path: str = request["path"]
        self._data: str | None = request["data"]
        self._tokens: dict[str, str] = request["tokens"]
        self._allow_hosts: list[str] = request["allow_hosts"]
        self._inputs = parse_inputs(request["vars"])
        self._functions = functions
        self._names = names(body)
        self._env = self._chosen_env(request["env"])
        if self._data is not None and self._data not in self._names.tokens:
            raise self._unknown_data()

    def targets(self) -> dict[str, object]:
        """Return `env`, its `instances` (name, tokens in the url, user) and the `targets` of these tokens by name."""
        evaluation = self._evaluate({})
        instances = [self._instance(env, evaluation) for env in evaluation.envs]
        wanted = {name for _, tokens, _ in instances for name in tokens} | {self._data} - {None}
        if not wanted:
            raise self._no_token()
        return {
            "env": self._env,
            "instances": [{"name": name, "tokens": tokens, "user": user} for name, tokens, user in instances],
            "targets": {name: _target(request) for name, request in evaluation.requests.items() if name in wanted},
        }

    def urls(self) -> dict[str, object]:
        """Return the `urls` of the env's instances with the tokens in them; each goes where its token is good."""
        evaluation = self._evaluate(self._tokens)
        for place in range(len(evaluation.envs)):
            self._check_url(place, evaluation)
        return {"urls": [_url(env) for env in evaluation.envs]}

    def _chosen_env(self, asked: str | None) -> str | None:
        known = self._names.envs
        if asked is not None or self._data is not None:
            return asked
        if len(known) == 1 and not self._names.any_env:
            return known[0]
        if known:
            raise self._unknown_env(f"{self._path} has several envs, and none was named")
        if self._names.any_env:
            raise self._unknown_env(f"the env in {self._path} takes its name from the command, and none was given")
        raise self._unknown_env(f"there is no env in {self._path}")

    def _evaluate(self, tokens: Mapping[str, str]) -> _Evaluation:
        evaluation = _Evaluation()

        def token(request: TokenRequest) -> str:
            evaluation.requests[request.name] = request
            if request.name in tokens:
                return tokens[request.name]
            return evaluation.placeholders.setdefault(request.name, "placeholder" + secrets.token_hex(16))

        world = World(self._functions, {KIND: token_source(token)})
        project = evaluate_project(self._body, env=self._env or "", inputs=self._inputs, world=world, token=self._data)
        if self._env is not None and not project.envs:
            raise self._unknown_env(f'env "{self._env}" is not defined in {self._path}')
        evaluation.envs = project.envs
        return evaluation

    def _instance(self, env: EvaluatedBlock, evaluation: _Evaluation) -> tuple[str | None, list[str], str | None]:
        url = "" if self._data is not None and isinstance(env.text("url"), Unavailable) else _url(env)
        tokens = [name for name, placeholder in evaluation.placeholders.items() if placeholder in url]
        user = None
        with suppress(UrlError):
            user = connurl.read(url).user
        return self._env, tokens, user

    def _check_url(self, place: int, evaluation: _Evaluation) -> None:
        """Raise where the url depends on a token that must not be in it, or on none."""
        url = _url(evaluation.envs[place])
        wrong = {name: error for name in evaluation.requests if (error := self._refusal(place, name, evaluation))}
        for name, error in wrong.items():
            others = self._evaluate({other: token for other, token in self._tokens.items() if other != name}).envs
            if place >= len(others) or _url(others[place]) != url:
                raise error
        if len(wrong) == len(evaluation.requests):
            raise self._no_token()

    def _refusal(self, place: int, name: str, evaluation: _Evaluation) -> Exception | None:
        """Return why the token called `name` must not be in the url, or None."""
        if name in evaluation.placeholders:
            return UnavailableError(
                f'the project changed: its url now needs the token of data "{KIND}" "{name}"', hint="try again"
            )
        env = evaluation.envs[place]
        try:
            connurl.check(_url(env), evaluation.requests[name].host, self._allow_hosts)
        except UrlError as error:
            subject = env.source.body.attributes["url"].expression.span
            return ProjectError("Unsafe url", error.message, subject, hint=error.hint)
        return None

    def _unknown_env(self, message: str) -> NotFoundError:
        envs, tokens = self._names.envs, self._names.tokens
        known = [", ".join(envs)] if envs else []
        if self._names.any_env:
            known.append("one that takes any other name")
        hint = f"there is {' and '.join(known)}" if known else "add an env block"
        if not known and tokens:
            hint = f"get a token without an env: --data {'|'.join(tokens)}"
        return NotFoundError(message, hint=hint, data={"candidates": list(envs if known else tokens)})

    def _unknown_data(self) -> NotFoundError:
        tokens = self._names.tokens
        hint = f"there is {', '.join(tokens)}" if tokens else f'add a data "{KIND}" block'
        return NotFoundError(
            f'there is no data "{KIND}" "{self._data}" in {self._path}', hint=hint, data={"candidates": list(tokens)}
        )

    def _no_token(self) -> NotFoundError:
        tokens = self._names.tokens
        hint = f'add a data "{KIND}" block, and ${{urlescape(data.{KIND}.NAME)}} to the url'
        if tokens:
            hint = f"put ${{urlescape(data.{KIND}.{tokens[0]})}} into it, or name the token: --data {'|'.join(tokens)}"
        return NotFoundError(
            f'env "{self._env}" has no {KIND} in its url', hint=hint, data={"candidates": list(tokens)}
        )


def _url(env: EvaluatedBlock) -> str:
    url = env.text("url")
    if isinstance(url, Unavailable):
        raise url.reason
    return url


def _target(request: TokenRequest) -> dict[str, object]:
    return {
        "host": request.host,
        "region": request.region,
        "action": request.action,
        "profile": request.profile,
        "role_arn": request.role_arn,
    }
