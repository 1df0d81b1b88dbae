"""Doctests of docstrings become code blocks in the reference of the code."""

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)


class Doctests(griffe.Extension):
    """Puts a fence round each run of examples."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of one object, before it is shown."""
        if obj.docstring is not None:
            fenced = r"```pycon\n\g<0>\n```"
            obj.docstring.value = _EXAMPLE.sub(fenced, obj.docstring.value)
