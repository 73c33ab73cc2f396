"""Which tokens an env needs, and its urls with the tokens in them.

The rules:
1. A first job has no tokens: every data source gets a placeholder, and the tokens of an env are those whose placeholder
   turns up in its url. A second job has the tokens, and answers with the urls.
2. A url is given out only if it sends each token to that token's endpoint. A project could hide a token (reversed, say)
   in a url that goes elsewhere, so it is not enough to look for the token in it: the url is evaluated again with fresh
   placeholders for all tokens that do not belong there, and has to come out the same.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from dsqltok.errors import NotFoundError, UnavailableError
from dsqltokd import connurl
from dsqltokd.atlas import KIND, EvaluatedBlock, ProjectError, TokenRequest, Unavailable
from dsqltokd.connurl import UrlError

if TYPE_CHECKING:
    from .question import Evaluation, Question


def known_names(question: Question) -> dict[str, object]:
    """Return the `envs` and `tokens` that the file names; nothing is evaluated for it."""
    return {"envs": list(question.names.envs), "tokens": list(question.names.tokens)}


def targets(question: Question) -> dict[str, object]:
    """Return `env`, its `instances` (name, tokens in the url, user) and the `targets` of these tokens by name."""
    env = _chosen_env(question)
    evaluation = question.evaluate(env, {})
    found = [_in_url(block, evaluation, optional=question.data is not None) for block in evaluation.envs]
    wanted = {name for tokens, _ in found for name in tokens} | {question.data} - {None}
    if not wanted:
        raise _no_token(question, env)
    requests = {name: request for name, request in evaluation.requests.items() if name in wanted}
    return {
        "env": env,
        "instances": [{"name": env, "tokens": tokens, "user": user} for tokens, user in found],
        "targets": {name: target(request) for name, request in requests.items()},
    }


def urls(question: Question) -> dict[str, object]:
    """Return the `urls` of the env's instances with the tokens in them; each goes where its token is good."""
    env = _chosen_env(question)
    evaluation = question.evaluate(env, question.tokens)
    for place in range(len(evaluation.envs)):
        if not check_url(question, env, place, evaluation):
            raise _no_token(question, env)
    return {"urls": [_url(block) for block in evaluation.envs]}


def connections(question: Question) -> dict[str, object]:
    """Return, for each instance of the env that has `tokens` in its url, the `connection` that the url leads to.

    Raises where such a url must not carry the token.
    """
    env = _chosen_env(question)
    # Only where the url leads is wanted, so placeholders stand in it for the tokens.
    tokens = question.evaluate(env, {}).placeholders
    asked = replace(question, tokens=tokens)
    evaluation = asked.evaluate(env, tokens)
    found = []
    for place, block in enumerate(evaluation.envs):
        if question.data is not None and isinstance(block.text("url"), Unavailable):
            continue
        if check_url(asked, env, place, evaluation):
            url = _url(block)
            held = [name for name, token in tokens.items() if token in url]
            found.append({"tokens": held, "connection": _connection(connurl.read(url), question.path)})
    return {"connections": found}


def _connection(connection: connurl.Connection, project: str) -> dict[str, object]:
    """Return the first of the places that a client tries, and how many there are.

    The file of root certificates is the same whatever directory the client works in: the project's is meant.
    """
    roots = connection.sslrootcert
    if roots and roots != "system":
        roots = os.path.join(os.path.dirname(project), roots)
    return {
        "places": max(len(connection.hosts), len(connection.hostaddrs)),
        "host": connection.hosts[0],
        "hostaddr": next(iter(connection.hostaddrs), None),
        "port": connection.ports[0] or "5432",
        "user": connection.user,
        "dbname": connection.dbname,
        "sslmode": connection.sslmode,
        "sslrootcert": roots,
        "parameters": dict(connection.parameters),
    }


def check_url(question: Question, env: str | None, place: int, evaluation: Evaluation) -> bool:
    """Raise where a url depends on a token that must not be in it; tell whether there is one that may be."""
    url = _url(evaluation.envs[place])
    wrong = {name: error for name in evaluation.requests if (error := _refusal(question, place, name, evaluation))}
    for name, error in wrong.items():
        others = {other: token for other, token in question.tokens.items() if other != name}
        envs = question.evaluate(env, others).envs
        if place >= len(envs) or _url(envs[place]) != url:
            raise error
    return len(wrong) < len(evaluation.requests)


def target(request: TokenRequest) -> dict[str, object]:
    """Return what a token is for."""
    return {
        "host": request.host,
        "region": request.region,
        "action": request.action,
        "profile": request.profile,
        "role_arn": request.role_arn,
    }


def _chosen_env(question: Question) -> str | None:
    if question.data is not None:
        return question.env
    env, names = question.only_env(), question.names
    if env is not None:
        return env
    if names.envs:
        raise question.unknown_env(f"{question.path} has several envs, and none was named")
    if names.any_env:
        message = f"the env in {question.path} takes its name from the command, and none was given"
        raise question.unknown_env(message)
    raise question.unknown_env(f"there is no env in {question.path}")


def _in_url(env: EvaluatedBlock, evaluation: Evaluation, *, optional: bool) -> tuple[list[str], str | None]:
    """Return the tokens in an env's url, and its user. An `optional` url may depend on what was not run."""
    url = "" if optional and isinstance(env.text("url"), Unavailable) else _url(env)
    tokens = [name for name, placeholder in evaluation.placeholders.items() if placeholder in url]
    user = None
    with suppress(UrlError):
        user = connurl.read(url).user
    return tokens, user


def _refusal(question: Question, place: int, name: str, evaluation: Evaluation) -> Exception | None:
    """Return why the token called `name` must not be in the url, or None."""
    if name in evaluation.placeholders:
        return UnavailableError(
            f'the project changed: its url now needs the token of data "{KIND}" "{name}"', hint="try again"
        )
    env = evaluation.envs[place]
    try:
        connurl.check(_url(env), evaluation.requests[name].host, question.allow_hosts)
    except UrlError as error:
        subject = env.source.body.attributes["url"].expression.span
        return ProjectError("Unsafe url", error.message, subject, hint=error.hint)
    return None


def _no_token(question: Question, env: str | None) -> NotFoundError:
    tokens = question.names.tokens
    hint = f'add a data "{KIND}" block, and ${{urlescape(data.{KIND}.NAME)}} to the url'
    if tokens:
        hint = f"put ${{urlescape(data.{KIND}.{tokens[0]})}} into it, or name the token: --data {'|'.join(tokens)}"
    return NotFoundError(
        f'env "{env}" has no {KIND} in its url', hint=hint, data={"candidates": list(tokens), "absent": "token"}
    )


def _url(env: EvaluatedBlock) -> str:
    url = env.text("url")
    if isinstance(url, Unavailable):
        raise url.reason
    return url
