"""Names of versions: what MLflow can hold, each of one kind."""

import re
from collections.abc import Sequence

from domain.errors import BadInput
from domain.versions.manifest import NAME, Sealed
from registry.ledger_entry import LedgerEntry

_NAME = re.compile(NAME)


def check_name(manifest: Sealed, entries: Sequence[LedgerEntry]) -> None:
    """Raise BadInput for a name that MLflow cannot hold, or that another kind has."""
    if not _NAME.fullmatch(manifest.name):
        raise BadInput(
            f"name == {manifest.name!r}, must be letters, digits, _ and -",
            rule="version-name",
        )
    known = (e.registration for e in entries if e.registration is not None)
    if any(r.version.name == manifest.name and r.kind != manifest.kind for r in known):
        raise BadInput(
            f"name == {manifest.name!r}, which versions of another kind already use",
            rule="version-name",
            todo="Give it a name of its own.",
        )
