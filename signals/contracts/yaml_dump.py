"""YAML as people write it: what is short on one line, the rest below each other."""

from typing import Any

import yaml


class FlowMapping(dict[str, Any]):
    """A mapping that is written on one line, as far as the line reaches."""


class _Dumper(yaml.SafeDumper):
    """Indents lists below their keys."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, indentless=False)


def _line(dumper: yaml.SafeDumper, data: FlowMapping) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)


def _list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    short = not any(isinstance(value, dict | list) for value in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=short)


_Dumper.add_representer(FlowMapping, _line)
_Dumper.add_representer(list, _list)


def dump_yaml(document: dict[str, Any]) -> str:
    """The text of a document, keys in their order."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
