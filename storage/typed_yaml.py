"""A YAML file as a value of its type: unknown keys and keys given twice are refused by line."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from domain.errors import BadConfiguration, BadInput
from storage.yaml_files import YamlLoader, parse_yaml, read_text

T = TypeVar("T")
_PLACE = re.compile(r"at `\$([^`]*)`$")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")


class YamlFile:
    """A YAML file that was read: its `document`, and where in it a key stands.

    Raises BadConfiguration under `rule`, naming file and line, where it is no YAML or a key is
    given twice. `loader` is PyYAML's, or one of our own.
    """

    def __init__(
        self, path: Path, rule: str, *, todo: str = "", loader: YamlLoader = yaml.CSafeLoader
    ) -> None:
        self.name, self.rule, self.todo = path.name, rule, todo
        self._text = read_text(path, rule=rule)
        self.document = parse_yaml(self._text, path.name, rule=rule, loader=loader)

    def to(self, kind: type[T], prepare: Callable[[Any], Any] = lambda document: document) -> T:
        """The document as a value of a type. Raises BadConfiguration."""
        try:
            return msgspec.convert(prepare(self.document), kind)
        except msgspec.ValidationError as bad:
            raise BadConfiguration(
                str(bad), rule=self.rule, where=self.where(str(bad)), todo=self.todo
            ) from bad
        except BadInput as bad:
            self.locate(bad)
            raise

    def where(self, message: str) -> str:
        """The file, and the line that a message of msgspec is about."""
        return located(self._text, self.name, message)

    def locate(self, bad: BadInput) -> None:
        """Give an error of a check of ours its file, and the line of the key that it names."""
        bad.where = self.where(f"at `{bad.key}`" if bad.key else bad.what)


def read_typed(
    path: Path,
    kind: type[T],
    rule: str,
    *,
    todo: str = "",
    prepare: Callable[[Any], Any] = lambda document: document,
) -> T:
    """A YAML file as a value of a type; `prepare` changes the document before.

    Raises BadConfiguration under `rule`, naming file, line and key.
    """
    return YamlFile(path, rule, todo=todo).to(kind, prepare)


def located(text: str, name: str, message: str) -> str:
    """The name of a file, and the line that msgspec's message on its document is about."""
    place, unknown = _PLACE.search(message), _UNKNOWN.search(message)
    steps = [m[1] or m[2] for m in _STEP.finditer(place[1])] if place else []
    if unknown:
        steps.append(unknown[1])
    line = _line(yaml.compose(text, yaml.CSafeLoader), steps)
    return name if line is None else f"{name}, line {line}"


def _line(node: Any, steps: list[str]) -> int | None:
    """The line, from 1, of the node that steps lead to, as far as they lead anywhere."""
    line: int | None = None
    for step in steps:
        entry: tuple[Any, Any] | None = None
        if isinstance(node, yaml.MappingNode):
            entry = next((pair for pair in node.value if str(pair[0].value) == step), None)
        elif isinstance(node, yaml.SequenceNode) and step.isdecimal():
            entry = (node.value[int(step)],) * 2
        if entry is None:
            return line
        line, node = entry[0].start_mark.line + 1, entry[1]
    return line
