"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the ledger.")]
By = Annotated[
    str, typer.Option("--by", envvar="LEADSCORE_USER", help="Who does it; it stands in the ledger.")
]
OutFile = Annotated[Path, typer.Option("--out", help="The file to write.")]


def group(text: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None)
