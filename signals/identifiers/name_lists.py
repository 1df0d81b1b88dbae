"""The lists of names that come with the product, in `signals/lists`."""

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "lists"


@cache
def listed(name: str) -> frozenset[str]:
    """The lines of a list, without notes and blank lines."""
    lines = (_FOLDER / name).read_text(encoding="utf-8").splitlines()
    return frozenset(text for line in lines if (text := line.partition("#")[0].strip()))
