"""Whether the stages that serving reads agree with the ledger. Pure."""

from collections.abc import Callable, Sequence

from domain.errors import BadInput
from domain.versions.manifest import VersionKind
from registry.cache import STAGES_FILE, Stages, stages_of
from registry.ledger_entry import LedgerEntry
from registry.registry_state import fold


def by_ledger(
    stages: Stages | None,
    entries: Sequence[LedgerEntry],
    kind: VersionKind,
    at_hand: Callable[[str], bool],
) -> Stages | None:
    """Who stands where by the ledger's entries, where the versions are `at_hand`.

    `stages` must be what the ledger said after the entry that it names. Where entries followed and
    the versions that they name are not here, `stages` holds on: another machine's promotion has not
    arrived yet. None where nothing ever stood. Raises BadInput.
    """
    if stages is not None:
        then = stages_of(fold(entries[: max(stages.sequence, 0)], kind))
        if then != stages:
            raise BadInput(
                f"it differs from the ledger after entry {stages.sequence}",
                rule="stages-by-ledger",
                where=STAGES_FILE,
                todo="Somebody changed it by hand. `leadscore audit verify` names what else was; "
                "remove the file, and what stands by the ledger is served.",
            )
    head = stages_of(fold(entries, kind))
    named = [version.label for version in (head.champion, head.challenger) if version is not None]
    stands = bool(named) or head.holdout is not None
    if head != stages and (stands or stages is not None) and all(map(at_hand, named)):
        return head
    return stages
