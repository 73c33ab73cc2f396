"""A thousand projects watched: the daemon's start, how soon an edit of one is seen, and memory. And how each grows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench import figures, growth, lookup, many, place, process
from bench.figures import Row, at_most

if TYPE_CHECKING:
    from bench.many import Projects
    from bench.place import Home, Installation

_PROJECTS = 1000
_SIZES = (1, 10, 100, _PROJECTS)
_STARTS = 7
_EDITS = 15
_LOOKUPS = 1000
_PATIENCE = 30.0
_WHO = f"{_PROJECTS:,} projects watched"
_START, _SEEN, _MEMORY = f"{_WHO}: start", f"{_WHO}: an edit is served, in s", f"{_WHO}: KB a project beyond its text"
_GOAL_SEEN, _GOAL_MEMORY = at_most(1.0), at_most(30.0)


def measure(installation: Installation, home: Home) -> list[Row]:
    """Measure at daemons of its own; none may run at `home`."""
    if process.LACKING:
        return [figures.missing(_SEEN, "-", _GOAL_SEEN, process.LACKING)]
    projects = many.projects(home, "watched", _PROJECTS)
    memory: dict[int, float] = {}
    lookups: dict[int, float] = {}
    regular: dict[int, float] = {}
    with place.daemon(installation, home) as pid:
        lookup.answered(home.socket, lookup.request(home, {}))
        begin = process.resident(pid)
        for size in _SIZES:
            for each in projects.files[len(memory) and max(memory) : size]:
                lookup.answered(home.socket, _line(each))
            memory[size] = process.grown(pid, begin) * 1024
            with process.together(pid):
                lookups[size] = _median_lookup(home, projects, size)
            regular[size] = _regular(pid)
        seen = [_seconds_until_served(home, projects, number) for number in range(_EDITS)]
    text = projects.files[-1].stat().st_size / 1024
    beyond = memory[_PROJECTS] / _PROJECTS - text
    return [
        _start(installation, home, projects),
        Row(_SEEN, "-", figures.spread(seen), _GOAL_SEEN, f"{_EDITS} edits, each until its new meaning is answered"),
        Row(_MEMORY, "-", figures.one(beyond), _GOAL_MEMORY, f"each text has {text:.2g} KB"),
        growth.row("projects: memory of the core", memory, "KB"),
        growth.row("projects: a lookup in one", lookups, "us"),
        growth.row("projects: CPU of the core by itself", regular, "ms a second"),
    ]


def _line(project: object) -> bytes:
    return lookup.question("token.get", config=str(project), env=place.ENV)


def _median_lookup(home: Home, projects: Projects, size: int) -> float:
    """Ask for one after another, each time in other words, so that no answer is remembered."""
    lines = [_line(projects.files[turn % size]).replace(b'"id": 1', b'"id": %d' % turn) for turn in range(_LOOKUPS)]
    return 1e6 * figures.spread([lookup.timed(home.socket, line) for line in lines]).median


def _regular(pid: int) -> float:
    """Return what the core does by itself, which it does every 5 s, once what was asked is over."""
    time.sleep(1.0)
    before = process.activity(pid).seconds
    time.sleep(5.0)
    return (process.activity(pid).seconds - before) / 5.0 * 1e3


def _seconds_until_served(home: Home, projects: Projects, number: int) -> float:
    """Edit one, so that it means another cluster, and ask until the answer is of that."""
    place_of_it = number * (_PROJECTS // _EDITS)
    path, cluster = projects.files[place_of_it], _PROJECTS + number
    line, wanted = _line(path), f"cluster{cluster}.dsql.us-east-1.on.aws"
    many.write(path, cluster=cluster)
    begin = time.monotonic()
    while lookup.answered(home.socket, line)["host"] != wanted:
        if time.monotonic() > begin + _PATIENCE:
            raise RuntimeError(f"an edit of {path} is not seen")
        time.sleep(0.001)
    return time.monotonic() - begin


def _start(installation: Installation, home: Home, projects: Projects) -> Row:
    """Return what a start takes, up to the first answer, with all of them added, against one."""
    found = []
    for number in range(_STARTS):
        sizes = (_PROJECTS, 1) if number % 2 else (1, _PROJECTS)
        took = {size: _seconds_to_start(installation, home, projects, size) for size in sizes}
        found.append((took[_PROJECTS], took[1]))
    many_of_them, single = (figures.spread([1000 * pair[side] for pair in found]).median for side in (0, 1))
    detail = f"added, and one asked for; {many_of_them:.0f} ms, {single:.0f} ms; {_STARTS} pairs"
    return Row(_START, "one project", figures.ratios(found), None, detail)


def _seconds_to_start(installation: Installation, home: Home, projects: Projects, size: int) -> float:
    place.register(home, projects.files[:size])
    begin = time.monotonic()
    with place.daemon(installation, home):
        lookup.answered(home.socket, _line(projects.files[0]))
        return time.monotonic() - begin
