"""Pieces of YAML, written so that they are read back as what they were."""

import json
import re
from collections.abc import Iterable, Mapping

import msgspec

from signals.mapping.spec import TimeSpec

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.]*(?: [A-Za-z0-9_.]+)*")
_NOT_TEXT = frozenset(["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"])


def scalar(value: object) -> str:
    """A text, number or truth value; text in quotes where it could be read as something else.

    >>> scalar("Lead Source"), scalar("no"), scalar("Deal - Status"), scalar(True), scalar(1)
    ('Lead Source', '"no"', '"Deal - Status"', 'true', '1')
    """
    if not isinstance(value, str):
        return json.dumps(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    return '"' + "".join(map(_escaped, value)) + '"'


def _escaped(sign: str) -> str:
    """A character inside double quotes, as YAML 1.2 escapes it (section 5.7)."""
    if sign in '"\\':
        return f"\\{sign}"
    return sign if sign.isprintable() else f"\\U{ord(sign):08x}"


def listed(values: Iterable[object]) -> str:
    """A list on one line."""
    return f"[{', '.join(map(scalar, values))}]"


def mapped(values: Mapping[str, object]) -> str:
    """A mapping on one line; values that are lists are lists, those of None are left out."""
    parts = (
        f"{key}: {listed(value) if isinstance(value, list | tuple) else scalar(value)}"
        for key, value in values.items()
        if value is not None
    )
    return f"{{{', '.join(parts)}}}"


def time_text(spec: TimeSpec) -> str:
    """A time of a mapping, as short as it can be written."""
    document: dict[str, object] = {
        key: value
        for key, value in msgspec.to_builtins(spec).items()
        if value is not None and (key, value) != ("plus", "0s")
    }
    if document.keys() == {"column"}:
        return scalar(spec.column)
    since = document.pop("since", None)
    text = mapped(document)
    return text if since is None else f"{text[:-1]}, since: {since}}}"


def comment(why: str) -> str:
    """A comment at a line's end; control characters and line ends are taken out."""
    clean = "".join(sign if sign.isprintable() else " " for sign in why)
    return f"  # {clean}" if clean else ""
