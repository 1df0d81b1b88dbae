"""Hooks of the documentation site: pages that are made when it is built, and links that leave it.

The start page is README.md, the reference of the code is made of the packages' docstrings, the
index of decisions of their titles. A link to a file outside `docs/` becomes the file's name; one
that leads nowhere is an error, as the site is built with `--strict`.
"""

import logging
import re
import tomllib
from pathlib import Path
from posixpath import normpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_log = logging.getLogger("mkdocs.site")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the pages that are made, or that grow in number, where the navigation has `*`."""
    decisions = sorted(f"adr/{path.name}" for path in (ROOT / "docs" / "adr").glob("0*.md"))
    lists = {"Code": [f"api/{name}.md" for name in _packages()]}
    lists["Decisions"] = ["adr/README.md", *decisions, "adr/template.md"]
    for section in config.nav or ():
        for entries in section.values() if isinstance(section, dict) else ():
            for entry in entries:
                if isinstance(entry, dict):
                    entry.update({key: lists[key] for key in entry.keys() & lists.keys()})
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the start page, the pages of the root, and the reference of the code."""
    made = {"index.md": (ROOT / "README.md").read_text().replace("](docs/", "](")}
    made["changelog.md"] = (ROOT / "CHANGELOG.md").read_text().replace("](docs/", "](")
    made["contributing.md"] = (ROOT / "CONTRIBUTING.md").read_text().replace("](docs/", "](")
    made["security.md"] = (ROOT / "SECURITY.md").read_text().replace("](docs/", "](")
    made.update({f"api/{name}.md": text for name, text in _reference().items()})
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Links that leave the site become names of files; of the README they begin at the root."""
    folder = Path(page.file.src_uri).parent.as_posix()
    from_root = page.file.src_uri in {"index.md", "changelog.md", "contributing.md", "security.md"}

    def replaced(found: re.Match[str]) -> str:
        label, target = found[1], found[2]
        if "://" in target or target.startswith(("#", "mailto:")):
            return found[0]
        path = target.partition("#")[0]
        here = normpath(f"docs/{folder}/{path}")
        if here.startswith("docs/") and (ROOT / here).exists() and not (ROOT / here).is_dir():
            return found[0]
        there = normpath(path if from_root else f"docs/{folder}/{path}")
        return _outside(there, label, page.file.src_uri) or found[0]

    return _LINK.sub(replaced, markdown)


def _outside(path: str, label: str, page: str) -> str:
    made = {"README.md": "index", "CHANGELOG.md": "changelog", "CONTRIBUTING.md": "contributing"}
    made["SECURITY.md"] = "security"
    if path in made:
        up = "../" * page.count("/")
        return f"[{label}]({up}{made[path]}.md)"
    if path in {"docs/adr", "adr"}:
        return f"[{label}]({'../' * page.count('/')}adr/README.md)"
    if not (ROOT / path).exists():
        _log.warning("%s: %s is not there", page, path)
        return ""
    return label if path in label else f"{label} (`{path}`)"


def _reference() -> dict[str, str]:
    """A page for each package, with the names that its modules make public."""
    return {name: _page_of(name) for name in _packages()}


def _packages() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return sorted(project["tool"]["importlinter"]["root_packages"])


def _page_of(package: str) -> str:
    modules = sorted(
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for path in (ROOT / package).rglob("*.py")
        if path.name not in {"__init__.py", "__main__.py", "definitions.py"}
        and path.stem.isidentifier()  # a migration is a script
    )
    return "\n\n".join([f"# {package}", *(f"::: {module}" for module in modules)])
