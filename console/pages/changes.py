"""The ledger's entries as rows of a table."""

from collections.abc import Iterable
from typing import NamedTuple

from domain.versions.manifest import VersionKind
from registry.ledger_entry import LedgerEntry
from registry.registry_state import of_kind

MOST = 50
"""Entries that a page shows, the newest."""


class ChangeRow(NamedTuple):
    """One entry, as a page shows it."""

    sequence: int
    at_us: int
    kind: str
    subject: str
    what: str
    by: str
    credential: str
    reason: str
    failed: tuple[str, ...]


def ledger_rows(
    entries: Iterable[LedgerEntry], kind: VersionKind | None = None, most: int = MOST
) -> list[ChangeRow]:
    """The newest entries about one kind of versions, or about all and everything else."""
    wanted = list(entries if kind is None else of_kind(entries, kind))[-most:]
    return [_row(entry) for entry in reversed(wanted)]


def _row(entry: LedgerEntry) -> ChangeRow:
    what = str(entry.to_stage) if entry.to_stage else ""
    if not what and entry.rollout is not None:
        what = entry.rollout.in_words
    return ChangeRow(
        entry.sequence,
        entry.at_us,
        entry.kind,
        entry.subject,
        what,
        entry.by,
        entry.credential,
        entry.reason,
        tuple(gate.name for gate in entry.gates if not gate.passed),
    )
