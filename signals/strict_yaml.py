"""YAML of mappings and contracts, see `domain.strict_yaml`; what is wrong raises BadMapping."""

from pathlib import Path
from typing import Any

from domain import strict_yaml
from domain.errors import BadMapping


def read_yaml(path: Path) -> Any:
    """The document of a YAML file. Raises BadMapping with the line, where there is one."""
    return strict_yaml.read_yaml(path, BadMapping)


def parse_yaml(text: str, name: str) -> Any:
    """The document in a YAML text; `name` is its file's, for errors. Raises BadMapping."""
    return strict_yaml.parse_yaml(text, name, BadMapping)
