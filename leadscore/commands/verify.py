"""Commands that prove a home: everything it keeps against itself and against its anchors."""

from pathlib import Path
from typing import Annotated

import typer

from domain.errors import Missing, Refused
from leadscore.terminal.options import AsJson
from leadscore.terminal.output import put, put_json, put_table, say

AnchorFile = Annotated[
    Path | None,
    typer.Option("--anchor", help="A file of anchors kept elsewhere, to go by as well."),
]
Anew = Annotated[
    str,
    typer.Option(
        help="The reason for which what was anchored before no longer counts, such as a restored "
        "backup."
    ),
]


def verify(anchor: AnchorFile = None, as_json: AsJson = False) -> None:
    """Read everything that is kept and hold it against itself, its chains and the anchors.

    Exit 1 names the first place that does not fit. What fits is anchored.
    """
    from config.settings import load_settings, quiet_libraries
    from jobs.decisions.verify_home import verify_home

    quiet_libraries()
    verification = verify_home(load_settings(), _existing(anchor))
    if as_json:
        put_json(verification)
    else:
        put_table(
            ["store", "read", "found"],
            [[s.store, s.count, s.fault or "sound"] for s in verification.stores],
        )
        for note in verification.notes:
            say(note)
    if verification.faults:
        first = verification.faults[0]
        raise Refused(
            first.fault,
            rule="audit-sound",
            where=first.store,
            todo="docs/audit.md says what each finding means.",
        )


def checkpoint(anew: Anew = "") -> None:
    """Write down outside the home where every chain stands now."""
    from config.settings import load_settings
    from wiring.integrity.anchors import open_anchors
    from wiring.integrity.checkpoints import checkpoint as write

    settings = load_settings()
    if not write(settings, "asked", anew):
        raise Missing(
            "no anchor could be written",
            rule="anchors-written",
            where=str(settings.anchors_file),
            todo="Set LEADSCORE_ANCHORS to a file that may be written, or a URL.",
        )
    put(f"anchored in {open_anchors(settings).path}")


def _existing(anchor: Path | None) -> Path | None:
    if anchor is not None and not anchor.is_file():
        raise Missing("there is no such file", rule="anchors-file", where="--anchor")
    return anchor
