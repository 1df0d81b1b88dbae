"""Says how long a canary comparison takes in this home: its traffic, its rate, its spread."""

from dataclasses import dataclass

import numpy as np

from config.home_files import rules_file
from config.settings import Settings
from domain.clock import DAY
from domain.errors import BadInput, LeadscoreError, Missing
from domain.versions.manifest import Manifest, Stage
from jobs.models.canary import Skill, labelled, margin_of, matured, tested_skill
from measures.calibration import brier
from monitoring.canary import paired
from monitoring.canary_plan import (
    CanaryPlan,
    DailyTraffic,
    Spread,
    assumed_spread,
    planned,
    spread_of,
)
from monitoring.canary_rule import STANDARD_FILE, CanaryRule, load_rule
from monitoring.outcomes import OutcomeTable
from registry.store import Registry
from training.evaluation.tested_rows import common_rows
from wiring.registry import open_registry


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What is to be told apart: a Brier score such as `0.005`, or a share of skill such as `20%`.

    `decisions_a_day` is by default what was recorded.
    """

    difference: str
    power: float = 0.8
    champion: str | None = None
    challenger: str | None = None
    decisions_a_day: float | None = None


def plan_canary(settings: Settings, request: PlanRequest) -> CanaryPlan:
    """The plan of a comparison with a champion. Raises BadInput, and Missing without decisions."""
    registry = open_registry(settings)
    rule = load_rule(rules_file(settings, STANDARD_FILE))
    label = labelled(registry, request.champion, Stage.CHAMPION)
    manifest = registry.fetch(label)[1]
    table = matured(settings, manifest)
    skill = _skill(table, label, manifest, rule)
    traffic = _traffic(table, skill.rate, request.decisions_a_day)
    difference = _difference(request.difference, skill)
    spread = _spread(registry, request.challenger, label, table, rule)
    margin = margin_of(manifest, rule) or rule.brier_margin(skill.rate, skill.brier)
    days, power = manifest.horizon_days, request.power
    return CanaryPlan(
        champion=label,
        difference=difference,
        margin=margin,
        skill=skill.size,
        power=power,
        horizon_days=days,
        traffic=traffic,
        spread=spread.source,
        deviation=spread.variance**0.5,
        account_size=spread.size,
        verdicts=planned(spread, traffic, rule, margin, difference, power, days),
    )


def _traffic(table: OutcomeTable, rate: float, decisions_a_day: float | None) -> DailyTraffic:
    if not len(table):
        raise Missing(
            "no decisions on open leads are recorded, so nothing says how many a day there are",
            rule="decisions-recorded",
            todo="Score leads that are still open: `leadscore score --all`, or POST /score.",
        )
    span = max(float(np.ptp(table.decided_us)) / DAY, 1.0)
    decisions = len(table) / span if decisions_a_day is None else decisions_a_day
    each = decisions / len(table)
    return DailyTraffic(
        decisions=decisions,
        leads=len(table.lead_ids) * each,
        accounts=len(np.unique(table.account)) * each,
        rate=rate,
    )


def _skill(table: OutcomeTable, label: str, manifest: Manifest, rule: CanaryRule) -> Skill:
    """As recorded decisions say where enough have matured, else as the champion's test said."""
    scores = table.scores_of(label)
    kept = table.matured & np.isfinite(scores)
    positives = int(table.y[kept].sum())
    if rule.min_positives <= positives < kept.sum():
        y = table.y[kept].astype(np.float64)
        return Skill(positives / int(kept.sum()), brier(y, scores[kept]))
    tested = tested_skill(manifest)
    if tested is None:
        raise Missing(
            f"{positives} matured decisions turned out positive, {rule.min_positives} are needed, "
            f"and {label} does not say how many of its test did",
            rule="conversions-known",
            todo="Wait for more outcomes.",
        )
    return tested


def _difference(text: str, skill: Skill) -> float:
    share = text.strip().endswith("%")
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        value = np.nan
    size = value / 100 * skill.size if share else value
    if not 0 < size < 1:
        raise BadInput(
            f"{text!r} is no difference of a Brier score (the champion's skill is "
            f"{skill.size:.4g})",
            rule="plan-difference",
            where="--difference",
            todo="Write one above 0 and below 1, as 0.005, or a share of the skill, as 20%.",
        )
    return size


def _spread(
    registry: Registry, name: str | None, champion: str, table: OutcomeTable, rule: CanaryRule
) -> Spread:
    """As measured on decisions that a challenger scored unseen, on common test rows, or assumed."""
    at_stage = registry.at(Stage.CHALLENGER)
    label = registry.get(name).label if name else at_stage.label if at_stage else None
    if label not in {None, champion}:
        rows, _ = paired(table, champion, label)
        if len(rows) >= rule.min_matured:
            source = f"measured on {len(rows):,} matured decisions that {label} scored too"
            return spread_of(rows.brier_difference, _codes(rows.account), source)
        tested = _tested_spread(registry, champion, label, rule)
        if tested is not None:
            return tested
    scores = table.scores_of(champion)
    kept = np.isfinite(scores)
    results = np.where(table.matured, table.y.astype(np.float64), np.nan)
    return assumed_spread(scores[kept], results[kept], _codes(table.account[kept]))


def _tested_spread(
    registry: Registry, champion: str, label: str, rule: CanaryRule
) -> Spread | None:
    """On rows that both versions were tested on; None where they are too few."""
    try:
        rows = common_rows(registry.fetch(champion)[0], registry.fetch(label)[0])
    except LeadscoreError:
        return None
    if len(rows) < rule.min_matured:
        return None
    y = rows["label"].to_numpy(dtype=np.float64)
    differences = (rows["chance_other"] - y) ** 2 - (rows["chance"] - y) ** 2
    source = f"measured on {len(rows):,} rows that {label} was tested on too"
    return spread_of(differences.to_numpy(), _codes(rows["company"].to_numpy()), source)


def _codes(names: np.ndarray) -> np.ndarray:
    return np.unique(names, return_inverse=True)[1]
