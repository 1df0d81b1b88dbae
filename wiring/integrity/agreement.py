"""Who stands where, for whatever serves: what the cache says, held against the ledger.

The ledger is asked once for each change of `stages.json`, never for a request. Where it does not
answer, or a home has none, what stands must be what the Bento was sealed with, or what was last
found to agree, as the anchors beside the home have it.
"""

import logging
from pathlib import Path

from sqlalchemy import make_url

from config.settings import Settings
from domain.errors import BadInput, LeadscoreError, Unavailable
from domain.verification import Head
from domain.versions.manifest import VersionKind
from registry.agreement import by_ledger
from registry.cache import STAGES_FILE, Agree, Stages, read_or_none, version_folder
from registry.ledger import proven_entries
from registry.ledger_entry import LedgerEntry
from storage.engine import open_engine
from wiring.integrity.anchors import LEDGER, Anchors, digest_of, open_anchors
from wiring.live_folders import FOLDERS, carried, folder_of

LEDGER_WAIT_S = 2.0
"""How long the ledger may take to answer, at a start and after a change."""

_log = logging.getLogger(__name__)


def agreement(settings: Settings, kind: VersionKind) -> Agree:
    """What holds a home's stages of one kind against its ledger."""
    return Agreement(settings, kind).of


def standing_stages(settings: Settings, kind: VersionKind) -> Stages | None:
    """The stages of all versions, checked against the ledger. Raises as `Agreement.of`."""
    return agreement(settings, kind)(read_or_none(folder_of(settings, kind)))


def ledger_entries(settings: Settings) -> list[LedgerEntry]:
    """All entries of a ledger that is only read; none where there is no ledger.

    Raises BadInput where it is altered, Unavailable where it does not answer.
    """
    url = make_url(settings.ledger_db)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return []
    engine = open_engine(settings.ledger_db, LEDGER_WAIT_S)
    try:
        return proven_entries(engine) or []
    finally:
        engine.dispose()


class Agreement:
    """Remembers what held last: nothing goes back behind it while a process lives."""

    def __init__(self, settings: Settings, kind: VersionKind) -> None:
        self._settings = settings
        self._kind: VersionKind = kind
        self._cache = folder_of(settings, kind)
        self._last = 0

    def of(self, cached: Stages | None) -> Stages | None:
        """The stages in force.

        Raises BadInput where cache, ledger and anchors contradict each other, Unavailable where the
        ledger does not answer and nothing else confirms the cache.
        """
        anchors = open_anchors(self._settings)
        try:
            entries = ledger_entries(self._settings)
        except Unavailable as away:
            if not self._vouched(cached, anchors):
                raise self._unproven() from away
            _log.warning(
                "the ledger does not answer: the versions that were served last stay in force"
            )
            return cached
        if not entries:
            if not self._vouched(cached, anchors):
                raise self._unproven()
            return cached
        check_ledger(entries, anchors)
        stages = by_ledger(cached, entries, self._kind, self._at_hand)
        if stages is not None:
            self._forward(stages)
            head = Head(sequence=len(entries), hash=entries[-1].hash)
            anchors.note_stages(self._kind, digest_of(stages), head)
        return stages

    def _forward(self, stages: Stages) -> None:
        if stages.sequence < self._last:
            raise BadInput(
                f"it is of entry {stages.sequence} of the ledger, entry {self._last} was served",
                rule="stages-newest",
                where=STAGES_FILE,
            )
        self._last = stages.sequence

    def _vouched(self, stages: Stages | None, anchors: Anchors) -> bool:
        """Whether the Bento, or the anchors, say the same without the ledger."""
        known = anchors.readable().stages.get(self._kind)
        if known is not None and stages is not None and digest_of(stages) == known:
            return True
        sealed = _sealed(self._kind)
        return stages == sealed and (stages is not None or known is None)

    def _unproven(self) -> LeadscoreError:
        return Unavailable(
            "the ledger does not answer, or there is none, and nothing else says that these "
            "versions were promoted",
            rule="stages-proven",
            where=STAGES_FILE,
            todo="Is the database of LEADSCORE_LEDGER_DB there? Once it answered, a start without "
            "it needs LEADSCORE_ANCHORS where it was; a Bento serves what it was built with.",
        )

    def _at_hand(self, label: str) -> bool:
        return version_folder(self._cache, label).is_dir()


def check_ledger(entries: list[LedgerEntry], anchors: Anchors) -> None:
    """Raise BadInput where the ledger differs from the anchor."""
    for sequence, digest in anchors.readable().heads.get(LEDGER, {}).items():
        if sequence > len(entries) or entries[sequence - 1].hash != digest:
            raise BadInput(
                f"entry {sequence} differs from the anchor",
                rule="ledger-anchored",
                where="ledger",
                todo="Entries were cut off or written anew: run `leadscore audit verify`. After a "
                "restored backup, `leadscore audit checkpoint --anew REASON` begins anew.",
            )


def _sealed(kind: VersionKind) -> Stages | None:
    """The stages that this Bento was built with."""
    bundle = carried()
    return read_or_none(bundle / "live" / FOLDERS[kind]) if bundle else None
