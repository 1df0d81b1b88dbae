"""Pages for a browser: their place is said, and who sits at a screen may have one opened."""

import sys
from pathlib import Path

from leadscore.terminal.output import put


def show_page(what: str, page: Path | str, *, open_it: bool = False) -> None:
    """Say where a page is, a file or an address; open it in the browser where one is wanted."""
    put(f"{what:<13}{page}")
    if open_it and sys.stdout.isatty():
        import webbrowser

        address = page if isinstance(page, str) else page.resolve().as_uri()
        webbrowser.open(address)
