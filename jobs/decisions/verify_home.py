"""A whole home, verified: every store against itself, against the others, against its anchors."""

from collections.abc import Callable, Container, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import get_args

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from domain.errors import BadInput, LeadscoreError, Unavailable
from domain.verification import Anchored, Verified, cut_off
from domain.versions.manifest import VersionKind
from registry.cache import CachedVersion, cached_version, open_version, read_or_none, version_folder
from registry.ledger import first_broken
from registry.ledger_entry import LedgerEntry
from registry.registry_state import fold
from signals.events.log_verification import QUARANTINE, verify_log
from signals.identifiers.normalization import IdentifierReader
from signals.store.tables import events
from storage.engine import open_engine
from wiring.decisions import open_trail
from wiring.integrity.agreement import agreement, ledger_entries
from wiring.integrity.anchors import LEDGER, LOG, TRAIL, Anchors, Kept, open_anchors
from wiring.integrity.checkpoints import checkpoint
from wiring.integrity.journals import JOURNALS, HomeJournal, engine_of, verify_journal
from wiring.live_folders import folder_of
from wiring.registry import REGISTRIES

STAGES: dict[VersionKind, str] = {
    "model": "stages of models",
    "policy": "stages of policies",
    "workflow": "stages of workflows",
}
ANCHORS = "anchors"


class HomeVerification(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, store by store, and where the anchors are."""

    stores: tuple[Verified, ...]
    anchors: str
    notes: tuple[str, ...] = ()

    @property
    def faults(self) -> list[Verified]:
        """What does not fit."""
        return [store for store in self.stores if store.fault]


def verify_home(settings: Settings, anchor_file: Path | None = None) -> HomeVerification:
    """Read every store whole. What fits is anchored, so that the next look knows more.

    `anchor_file` is a file of anchors that was kept elsewhere, and counts as well. Memory is
    bounded, the time grows with the stores. A store that cannot be read is one that does not fit.
    """
    anchors = open_anchors(settings)
    kept = anchors.kept()
    elsewhere = Kept() if anchor_file is None else Anchors(settings.home, anchor_file).kept()
    anchored = {
        store: {**kept.heads.get(store, {}), **elsewhere.heads.get(store, {})}
        for store in (TRAIL, LEDGER, LOG, *(journal.store for journal in JOURNALS))
    }
    stores = [
        *_guarded(TRAIL, lambda: open_trail(settings).verify_all(anchored[TRAIL])),
        *_journals(settings, anchored),
        *_guarded(LEDGER, lambda: _ruled(settings, anchored[LEDGER])),
        *_guarded(LOG, lambda: _logged(settings, anchored[LOG])),
        _anchors(settings, kept),
    ]
    if anchor_file is not None:
        stores.append(_of_another(elsewhere, f"{ANCHORS} given", strict=True))
    verification = HomeVerification(
        stores=tuple(stores), anchors=str(anchors.path), notes=tuple(_notes(kept))
    )
    if not verification.faults:
        checkpoint(settings, "verified")
    return verification


def _guarded(store: str, look: Callable[[], list[Verified]]) -> list[Verified]:
    try:
        return look()
    except (Unavailable, SQLAlchemyError) as bad:
        reason = bad.what if isinstance(bad, Unavailable) else type(bad).__name__
        return [Verified(store=store, count=0, fault=f"it cannot be read: {reason}")]


def _journals(settings: Settings, anchored: Mapping[str, Anchored]) -> Iterator[Verified]:
    for journal in JOURNALS:
        look = partial(_journal, settings, journal, anchored[journal.store])
        yield from _guarded(journal.store, look)


def _journal(settings: Settings, journal: HomeJournal, anchored: Anchored) -> list[Verified]:
    return [verify_journal(settings, journal, anchored)]


def _ruled(settings: Settings, anchored: Anchored) -> list[Verified]:
    """The ledger, and what stands by it."""
    entries, ledger = _ledger(settings, anchored)
    return [ledger, *(_stages(settings, kind, entries) for kind in get_args(VersionKind))]


def _logged(settings: Settings, anchored: Anchored) -> list[Verified]:
    engine = engine_of(settings.signals_db, events.name)
    if engine is None:
        return [cut_off(LOG, 0, anchored), Verified(store=QUARANTINE, count=0)]
    try:
        return verify_log(engine, anchored, IdentifierReader(settings.identity))
    finally:
        engine.dispose()


def _ledger(settings: Settings, anchored: Anchored) -> tuple[list[LedgerEntry], Verified]:
    try:
        entries = ledger_entries(settings)
    except BadInput as bad:
        engine = open_engine(settings.ledger_db)
        broken = first_broken(engine)
        engine.dispose()
        return [], Verified(store=LEDGER, count=0, broken=broken, fault=bad.what)
    for entry in entries:
        if anchored.get(entry.sequence, entry.hash) != entry.hash:
            fault = f"entry {entry.sequence} differs from the anchor"
            count = entry.sequence - 1
            return entries, Verified(store=LEDGER, count=count, broken=entry.sequence, fault=fault)
    return entries, cut_off(LEDGER, len(entries), anchored)


def _stages(settings: Settings, kind: VersionKind, entries: list[LedgerEntry]) -> Verified:
    """Whether the versions that serve are the ledger's, and every version's files unchanged."""
    store, cache = STAGES[kind], folder_of(settings, kind)
    try:
        stages = read_or_none(cache)
        stands = agreement(settings, kind)(stages)
        if stages != stands:
            return Verified(store=store, count=0, fault=_behind(missing=stages is None))
    except LeadscoreError as bad:
        return Verified(store=store, count=0, fault=f"{bad.where}: {bad.what}".lstrip(": "))
    versions = {
        label: cached_version(registration)
        for label, registration in fold(entries, kind).registrations.items()
    }
    named = () if stands is None else (stands.champion, stands.challenger)
    needed = {version.label: version for version in named if version is not None}
    versions.update(needed)
    return _versions(settings, kind, versions, needed)


def _behind(*, missing: bool) -> str:
    sentence = "stages.json is gone" if missing else "stages.json is older than the ledger"
    return f"{sentence}: the ledger's word is served; the next promotion writes it anew"


def _versions(
    settings: Settings,
    kind: VersionKind,
    versions: dict[str, CachedVersion],
    needed: Container[str],
) -> Verified:
    store, cache, count = STAGES[kind], folder_of(settings, kind), 0
    for label, version in versions.items():
        if label not in needed and not version_folder(cache, label).exists():
            continue
        try:
            open_version(cache, version, REGISTRIES[kind].made_of)
        except LeadscoreError as bad:
            return Verified(store=store, count=count, fault=f"{label}: {bad.what}")
        count += 1
    return Verified(store=store, count=count)


def _anchors(settings: Settings, kept: Kept) -> Verified:
    # where nobody named a file, a home that was made anew in the same place is no fault
    return _of_another(kept, ANCHORS, strict=bool(settings.anchors) and not settings.anchors_url)


def _of_another(kept: Kept, store: str, *, strict: bool) -> Verified:
    fault = ""
    if kept.broken is not None:
        fault = f"line {kept.broken} breaks the hash chain"
    elif strict and kept.others and not kept.lines:
        fault = "they are of another home: home.id was altered, or this home was made anew"
    return Verified(store=store, count=kept.lines, broken=kept.broken, fault=fault)


def _notes(kept: Kept) -> list[str]:
    notes = [f"the anchors begin anew: {reason}" for reason in kept.anew]
    if not kept.lines:
        notes.append("nothing was anchored before: a cut or rewritten chain would not be seen")
    if kept.others and not kept.lines:
        notes.append("another home was anchored in this place before")
    return notes
