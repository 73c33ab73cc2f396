"""What `dsqltok inspect` and `dsqltok projects allow` print for a person."""

import json
import shlex
from typing import Any

from dsqltok.text import plain


def render(answer: dict[str, Any]) -> str:
    """Return what `project.inspect` said: a heading for each env and for `local`, `var` and `sources`."""
    lines: list[str] = []
    for env in answer["envs"]:
        shown = {"url": env["url"], "dev": env["dev"], **env["attributes"]}
        lines += [plain(f'env "{env["name"]}"', keep=""), *_values(shown), ""]
    for heading in ("local", "var"):
        if answer[heading]:
            lines += [heading, *_values(answer[heading]), ""]
    if answer["sources"]:
        lines += ["sources", *(f"  {source}" for source in answer["sources"]), ""]
    return plain("\n".join(lines))


def render_programs(programs: Any) -> str:
    """Return what a project may run now: a program a line."""
    # A newline in a word must not make one program look like two.
    lines = (f"{each['name']} runs in {each['directory']}: {shlex.join(each['argv'])}" for each in programs)
    return "".join(f"{plain(line, keep='')}\n" for line in lines)


def _values(values: dict[str, Any]) -> list[str]:
    width = max(map(len, values), default=0)
    return [f"  {name.ljust(width)} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
