"""Monitoring, put together: the audit trail, the log's outcomes and the registry's reference."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from config.home_files import rules_file
from config.settings import Settings
from domain.clock import iso, to_us
from domain.definition import FeatureDefinition
from domain.errors import NoModel
from domain.identifiers import is_identified
from domain.versions.manifest import REFERENCE_FILE, Manifest, Stage
from monitoring.canary import STANDARD_FILE, CanaryVerdict, compare, load_rule, not_comparable
from monitoring.canary_target import Learnt, Target, common
from monitoring.outcomes import JoinRule, OutcomeTable, join
from registry.store import Registry
from signals.events.outcomes import read_outcomes
from wiring.clock import clock_of
from wiring.decisions import open_trail
from wiring.registry import open_registry
from wiring.signals import open_signals

if TYPE_CHECKING:
    import pandas as pd

    from monitoring.report import Summary


def compare_versions(
    settings: Settings,
    champion: str | None,
    challenger: str | None,
    horizon_days: float | None = None,
) -> CanaryVerdict:
    """Compare two versions, by default champion and challenger, on recorded decisions.

    Versions that learn different things need a target in common, `horizon_days`; without one the
    verdict is inconclusive and says so.
    """
    registry = open_registry(settings)
    rule = load_rule(rules_file(settings, STANDARD_FILE))
    a = _label(registry, champion, Stage.CHAMPION)
    b = _label(registry, challenger, Stage.CHALLENGER)
    learnt = [_learnt(registry.fetch(label)[1]) for label in (a, b)]
    target = common(learnt[0], learnt[1], horizon_days)
    if target is None:
        return not_comparable(a, b, learnt[0], learnt[1], rule)
    return compare(_judged(settings, target), a, b, rule, target)


def _learnt(manifest: Manifest) -> Learnt:
    return Learnt(outcome=manifest.outcome, horizon_days=manifest.horizon_days)


def matured(settings: Settings, manifest: Manifest) -> OutcomeTable:
    """Recorded decisions with what became of them, by a version's outcome and horizon.

    Decisions about visitors whom no identifier named are left out: training saw none.
    """
    learnt = _learnt(manifest)
    return _judged(settings, Target(outcome=learnt.outcome, horizon_days=learnt.horizon_days))


def _judged(settings: Settings, target: Target) -> OutcomeTable:
    plane = open_signals(settings)
    rule = JoinRule(
        outcome=target.outcome,
        horizon_days=target.horizon_days,
        grace_days=target.waits_days,
        closing=tuple(o.name for o in plane.definition.outcomes if o.closes),
    )
    return join(
        (r for r in open_trail(settings).records() if is_identified(r.answer.lead_id)),
        read_outcomes(plane.engine, plane.definition),
        rule,
        watermark_us=plane.directory.watermark_us(),
        canonical=lambda lead: plane.directory.resolve(lead).lead_id,
    )


def write_report(settings: Settings, folder: Path) -> "Summary":
    """Write the report on the champion's recent decisions. Raises NoModel."""
    import pandas as pd

    from monitoring.report import Meta, build_report

    registry = open_registry(settings)
    label = _label(registry, None, Stage.CHAMPION)
    version, manifest = registry.fetch(label)
    table = matured(settings, manifest)
    if not len(table):
        c = table.counts
        raise NoModel(
            f"{c.decisions} decisions are recorded, {c.closed} of them on leads already decided",
            rule="decisions-recorded",
            todo="Score leads that are still open: `leadscore score`, or POST /score.",
        )
    definition = open_signals(settings).definition
    current = _frame(settings, table, label, definition, manifest)
    clock = clock_of(settings, open_signals(settings).directory)
    meta = Meta(
        model=label,
        home=settings.home.name,
        made=iso(to_us(clock.now())),
        decisions=len(current),
        immature=int(current["label"].isna().sum()),
    )
    reference = pd.read_parquet(version / REFERENCE_FILE)
    return build_report(reference, current, meta, folder)


def _frame(
    settings: Settings,
    table: OutcomeTable,
    label: str,
    definition: FeatureDefinition,
    manifest: Manifest,
) -> "pd.DataFrame":
    """Recent decisions: the version's features, its score, and the label once it is known."""
    import pandas as pd

    from feature_repo.catalogue import category_names, number_names

    names = (*number_names(definition), *category_names(definition))
    rows = {}
    for r in open_trail(settings).records():
        numbers = [math.nan if v is None else v for v in r.features]
        rows[r.answer.decision_id] = dict(zip(names, (*numbers, *r.texts), strict=True))
    kept = [rows[i] for i in table.decision_ids]
    frame = pd.DataFrame(kept)[list(manifest.features)]
    frame["score"] = table.scores_of(label)
    frame["label"] = [
        float(y) if ripe else math.nan for y, ripe in zip(table.y, table.matured, strict=True)
    ]
    frame["account"] = table.account
    return frame[frame["score"].notna()].reset_index(drop=True)


def _label(registry: Registry, given: str | None, stage: Stage) -> str:
    if given is not None:
        return registry.get(given).label
    found = registry.at(stage)
    if found is None:
        raise NoModel(
            f"no version is {stage}",
            rule=f"{stage}-known",
            todo=f"`leadscore promote VERSION --stage {stage} --reason TEXT` makes one.",
        )
    return found.label
