"""What a user may have meant: functions that other tools have and Atlas does not, and blocks with a slip in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsqltokd.hcl.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dsqltokd.hcl import Block

_GIVEN = "compute it elsewhere, and give it with getenv() or --var"
INSTEAD = {
    "abspath": "relative paths start at the project's directory; fileset() gives absolute ones",
    "anytrue": "write contains(list, true)",
    "basename": 'write regex("[^/]*$", path)',
    "coalesce": "write compact([a, b])[0]: the first text that is neither null nor empty",
    "dirname": 'write regexreplace(path, "/[^/]*$", "")',
    "env": "write getenv(name)",
    "fileexists": "write can(file(path))",
    "lookup": "write try(map[key], default)",
    "nonsensitive": "leave it out: there are no sensitive values",
    "one": "write try(tolist(x)[0], null)",
    "sensitive": "leave it out: no message quotes a value",
    "strcontains": "write length(split(part, text)) > 1",
    "sum": "write a + b: nothing adds up a list",
    "templatefile": 'write replace(file(path), "NAME", value)',
    "tomap": "write the object { … } itself; a variable can be of type map()",
    "urlencode": "write urlescape(text)",
    **dict.fromkeys(("base64decode", "base64encode", "md5", "sha1", "sha256", "sha512", "timestamp", "uuid"), _GIVEN),
}
"""What to write in place of a function that Atlas does not have, and which works in Atlas too."""


def misspelt(blocks: Iterable[Block], wanted: Sequence[str], name: str | None) -> tuple[str, int] | None:
    """Return the word that was meant and the line of the first block that has another, a near one, in its place.

    `wanted` is the type and all labels but the last of a block that would define `name`; for a `name` of None any does.
    Atlas keeps blocks of any type, so the slip itself is no mistake that could be told.
    """
    for block in blocks:
        header = (block.type, *block.labels[:-1])
        defined = block.body.attributes if wanted[0] == "locals" else block.labels[-1:]
        if len(header) != len(wanted) or (name is not None and name not in defined):
            continue
        slips = [(word, given) for word, given in zip(wanted, header, strict=True) if word != given]
        if len(slips) == 1 and did_you_mean(slips[0][1], slips[0][:1]):
            return slips[0][0], block.span.start.line
    return None
