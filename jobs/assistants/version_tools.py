"""Tools about versions and decisions: replays, differences, rollouts, evidence, cards."""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import get_args

from config.settings import Settings
from domain.clock import iso
from domain.errors import Missing, NoModel
from domain.versions.manifest import CARD_FILE, VersionKind
from jobs.assistants import questions
from jobs.assistants.answers import (
    CanaryEvidence,
    PolicyBacktest,
    PolicyChange,
    PolicyDifferences,
    ReplayedDecision,
    RolloutStanding,
    RolloutsUnderWay,
    ShownModelCard,
    StepEvidence,
)
from jobs.assistants.backtest_tool import policy_backtest
from jobs.assistants.masking import Masking
from jobs.decisions.replay_decision import replay
from registry.ledger_entry import LedgerEntry
from registry.registry_state import fold
from registry.rollout_decision import RolloutEvidence
from registry.rollout_state import Rollout
from wiring.decisions import POLICIES, in_force
from wiring.integrity.agreement import ledger_entries
from wiring.policies import compare_files, policy_file
from wiring.registry import open_policies, open_registry

MOST_LISTED = 20
DECIDED = "decided"
"""Stands for what was decided, in place of a policy."""
LONGEST_CARD = 20_000
"""Characters of a model's card."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class VersionTools:
    """The tools on one home, as one caller sees it."""

    settings: Settings
    masking: Masking

    def replay_decision(self, question: questions.ReplayDecision) -> ReplayedDecision:
        """Raises Missing."""
        differences = replay(self.settings, question.decision_id)
        return ReplayedDecision(
            decision_id=question.decision_id,
            same=not differences,
            differences=tuple(self.masking.text(one) for one in differences[:MOST_LISTED]),
            differences_total=len(differences),
        )

    def policy_diff(self, question: questions.DiffPolicy) -> PolicyDifferences:
        """Raises Missing for a policy that is neither registered nor comes along."""
        one = (
            in_force(self.settings) if question.against is None else self._policy(question.against)
        )
        other = self._policy(question.policy)
        rows = compare_files(one, other)
        kinds = Counter(
            (name, str(getattr(row.was, name)), str(getattr(row.now, name)))
            for row in rows
            for name in row.fields
        )
        return PolicyDifferences(
            policy=question.policy,
            against=question.against or one[0] or one[1].stem,
            rows=len(rows),
            changes=tuple(
                PolicyChange(
                    field=name, was=self.masking.text(was), now=self.masking.text(now), rows=count
                )
                for (name, was, now), count in kinds.most_common(MOST_LISTED)
            ),
        )

    def policy_backtest(self, question: questions.BacktestPolicy) -> PolicyBacktest:
        """Raises Missing for a policy that is not known, or where no decision is recorded."""
        names = [question.policy, *([question.against] if question.against else [])]
        for name in names:
            self._policy(name)
        against = question.against or DECIDED
        return policy_backtest(
            self.settings, self.masking, question.policy, against, question.newest
        )

    def rollout_status(self, question: questions.AskRollouts) -> RolloutsUnderWay:
        """Raises Unavailable where the ledger does not answer."""
        entries = ledger_entries(self.settings)
        kinds: tuple[VersionKind, ...] = get_args(VersionKind)
        states = {kind: fold(entries, kind) for kind in kinds}
        plans = [
            plan
            for kind, state in states.items()
            for plan in (state.rollout, state.holdout)
            if plan is not None and question.kind in (None, kind)
        ]
        return RolloutsUnderWay(
            champion_model=states["model"].champion or "",
            champion_policy=states["policy"].champion or "",
            champion_workflow=states["workflow"].champion or "",
            rollouts=tuple(map(_standing, plans)),
        )

    def canary_evidence(self, question: questions.AskEvidence) -> CanaryEvidence:
        """Raises Unavailable where the ledger does not answer."""
        steps = (
            self._step(entry, entry.evidence)
            for entry in reversed(ledger_entries(self.settings))
            if entry.evidence is not None and question.rollout in (None, entry.evidence.rollout)
        )
        return CanaryEvidence(steps=tuple(islice(steps, question.limit)))

    def model_card(self, question: questions.AskModelCard) -> ShownModelCard:
        """Raises NoModel, Missing."""
        registry = open_registry(self.settings)
        label = question.version or registry.standing().champion
        if label is None:
            raise NoModel("no version is champion", rule="champion-known")
        version = registry.get(label)
        folder, manifest = registry.fetch(version)
        return ShownModelCard(
            version=version.label,
            stage=str(version.stage),
            created=manifest.created,
            outcome=manifest.outcome,
            horizon_days=manifest.horizon_days,
            feature_service=manifest.service,
            features=len(manifest.features),
            metrics=manifest.metrics,
            counts=manifest.counts,
            warnings=tuple(self.masking.text(one) for one in manifest.warnings[:MOST_LISTED]),
            card=(folder / CARD_FILE).read_text()[:LONGEST_CARD],
        )

    def _policy(self, name: str) -> tuple[str | None, Path]:
        """A policy by its label, or the name of one that comes along: never a file's path."""
        known = _NAME.fullmatch(name) is not None
        if known and (POLICIES / f"{name}.json").is_file():
            return policy_file(self.settings, name)
        if known and name in open_policies(self.settings).standing().registrations:
            return policy_file(self.settings, name)
        raise Missing(
            "no policy has that name",
            rule="policy-file",
            todo="`leadscore policy list` shows all of them.",
        )

    def _step(self, entry: LedgerEntry, evidence: RolloutEvidence) -> StepEvidence:
        figures, judged = evidence.figures, evidence.judged
        reasons = () if judged is None else judged.reasons[:MOST_LISTED]
        return StepEvidence(
            sequence=entry.sequence,
            at=iso(entry.at_us),
            rollout=evidence.rollout,
            change=entry.kind,
            step=evidence.step + 1,
            decisions=figures.decisions,
            error_rate=figures.error_rate,
            p99_ms=figures.p99_ms,
            degraded=figures.degraded,
            verdict="" if judged is None else judged.outcome,
            reasons=tuple(map(self.masking.text, reasons)),
            certified=judged is not None and judged.certificate is not None,
        )


def _standing(plan: Rollout) -> RolloutStanding:
    return RolloutStanding(
        rollout=plan.id,
        kind=plan.kind,
        mode=plan.mode,
        champion=plan.champion,
        challenger=plan.challenger,
        weight=plan.weight,
        holdout=plan.holdout,
        step=plan.step + 1,
        steps=max(1, len(plan.steps)),
        started=plan.started,
        on_hold=plan.held,
    )
