"""HCL2, the language of atlas.hcl: text to syntax tree to values, as HashiCorp's own implementation has it.

Pure: this package knows nothing of Atlas or AWS and touches neither files nor environment nor clock. Functions that
need the world are given to it in a `Scope`.
"""

from __future__ import annotations

from .conversion import ConversionError, convert, unify
from .entry import evaluate, type_from_json, value_from_json
from .evaluate import evaluate_expression
from .free_variables import references
from .functions import FUNCTIONS
from .parser import parse, parse_expression, parse_template
from .scope import EvaluationError, Function, FunctionError, LazyFunction, Parameter, Scope
from .source import Diagnostic, HclError, Position, Span, excerpt, join_spans
from .structure import Attribute, Block, Body
from .syntax import AttributeStep, Expression, IndexStep, Step, Traversal
from .types import (
    BOOL,
    DYNAMIC,
    NUMBER,
    STRING,
    Kind,
    LimitError,
    NestingError,
    Type,
    list_type,
    map_type,
    object_type,
    set_type,
    tuple_type,
)
from .values import (
    FALSE,
    NULL,
    TRUE,
    Value,
    boolean,
    from_python,
    list_of,
    map_of,
    null,
    number,
    object_of,
    set_of,
    string,
    to_python,
    tuple_of,
)

__all__ = [
    "BOOL",
    "DYNAMIC",
    "FALSE",
    "FUNCTIONS",
    "NULL",
    "NUMBER",
    "STRING",
    "TRUE",
    "Attribute",
    "AttributeStep",
    "Block",
    "Body",
    "ConversionError",
    "Diagnostic",
    "EvaluationError",
    "Expression",
    "Function",
    "FunctionError",
    "HclError",
    "IndexStep",
    "Kind",
    "LazyFunction",
    "LimitError",
    "NestingError",
    "Parameter",
    "Position",
    "Scope",
    "Span",
    "Step",
    "Traversal",
    "Type",
    "Value",
    "boolean",
    "convert",
    "evaluate",
    "evaluate_expression",
    "excerpt",
    "from_python",
    "join_spans",
    "list_of",
    "list_type",
    "map_of",
    "map_type",
    "null",
    "number",
    "object_of",
    "object_type",
    "parse",
    "parse_expression",
    "parse_template",
    "references",
    "set_of",
    "set_type",
    "string",
    "to_python",
    "tuple_of",
    "tuple_type",
    "type_from_json",
    "unify",
    "value_from_json",
]
