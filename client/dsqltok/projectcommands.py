"""The commands about tokens, urls and projects, and what `get` does when its answer is more than a token."""

import json

from dsqltok import arguments, asking, errors, inspecttext, login, paths, report, statustext
from dsqltok.choices import CHOICES


def finish_get(params: dict[str, object], line: bytes, options: dict[str, object]) -> int:
    """Print the token of an answer that is no plain one: with warnings, as JSON, or asking for more first."""
    answer = asking.complete("token.get", params, line)
    if "json" in options:
        shown = {name: answer.get(name) for name in ("token", "expires_at", "host", "user", "region")}
        arguments.write(json.dumps(shown, indent=2) + "\n")
    else:
        arguments.write(str(answer["token"]) + ("" if "bare" in options else "\n"))
    return 0


def _url(options: dict[str, object]) -> int:
    urls = asking.selected(options, "url.get")["urls"]
    if not isinstance(urls, list):
        raise errors.UnavailableError("the daemon's answer makes no sense", hint="run dsqltok stop, then try again")
    if "scheme" in options or "params" in options:
        urls = [_changed(url, options) for url in urls]
    if "json" in options:
        arguments.write(json.dumps(urls, indent=2) + "\n")
    else:
        arguments.write("\n".join(urls) + ("" if "bare" in options else "\n"))
    return 0


def _changed(url: str, options: dict[str, object]) -> str:
    from dsqltok import urltext  # noqa: PLC0415 - re and urllib, which few urls need

    if "scheme" in options:
        url = urltext.with_scheme(url, str(options["scheme"]))
    params = options.get("params")
    return urltext.with_parameters(url, params) if isinstance(params, list) else url


def _inspect(options: dict[str, object]) -> int:
    params = arguments.selection(options)
    if params["config"] is None:
        raise _no_project()
    if "reveal" in options:
        params["reveal"] = True
    answer = asking.complete("project.inspect", params)
    not_run = answer.pop("not_run")
    arguments.write(json.dumps(answer, indent=2) + "\n" if "json" in options else inspecttext.render(answer))
    if isinstance(not_run, dict):
        report.warn([f"{source} was not run: {why}" for source, why in not_run.items()])
    return 0


def _doctor(options: dict[str, object]) -> int:
    from dsqltok import doctor  # noqa: PLC0415 - ssl and more, which no other command needs

    return doctor.run(arguments.selection(options), asking.request, as_json="json" in options)


def _login(options: dict[str, object]) -> int:
    for each in login.run(arguments.selection(options), asking.request, browser="no_browser" not in options):
        arguments.write(f"{each['identity']}: logged in until {each['expires_at']}\n")
    return 0


def _projects(options: dict[str, object]) -> int:
    action = arguments.choice(options, "action", CHOICES["projects"]["action"])
    if action == "list":
        return _list_projects(options)
    given = options.get("file")
    path = paths.find_project() if given is None else paths.project_file(str(given))
    if path is None:
        raise _no_project()
    if action == "allow":
        return _allow({**options, "config": path})
    asking.ask(f"projects.{action}", {"config": path, "vars": options.get("vars", [])})
    return 0


def _list_projects(options: dict[str, object]) -> int:
    projects = asking.ask("projects.list", {})["projects"]
    arguments.write(
        json.dumps(projects, indent=2) + "\n" if "json" in options else statustext.render_projects(projects)
    )
    return 0


def _allow(options: dict[str, object]) -> int:
    answer = asking.selected(options, "projects.allow")
    arguments.write(inspecttext.render_programs(answer["programs"]))
    if not answer["programs"]:
        report.warn([f"{options['config']} names no program to run"])
    return 0


def _no_project() -> errors.NotFoundError:
    return errors.NotFoundError("there is no atlas.hcl at or above this directory", hint="name the file")


COMMANDS = {"url": _url, "inspect": _inspect, "doctor": _doctor, "login": _login, "projects": _projects}
