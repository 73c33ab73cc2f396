"""A project file (atlas.hcl) by Atlas's rules of evaluation: its envs, their urls, the tokens they ask for.

Pure: files, environment and tokens come in as functions, so that placeholders and real tokens take the same path. The
rules are those measured on Atlas's own evaluator.
"""

from __future__ import annotations

from .blocks import EvaluatedBlock
from .dsql_token import KIND, TokenRequest, token_source
from .errors import NotRunError, ProjectError, Unavailable
from .external import KIND as EXTERNAL
from .external import OutputNeededError, Program, external_source
from .functions import Directory, Functions, project_functions
from .hints import INSTEAD, misspelt
from .project import WORDS, Names, Project, World, evaluate_project, names
from .variables import parse_inputs

__all__ = [
    "EXTERNAL",
    "INSTEAD",
    "KIND",
    "WORDS",
    "Directory",
    "EvaluatedBlock",
    "Functions",
    "Names",
    "NotRunError",
    "OutputNeededError",
    "Program",
    "Project",
    "ProjectError",
    "TokenRequest",
    "Unavailable",
    "World",
    "evaluate_project",
    "external_source",
    "misspelt",
    "names",
    "parse_inputs",
    "project_functions",
    "token_source",
]
