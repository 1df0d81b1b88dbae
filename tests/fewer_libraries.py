"""Python as a user has it who installed the product with some of its extras, not with all.

What the other extras bring is taken out of sight: its modules are not found, its distributions and
their entry points are not listed, in a process and in those that it starts.
"""

import json
import os
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distributions, requires
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = ("bus", "serve", "mcp", "monitor", "operate", "train")
_SITE = """
import json, sys
from importlib.machinery import PathFinder
from pathlib import Path

modules, names = map(frozenset, json.loads(Path(__file__).with_name("absent.json").read_text()))

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in modules else PathFinder.find_spec(name, path, target)

    @classmethod
    def find_distributions(cls, *given, **named):
        for found in PathFinder.find_distributions(*given, **named):
            name = found._path.name.partition("-")[0].lower().replace("_", "-").replace(".", "-")
            if name not in names:
                yield found

sys.meta_path[:] = [Finder if one is PathFinder else one for one in sys.meta_path]
"""


def environment_with(folder: Path, *extras: str) -> dict[str, str]:
    """The environment of a Python that has the base and these extras; `folder` is filled for it."""
    kept = distributions_of(*extras)
    gone = frozenset(distributions_of(*EXTRAS) - kept)
    present = {m for name in kept for m in _modules(name)}
    absent = {m for name in gone for m in _modules(name)} - present
    folder.mkdir(exist_ok=True)
    (folder / "absent.json").write_text(json.dumps([sorted(absent), sorted(gone)]))
    (folder / "sitecustomize.py").write_text(_SITE)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def distributions_of(*extras: str) -> set[str]:
    """The names of all that an installation with these extras holds, what they need with them."""
    lines = PROJECT["dependencies"] + [
        line for extra in extras for line in PROJECT["optional-dependencies"][extra]
    ]
    todo = [Requirement(line) for line in lines]
    seen: set[tuple[str, frozenset[str]]] = set()
    while todo:
        one = todo.pop()
        key = (canonicalize_name(one.name), frozenset(one.extras))
        if key not in seen:
            seen.add(key)
            todo += _needed(one)
    return {name for name, _ in seen}


def _needed(one: Requirement) -> Iterator[Requirement]:
    with suppress(PackageNotFoundError):  # for another system
        for need in map(Requirement, requires(one.name) or ()):
            given = ({"extra": extra} for extra in ("", *one.extras))
            if need.marker is None or any(need.marker.evaluate(each) for each in given):
                yield need


@cache
def _installed() -> dict[str, Distribution]:
    return {canonicalize_name(found.name): found for found in distributions()}


@cache
def _modules(name: str) -> frozenset[str]:
    """The dotted names of a distribution's modules and packages."""
    found = _installed().get(name)
    files = (PurePosixPath(str(file)) for file in (found.files or ())) if found else ()
    modules: set[str] = set()
    for file in files:
        if file.suffix in (".py", ".so") and file.parts[0] != "..":
            parts = [*file.parts[:-1], file.name.partition(".")[0]]
            modules |= {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    return frozenset(modules)


def command(*words: str) -> list[str]:
    """How `leadscore` is run."""
    return [sys.executable, "-m", "leadscore", *words]
