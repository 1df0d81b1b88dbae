"""Regular expressions of users: matched in time that grows with the text alone.

Python's own engine goes back and tries again, so that `^(a+)+$` on thirty letters takes minutes.
RE2 does not, whatever the expression; what only such an engine can do (looking around, references
back) is refused where the expression is read.
"""

from collections.abc import Callable
from functools import lru_cache

import re2

MEMORY = 1 << 20
"""Bytes that one compiled expression may take."""

Matches = Callable[[str], bool]


@lru_cache(maxsize=1_024)
def compile_pattern(pattern: str) -> Matches:
    r"""Whether a text has a match anywhere, by an expression in RE2's syntax.

    Classes such as `\d` and `\w` are those of ASCII, as in JSON Schema. Raises ValueError.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MEMORY
    try:
        search = re2.compile(pattern, options).search
    except re2.error as bad:
        reason = bad.args[0].decode(errors="replace") if bad.args else "it cannot be read"
        raise ValueError(f"not a regular expression of RE2: {reason}") from bad
    return lambda text: search(text) is not None
