"""YAML in which no key stands twice: the second would silently win."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from domain.errors import BadMapping


def read_yaml(path: Path) -> Any:
    """The document of a YAML file. Raises BadMapping with the line, where there is one."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as bad:
        what = f"it cannot be read: {getattr(bad, 'strerror', None) or 'it is not UTF-8'}"
        raise BadMapping(what, rule="unreadable-file", where=path.name) from bad
    return parse_yaml(text, path.name)


def parse_yaml(text: str, name: str, loader: Any = yaml.CSafeLoader) -> Any:
    """The document in a YAML text; `name` is its file's, for errors. Raises BadMapping."""
    try:
        return _parse(text, name, loader)
    except (yaml.YAMLError, ValueError, RecursionError) as bad:
        mark = getattr(bad, "problem_mark", None)
        where = f"{name}, line {mark.line + 1}" if mark else name
        what = getattr(bad, "problem", None) or str(bad)
        raise BadMapping(
            f"it is not YAML: {what}",
            rule="yaml",
            where=where,
            todo="Put texts with : # { } [ ] or a leading % @ * & in quotes.",
        ) from bad


def _parse(text: str, name: str, kind: Any) -> Any:
    loader = kind(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        for node in _nodes(root):
            _distinct_keys(node, name)
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


def _distinct_keys(node: Any, name: str) -> None:
    seen: set[str] = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if str(key.value) in seen:
            raise BadMapping(
                f"the key {key.value!r} stands twice",
                rule="yaml",
                where=f"{name}, line {key.start_mark.line + 1}",
                todo="Leave one of them.",
            )
        seen.add(str(key.value))
