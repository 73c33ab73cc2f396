"""Evaluates a project and has python-hcl2 parse it, in turn. Run as a program in a venv that has both.

Arguments: the project file, the env, how many pairs. It prints their seconds as JSON, ours first in each pair. Ours is
all that the daemon does with a file: parse it, and evaluate the env with everything it refers to.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from dsqltokd.atlas import KIND, World, evaluate_project, project_functions, token_source
from dsqltokd.hcl import parse

_WARM_UPS = 2


def evaluate(content: bytes, env: str) -> None:
    """Parse and evaluate a project. Raises `RuntimeError` where it has no url with the token in it."""
    world = World(project_functions(lambda _: "", lambda _: ""), {KIND: token_source(lambda _: "A TOKEN")})
    project = evaluate_project(parse(content, "atlas.hcl"), env=env, inputs={}, world=world)
    if "A+TOKEN" not in str(project.envs[0].text("url")):
        raise RuntimeError(f"no token in the url of {env}")


def seconds(work: Callable[[], object]) -> float:
    """Return what a piece of work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    """Measure, which goes first alternating."""
    path, env, count = sys.argv[1:]
    content = Path(path).read_bytes()
    loads = importlib.import_module("hcl2").loads
    text = content.decode()
    pairs = []
    for number in range(-_WARM_UPS, int(count)):
        if number % 2:
            theirs = seconds(lambda: loads(text))
            ours = seconds(lambda: evaluate(content, env))
        else:
            ours = seconds(lambda: evaluate(content, env))
            theirs = seconds(lambda: loads(text))
        if number >= 0:
            pairs.append((ours, theirs))
    sys.stdout.write(json.dumps(pairs))


if __name__ == "__main__":
    main()
