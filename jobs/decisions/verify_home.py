"""A whole home, verified: every store against itself, against the others, against its anchors."""

from collections.abc import Callable, Container
from pathlib import Path
from typing import get_args

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from decisions.audit.assistant_journal import ENTRIES, JOURNAL, AssistantJournal
from decisions.overrides.journal import ENTRIES as OVERRIDE_ENTRIES
from decisions.overrides.journal import OVERRIDES, OverrideJournal
from domain.clock import SystemClock
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
from wiring.integrity.checkpoints import checkpoint, engine_of
from wiring.live_folders import folder_of
from wiring.registry import REGISTRIES
from workflow.outbox.journal import STORE as EFFECTS
from workflow.outbox.journal import EffectsJournal
from workflow.outbox.tables import JOURNAL as EFFECTS_JOURNAL
from workflow.store.journal import STORE as LEADS
from workflow.store.journal import verify as verify_workflow
from workflow.store.tables import JOURNAL as LEADS_JOURNAL

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
        for store in (TRAIL, LEDGER, LOG)
    }
    stores = [
        *_guarded(TRAIL, lambda: open_trail(settings).verify_all(anchored[TRAIL])),
        *_guarded(JOURNAL, lambda: [_journal(settings)]),
        *_guarded(OVERRIDES, lambda: [_overrides(settings)]),
        *_guarded(EFFECTS, lambda: [_effects(settings)]),
        *_guarded(LEADS, lambda: [_leads(settings)]),
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


def _journal(settings: Settings) -> Verified:
    """What assistants asked and proposed; its chain has no anchors."""
    engine = engine_of(settings.audit_db, ENTRIES.name)
    if engine is None:
        return Verified(store=JOURNAL, count=0)
    try:
        return AssistantJournal(engine, SystemClock()).verify()
    finally:
        engine.dispose()


def _overrides(settings: Settings) -> Verified:
    """Who overrode the policy for whom; its chain has no anchors."""
    engine = engine_of(settings.audit_db, OVERRIDE_ENTRIES.name)
    if engine is None:
        return Verified(store=OVERRIDES, count=0)
    try:
        return OverrideJournal(engine, SystemClock()).verify()
    finally:
        engine.dispose()


def _effects(settings: Settings) -> Verified:
    """What people and agents did about effects; its chain has no anchors."""
    engine = engine_of(settings.workflow_db, EFFECTS_JOURNAL.name)
    if engine is None:
        return Verified(store=EFFECTS, count=0)
    try:
        return EffectsJournal(engine, SystemClock()).verify()
    finally:
        engine.dispose()


def _leads(settings: Settings) -> Verified:
    """What moved leads in their workflow; its chain has no anchors."""
    engine = engine_of(settings.workflow_db, LEADS_JOURNAL.name)
    if engine is None:
        return Verified(store=LEADS, count=0)
    try:
        return verify_workflow(engine)
    finally:
        engine.dispose()


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
