"""A ledger entry: who changed what, when and why, and the results of the gates."""

from typing import Literal

import msgspec

from domain.versions.manifest import ModelVersion, Stage, VersionKind
from registry.rollout_decision import RolloutEvidence
from registry.rollout_state import Rollout

ChangeKind = Literal[
    "registered",
    "requested",
    "promoted",
    "demoted",
    "rolled_back",
    "rollout_started",
    "rollout_changed",
    "rollout_advanced",
    "rollout_held",
    "rollout_rolled_back",
    "rollout_aborted",
    "rollout_finished",
    "rollout_ended",
    "retraining_considered",
    "lead_split",
    "quarantine_replayed",
]
MOVES_NOTHING: frozenset[ChangeKind] = frozenset(
    {"retraining_considered", "lead_split", "quarantine_replayed"}
)
"""The entries after which every version stands where it stood."""


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one gate. `value` is None where there was nothing to measure it by."""

    name: str
    value: float | None
    limit: float | None
    passed: bool
    note: str = ""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """A version as it was registered: `manifest_hash` is the SHA-256 of its manifest file."""

    version: ModelVersion
    manifest_hash: str
    run_id: str
    kind: VersionKind = "model"


class LedgerDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is to be recorded.

    `by` is the name that was given, `credential` what its maker was known by: the account at the
    operating system (`os:ann`), an API key (`key:…`) or a token's subject; "" before it was kept.
    `subject` is a version's label. `requested` is a promotion that waits for a second person;
    `approves` is the sequence of the request that a promotion completes. `rules` is the label of
    the gate rules that `gates` are of; of `retraining_considered` they are the triggers, which
    pass where they did not fire. Of `lead_split` the subject is a lead's id, of
    `quarantine_replayed` the word quarantine.
    `override` says that a gate failed and was overruled. `registration` comes with `registered`,
    `rollout` with all that is about a rollout, and `evidence` where it rests on some. A rollout
    is finished where its challenger became champion, and ended where one of its arms was taken by
    another version.
    """

    kind: ChangeKind
    subject: str
    by: str
    reason: str
    from_stage: Stage | None = None
    to_stage: Stage | None = None
    gates: tuple[GateResult, ...] = ()
    rules: str = ""
    override: bool = False
    registration: Registration | None = None
    rollout: Rollout | None = None
    evidence: RolloutEvidence | None = None
    approves: int | None = None
    credential: str = ""


class LedgerEntry(LedgerDraft, frozen=True, kw_only=True):
    """A recorded change: sequence from 1 without gaps, microseconds since 1970, chain hash."""

    sequence: int
    at_us: int
    hash: str
