"""Where every version stands: the ledger's entries, folded. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from domain.chain import GENESIS
from domain.versions import ModelVersion, Stage
from registry.entry import Entry, Registration
from registry.plan import RolloutPlan


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds after the ledger's entry number `sequence` (0: none), whose hash is `head`.

    `reigns` are the champions, oldest first, without those that were rolled back: the last is the
    champion, the one before it is where a rollback leads. At most one version is challenger.
    """

    sequence: int
    head: str
    registrations: dict[str, Registration]
    stages: dict[str, Stage]
    reigns: tuple[str, ...]
    rollout: RolloutPlan | None

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

    def numbered(self, name: str) -> dict[int, Stage]:
        """The stages of the versions of one name, by number."""
        return {
            registration.version.version: self.stages[label]
            for label, registration in self.registrations.items()
            if registration.version.name == name
        }


def fold(entries: Iterable[Entry]) -> Standing:
    """The standing after these entries, which are the ledger's first ones, in order."""
    folding = _Folding()
    for entry in entries:
        folding.add(entry)
    return Standing(
        folding.sequence,
        folding.head,
        folding.registrations,
        folding.stages,
        tuple(folding.reigns),
        folding.rollout,
    )


class _Folding:
    def __init__(self) -> None:
        self.sequence = 0
        self.head = GENESIS
        self.registrations: dict[str, Registration] = {}
        self.stages: dict[str, Stage] = {}
        self.reigns: list[str] = []
        self.rollout: RolloutPlan | None = None

    def add(self, entry: Entry) -> None:
        self.sequence = entry.sequence
        self.head = entry.hash
        match entry.kind:
            case "registered" if entry.registration is not None:
                self.registrations[entry.subject] = entry.registration
                self.stages[entry.subject] = Stage.CANDIDATE
            case "rolled_back":
                while self.reigns and self.reigns[-1] != entry.subject:
                    self.stages[self.reigns.pop()] = Stage.ARCHIVED
                self.stages[entry.subject] = Stage.CHAMPION
            case "promoted" | "demoted" if entry.to_stage is not None:
                self._move(entry.subject, entry.to_stage)
            case "rollout_started" | "rollout_changed":
                self.rollout = entry.rollout
            case "rollout_ended":
                self.rollout = None

    def _move(self, subject: str, stage: Stage) -> None:
        if stage == Stage.CHALLENGER:
            self._vacate(stage, Stage.CANDIDATE)
        elif stage == Stage.CHAMPION:
            self._vacate(stage, Stage.ARCHIVED)
            self.reigns.append(subject)
        self.stages[subject] = stage

    def _vacate(self, stage: Stage, next_stage: Stage) -> None:
        for label, held in self.stages.items():
            if held == stage:
                self.stages[label] = next_stage
