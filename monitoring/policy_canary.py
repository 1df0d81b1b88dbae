"""Policies and workflows in a rollout, judged by what became of the accounts of each arm.

A lead is routed, or begins in a workflow, once, so there is no paired score. Accounts are drawn
into arms at random with known chances: conversions are compared with inverse propensities once a
horizon has passed, and by an anytime-valid logrank test that needn't wait for it. Each spends half
of the chance of a wrong verdict.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.clock import DAY
from domain.decisions import DecisionRecord
from domain.errors import UnknownLead
from domain.measurement import Interval
from domain.versions.certificate import Certificate
from measures.confidence_sequences import arm_differences, confidence_sequence
from measures.logrank import RiskSets, logrank_e_process, risk_sets
from monitoring.canary_rule import CanaryRule
from monitoring.canary_target import Learnt
from monitoring.exposures import Exposure, exposures
from monitoring.outcomes import OutcomesByLead
from monitoring.verdict import OUTCOMES, CanaryOutcome, Loss, Verdict

ORDER: tuple[Verdict, ...] = ("worse", "better", "no_worse", "undecided")
"""Of two verdicts the one that comes first is taken."""
NEVER = np.iinfo(np.int64).max


class PolicyVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of the arms of two policies, or of two workflows.

    `accounts` and `conversions` count champion's and challenger's; a conversion counts within the
    horizon of the account's first decision. `faster` and `slower` are log evidence that accounts
    of the challenger convert sooner than the margin allows, or later than the champion's; `lost`
    is None while too little has matured.
    """

    outcome: CanaryOutcome
    verdict: Verdict
    reasons: tuple[str, ...]
    champion: str
    challenger: str
    accounts: tuple[int, int]
    conversions: tuple[int, int]
    lost: Loss | None
    faster: float
    slower: float
    rule: CanaryRule
    certificate: Certificate | None = None


@dataclass(slots=True)
class _Account:
    """An account from its first decision under the rollout."""

    entered_us: int
    step: int
    share: float
    challenger: bool
    until_us: int = NEVER
    leads: set[str] = field(default_factory=set)


def compare_policies(
    records: Iterable[DecisionRecord],
    outcomes: OutcomesByLead,
    rollout: str,
    labels: tuple[str, str],
    learnt: Learnt,
    rule: CanaryRule,
    *,
    watermark_us: int,
    canonical: Callable[[str], str] = str,
) -> PolicyVerdict:
    """Compare the arms of a rollout of policies, from records in the order of decisions."""
    return compare_arms(
        exposures(records, rollout),
        outcomes,
        labels,
        learnt,
        rule,
        watermark_us=watermark_us,
        canonical=canonical,
    )


def compare_arms(
    exposed: Iterable[Exposure],
    outcomes: OutcomesByLead,
    labels: tuple[str, str],
    learnt: Learnt,
    rule: CanaryRule,
    *,
    watermark_us: int,
    canonical: Callable[[str], str] = str,
) -> PolicyVerdict:
    """Compare the arms of one rollout, from the leads that came under it, in their order.

    `labels` are champion and challenger, `learnt` the outcome that counts and its horizon.
    An account counts from its first decision, in the arm and at the step of that, until another
    arm decides about it; accounts of each step are compared among themselves, since every step
    draws with chances of its own.
    """
    accounts = _accounts(exposed, canonical)
    table = _table(accounts, _moments(outcomes, learnt.outcome, canonical), learnt, watermark_us)
    sets = _strata(table)
    spent = rule.alpha / 2
    lost = _lost(table, rule, spent, watermark_us - round(learnt.horizon_days * DAY))
    proof = log(1 / spent)
    faster = _last(logrank_e_process(sets, null=1 - rule.conversion_margin))
    quicker = _last(logrank_e_process(sets))
    slower = _last(logrank_e_process(sets, faster=False))
    by_time: Verdict = "undecided"
    if slower >= proof:
        by_time = "worse"
    elif quicker >= proof:
        by_time = "better"
    elif faster >= proof:
        by_time = "no_worse"
    by_rate: Verdict = "undecided" if lost is None else lost.verdict
    verdict = min((by_time, by_rate), key=ORDER.index)
    arm = table.challenger
    return PolicyVerdict(
        outcome=OUTCOMES[verdict],
        verdict=verdict,
        reasons=tuple(_reasons(table, lost, by_time)),
        champion=labels[0],
        challenger=labels[1],
        accounts=(int((~arm).sum()), int(arm.sum())),
        conversions=(int(table.converted[~arm].sum()), int(table.converted[arm].sum())),
        lost=lost,
        faster=faster,
        slower=slower,
        rule=rule,
    )


@dataclass(frozen=True)
class _Table:
    """Accounts as columns [n], by their first decisions."""

    entered: NDArray[np.int64]
    left: NDArray[np.int64]
    converted: NDArray[np.bool_]
    challenger: NDArray[np.bool_]
    share: NDArray[np.float64]
    step: NDArray[np.int64]


def _accounts(exposed: Iterable[Exposure], canonical: Callable[[str], str]) -> list[_Account]:
    accounts: dict[str, _Account] = {}
    for one in exposed:
        placed = one.assigned
        if placed.arm == "holdout" or not 0 < placed.weight < 1:
            continue
        try:
            lead = canonical(one.lead_id)
        except UnknownLead:
            continue
        key = one.account_id or f"lead {lead}"
        account = accounts.setdefault(key, _entered(one))
        if (placed.arm == "challenger") != account.challenger:
            account.until_us = min(account.until_us, one.at_us)
        elif account.until_us == NEVER:
            account.leads.add(lead)
    return sorted(accounts.values(), key=lambda one: one.entered_us)


def _entered(one: Exposure) -> _Account:
    placed = one.assigned
    return _Account(
        entered_us=one.at_us,
        step=placed.step,
        share=placed.weight / (1 - placed.holdout),
        challenger=placed.arm == "challenger",
    )


def _moments(
    outcomes: OutcomesByLead, name: str, canonical: Callable[[str], str]
) -> Mapping[str, list[int]]:
    """By canonical lead, when the outcome happened."""
    moments: dict[str, list[int]] = {}
    for lead_id, happened in outcomes.items():
        try:
            lead = canonical(lead_id)
        except UnknownLead:
            continue
        moments.setdefault(lead, []).extend(at for what, at in happened if what == name)
    return moments


def _table(
    accounts: Sequence[_Account],
    moments: Mapping[str, list[int]],
    learnt: Learnt,
    watermark_us: int,
) -> _Table:
    horizon_us = round(learnt.horizon_days * DAY)
    ends = [min(a.entered_us + horizon_us, a.until_us, watermark_us) for a in accounts]
    won = [
        min(
            (at for lead in a.leads for at in moments.get(lead, ()) if a.entered_us < at <= end),
            default=None,
        )
        for a, end in zip(accounts, ends, strict=True)
    ]
    left = [end if at is None else at for at, end in zip(won, ends, strict=True)]
    entered = np.array([a.entered_us for a in accounts], dtype=np.int64)
    return _Table(
        entered=entered,
        left=np.maximum(np.array(left, dtype=np.int64), entered),
        converted=np.array([at is not None for at in won], dtype=np.bool_),
        challenger=np.array([a.challenger for a in accounts], dtype=np.bool_),
        share=np.array([a.share for a in accounts], dtype=np.float64),
        step=np.array([a.step for a in accounts], dtype=np.int64),
    )


def _strata(table: _Table) -> RiskSets:
    """The risk sets of each step's accounts, all conversions in the order of time."""
    strata: list[RiskSets] = []
    for step in np.unique(table.step):
        rows = table.step == step
        strata.append(
            risk_sets(
                table.entered[rows],
                table.left[rows],
                table.converted[rows],
                table.challenger[rows],
            )
        )
    if not strata:
        return risk_sets([], [], [], [])
    order = np.argsort(np.concatenate([s.moment for s in strata]), kind="stable")
    return RiskSets(
        moment=np.concatenate([s.moment for s in strata])[order],
        at_risk=np.concatenate([s.at_risk for s in strata])[order],
        at_risk_challenger=np.concatenate([s.at_risk_challenger for s in strata])[order],
        challenger=np.concatenate([s.challenger for s in strata])[order],
    )


def _lost(table: _Table, rule: CanaryRule, alpha: float, matured_us: int) -> Loss | None:
    """The rate of conversions that the challenger loses, over accounts whose horizon has passed."""
    rows = table.entered <= matured_us
    won = table.converted[rows]
    if rows.sum() < rule.min_accounts or won.sum() < rule.min_positives:
        return None
    differences = arm_differences(won, table.challenger[rows], table.share[rows])
    interval = confidence_sequence(
        differences,
        level=1 - alpha,
        best_at=rule.best_at,
        fewest=rule.min_accounts,
        looks=[len(differences)],
    ).last
    lost = Interval(
        value=-interval.value, low=-interval.high, high=-interval.low, level=interval.level
    )
    margin = rule.conversion_margin * float(won.mean())
    return Loss(name="share of accounts that convert, lost", difference=lost, margin=margin)


def _reasons(table: _Table, lost: Loss | None, by_time: Verdict) -> list[str]:
    arm, won = table.challenger, table.converted
    counted = (
        f"{int(won[arm].sum())} of {int(arm.sum())} accounts of the challenger converted, "
        f"{int(won[~arm].sum())} of {int((~arm).sum())} of the champion"
    )
    reasons = [
        counted,
        f"by the times of conversions: {by_time.replace('_', ' ')}",
    ]
    reasons.append(
        "too few horizons have passed to compare rates" if lost is None else lost.in_words
    )
    return reasons


def _last(evidence: NDArray[np.float64]) -> float:
    return float(evidence[-1]) if len(evidence) else 0.0
