"""Evaluates projects of several lengths. Run as a program in a venv that has dsqltok.

Arguments: the env, and the project files. It prints the median of the seconds that each takes, as JSON.
"""

import gc
import json
import statistics
import sys
from pathlib import Path

from bench import hcl_pairs

_TIMES = 9


def typical(content: bytes, env: str) -> float:
    """Return the median of the seconds that one project takes, without what clearing up after another one does."""
    hcl_pairs.evaluate(content, env)
    found = []
    for _ in range(_TIMES):
        gc.collect()
        found.append(hcl_pairs.seconds(lambda: hcl_pairs.evaluate(content, env)))
    return statistics.median(found)


def main() -> None:
    """Measure one after the other."""
    env, *paths = sys.argv[1:]
    sys.stdout.write(json.dumps([typical(Path(path).read_bytes(), env) for path in paths]))


if __name__ == "__main__":
    main()
