"""The state of every version: the ledger's entries, folded. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from domain.errors import BadInput, Missing
from domain.versions.manifest import ModelVersion, Stage, VersionKind
from registry.ledger_entry import MOVES_NOTHING, LedgerEntry, Registration
from registry.rollout_state import Rollout
from storage.hash_chain import GENESIS


@dataclass(frozen=True, slots=True)
class RegistryState:
    """What holds for one kind of version after an entry of the ledger.

    That entry, the last one about the kind, is number `sequence` (0: none), its hash is `head`.
    `requests` are promotions that wait for a second person, by label.
    `reigns` are the champions, oldest first, without those that were rolled back: the last is the
    champion, the one before it is where a rollback leads. At most one version is challenger.
    `rollout` is the one between champion and challenger, `holdout` the one that stands by itself.
    """

    sequence: int
    head: str
    registrations: dict[str, Registration]
    stages: dict[str, Stage]
    reigns: tuple[str, ...]
    rollout: Rollout | None
    requests: dict[str, LedgerEntry]
    kind: VersionKind
    holdout: Rollout | None = None

    @property
    def champion(self) -> str | None:
        """The champion's label."""
        return self.reigns[-1] if self.reigns else None

    @property
    def challenger(self) -> str | None:
        """The challenger's label."""
        return next((k for k, stage in self.stages.items() if stage == Stage.CHALLENGER), None)

    def version(self, label: str) -> ModelVersion:
        """A registered version, at its present stage."""
        return msgspec.structs.replace(self.registrations[label].version, stage=self.stages[label])

    def versions(self) -> list[ModelVersion]:
        """All versions, by name and number."""
        listed = (self.version(label) for label in self.registrations)
        return sorted(listed, key=lambda v: (v.name, v.version))

    def registration(self, label: str) -> Registration:
        """What was registered under a label. Raises Missing."""
        entry = self.registrations.get(label)
        if entry is None:
            raise Missing(f"no version {label!r} is registered", rule="version-known")
        return entry

    def find(self, label_or_number: str) -> ModelVersion:
        """One version, by its label, or by its number where only one name has that number.

        Raises Missing where there is none, BadInput where there are several.
        """
        matches = [v for v in self.versions() if label_or_number in (v.label, str(v.version))]
        if not matches:
            raise Missing(
                f"no version {label_or_number!r} is registered",
                rule="version-known",
                todo="`leadscore models list` shows all versions.",
            )
        if len(matches) > 1:
            raise BadInput(
                f"{label_or_number} is ambiguous: it matches {', '.join(v.label for v in matches)}",
                rule="version-unambiguous",
            )
        return matches[0]

    def numbered(self, name: str) -> dict[int, Stage]:
        """The stages of the versions of one name, by number."""
        return {
            registration.version.version: self.stages[label]
            for label, registration in self.registrations.items()
            if registration.version.name == name
        }


FORMER = 3
"""Former champions whose files are kept at hand: so many rollbacks, one after another."""
NEWEST = 3
"""Candidates whose files are kept at hand, the newest: they are promoted next, if any is."""


def kept(standing: RegistryState) -> set[str]:
    """The versions to keep at hand: those that serve, that rollbacks lead to, that come next."""
    candidates = [k for k, stage in standing.stages.items() if stage == Stage.CANDIDATE]
    named = [*standing.reigns[-FORMER - 1 :], standing.challenger, *candidates[-NEWEST:]]
    return {label for label in named if label is not None} | set(standing.requests)


def fold(entries: Iterable[LedgerEntry], kind: VersionKind = "model") -> RegistryState:
    """The standing of a kind after these entries, which are the ledger's first ones, in order."""
    folding = _Folding()
    for entry in of_kind(entries, kind):
        folding.add(entry)
    return folding.standing(kind)


def follow(
    entries: Iterable[LedgerEntry], kind: VersionKind = "model"
) -> Iterator[tuple[LedgerEntry, RegistryState]]:
    """Each entry about a kind with the state after it, valid until the next one."""
    folding = _Folding()
    for entry in of_kind(entries, kind):
        folding.add(entry)
        yield entry, folding.standing(kind)


def of_kind(entries: Iterable[LedgerEntry], kind: VersionKind) -> Iterator[LedgerEntry]:
    """The entries that move versions of one kind; given from the ledger's first one on."""
    kinds: dict[str, VersionKind] = {}
    for entry in entries:
        if entry.kind in MOVES_NOTHING:
            continue
        if entry.registration is not None:
            kinds[entry.subject] = entry.registration.kind
        about = entry.rollout.kind if entry.rollout else kinds.get(entry.subject, "model")
        if about == kind:
            yield entry


UNDER_WAY = frozenset({"rollout_started", "rollout_changed", "rollout_advanced", "rollout_held"})
"""The entries after which a rollout is under way; after its others it is not."""


class _Folding:
    def __init__(self) -> None:
        self.sequence = 0
        self.head = GENESIS
        self.registrations: dict[str, Registration] = {}
        self.stages: dict[str, Stage] = {}
        self.reigns: list[str] = []
        self.rollout: Rollout | None = None
        self.holdout: Rollout | None = None
        self.requests: dict[str, LedgerEntry] = {}

    def standing(self, kind: VersionKind) -> RegistryState:
        return RegistryState(
            self.sequence,
            self.head,
            self.registrations,
            self.stages,
            tuple(self.reigns),
            self.rollout,
            self.requests,
            kind,
            self.holdout,
        )

    def add(self, entry: LedgerEntry) -> None:
        self.sequence = entry.sequence
        self.head = entry.hash
        match entry.kind:
            case "registered" if entry.registration is not None:
                self.registrations[entry.subject] = entry.registration
                self.stages[entry.subject] = Stage.CANDIDATE
            case "requested":
                self.requests[entry.subject] = entry
            case "rolled_back" if entry.to_stage == Stage.ARCHIVED:
                # before the first champion came what is no version: as it comes along
                self.reigns.remove(entry.subject)
                self.stages[entry.subject] = Stage.ARCHIVED
            case "rolled_back":
                while self.reigns and self.reigns[-1] != entry.subject:
                    self.stages[self.reigns.pop()] = Stage.ARCHIVED
                self.stages[entry.subject] = Stage.CHAMPION
            case "promoted" | "demoted" if entry.to_stage is not None:
                self._move(entry.subject, entry.to_stage)
            case _ if entry.rollout is not None:
                self._roll(entry.rollout, under_way=entry.kind in UNDER_WAY)

    def _roll(self, plan: Rollout, *, under_way: bool) -> None:
        current = plan if under_way else None
        if plan.mode == "holdout":
            self.holdout = current
        else:
            self.rollout = current

    def _move(self, subject: str, stage: Stage) -> None:
        self.requests.pop(subject, None)
        if stage == Stage.CHALLENGER:
            self._vacate(stage, Stage.CANDIDATE)
        elif stage == Stage.CHAMPION:
            self._vacate(stage, Stage.ARCHIVED)
            self.reigns.append(subject)
        self.stages[subject] = stage

    def _vacate(self, stage: Stage, next_stage: Stage) -> None:
        for label, its_stage in self.stages.items():
            if its_stage == stage:
                self.stages[label] = next_stage
