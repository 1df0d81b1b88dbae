"""Templates filled in. All that is put into a page is escaped unless a chart of ours made it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from console.frame import formats
from console.frame.assets import Assets
from console.frame.done import done_text
from console.frame.editor_files import EditorFiles

TEMPLATES = Path(__file__).parents[1] / "templates"
SECTIONS: tuple[tuple[str, str], ...] = (
    ("Leads", "/leads"),
    ("Models", "/models"),
    ("Rollouts", "/rollouts"),
    ("Policies", "/policies"),
    ("Workflow", "/workflow"),
    ("Value", "/value"),
    ("Monitoring", "/monitoring"),
    ("Data", "/data"),
    ("Audit", "/audit"),
    ("Operate", "/operate"),
)
"""The navigation: what it says, and where it leads."""


class PageRenderer:
    """Fills templates in, for a console at one address such as `/console`."""

    def __init__(self, base: str, assets: Assets, editor: EditorFiles | None = None) -> None:
        self._base = base
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        for name in ("moment", "when", "percent", "figure", "count", "short", "words", "coded"):
            environment.filters[name] = getattr(formats, name)
        environment.globals.update(
            url=self.url,
            asset=lambda file: base + assets.name(file),
            sections=SECTIONS,
            graph_editor=base + editor.entry if editor is not None and editor.entry else "",
            done_text=done_text,
        )
        self._environment = environment

    def url(self, path: str, *parts: object, **query: object) -> str:
        """An address of the console: its path, further parts of it, and a query without blanks.

        >>> PageRenderer("/console", Assets()).url("/leads", "lead_1", grade="A", queue=None)
        '/console/leads/lead_1?grade=A'
        """
        below = "".join("/" + quote(str(part), safe="") for part in parts)
        kept = {name: value for name, value in query.items() if value not in (None, "")}
        return f"{self._base}{path}{below}" + (f"?{urlencode(kept)}" if kept else "")

    def page(self, template: str, context: Mapping[str, Any]) -> str:
        """A template filled in."""
        return self._environment.get_template(template).render(context)
