"""YAML of files that people write, within bounds, and in which no key is given twice.

Of a key that is given twice the last would silently win. A file is bounded in bytes, in depth, and
in how many values it comes to once its aliases are expanded: few lines can name billions.
"""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from domain.errors import BadConfiguration, BadInput

MOST_BYTES = 1 << 20
MOST_VALUES = 100_000
DEEPEST = 50

YamlLoader = type[yaml.SafeLoader] | type[yaml.CSafeLoader]
_BEGINS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_ENDS = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
_TODO = "Put texts with : # { } [ ] or a leading % @ * & in quotes."


def read_text(
    path: Path, error: type[BadInput] = BadConfiguration, rule: str = "unreadable-file"
) -> str:
    """The text of a file in UTF-8, cut a byte beyond what a YAML file may have. Raises `error`."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
        return raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as bad:
        what = f"the file cannot be read: {getattr(bad, 'strerror', None) or 'it is not UTF-8'}"
        raise error(what, rule=rule, where=path.name) from bad


def parse_yaml(
    text: str,
    name: str,
    error: type[BadInput] = BadConfiguration,
    rule: str = "yaml",
    loader: YamlLoader = yaml.CSafeLoader,
) -> Any:
    """The document in a text; `name` is its file's, for errors. Raises `error`."""
    try:
        _check_bounds(text)
        return _parse(text, loader)
    except (yaml.YAMLError, ValueError) as bad:
        mark = getattr(bad, "problem_mark", None)
        where = f"{name}, line {mark.line + 1}" if mark else name
        bounded = isinstance(bad, _Unfit)
        what = getattr(bad, "problem", None) or getattr(bad, "reason", None) or str(bad)
        what = what.partition("\n")[0]
        raise error(
            what if bounded else f"it is not YAML: {what}",
            rule=rule,
            where=where,
            todo=bad.todo if isinstance(bad, _Unfit) else _TODO,
        ) from bad


class _Unfit(yaml.MarkedYAMLError):
    def __init__(self, problem: str, mark: Any, todo: str) -> None:
        super().__init__(problem=problem, problem_mark=mark)
        self.todo = todo


def _check_bounds(text: str) -> None:
    """Raise for what is too large, too deep, or too much once aliases are put in."""
    if len(text) > MOST_BYTES:
        raise _Unfit(
            f"the file is longer than {MOST_BYTES >> 20} MiB", None, "Is it the right one?"
        )
    sizes: dict[str, int] = {}
    stack: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, yaml.CSafeLoader):
        size = 1
        if isinstance(event, _BEGINS):
            stack.append((event.anchor, 1))
            if len(stack) > DEEPEST:
                raise _Unfit("the file is nested too deeply", event.start_mark, "Make it flatter.")
            continue
        if isinstance(event, _ENDS):
            anchor, size = stack.pop()
            sizes[anchor or ""] = size
        elif isinstance(event, yaml.AliasEvent):
            size = sizes.get(event.anchor or "", MOST_VALUES + 1)
        elif isinstance(event, yaml.ScalarEvent):
            sizes[event.anchor or ""] = size
        anchor, total = stack[-1]
        stack[-1] = (anchor, total + size)
        if total + size > MOST_VALUES:
            todo = "Write out what the aliases stand for, or take fewer."
            raise _Unfit("it comes to too many values", event.start_mark, todo)


def _parse(text: str, kind: YamlLoader) -> Any:
    loader = kind(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        for node in _nodes(root):
            _distinct_keys(node)
            _finite(node)
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    if isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _nodes(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _nodes(value)


def _finite(node: Any) -> None:
    """No setting is infinite or no number: bounds and sums after it would hold nothing back."""
    if node.tag == "tag:yaml.org,2002:float" and not isfinite(_float(node.value)):
        todo = "Write a finite number; put it in quotes if a text is meant."
        raise _Unfit(f"{node.value} is not a finite number", node.start_mark, todo)


def _float(text: str) -> float:
    """YAML's reading of a number; 0 for the base-60 kind, which is always finite."""
    try:
        return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return 0.0


def _distinct_keys(node: Any) -> None:
    seen: set[str] = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if str(key.value) in seen:
            raise _Unfit(
                f"the key {key.value!r} is given twice", key.start_mark, "Leave one of them."
            )
        seen.add(str(key.value))
