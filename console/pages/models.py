"""Models: versions with their stages and figures, promoted, approved, rolled back."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from console.charts.bars import IntervalRow, interval_chart
from console.frame.page import GoTo, Visit, shown, written
from console.pages.changes import ledger_rows
from domain.errors import LeadscoreError
from domain.versions.manifest import ModelVersion, Stage
from jobs.models.promote import approve_candidate, candidate, gates_before, promote, rollback
from registry.promotion import Candidate

MEASURES = {
    "auroc": "AUROC",
    "lift_at_10pct": "Lift in the top 10%",
    "calibration_error": "Calibration error",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "average_precision": "Average precision",
}
DRAWN = 12
"""Versions in the chart, the newest."""
STAGES = ("challenger", "champion")


def models(visit: Visit) -> dict[str, Any]:
    """Every version, the newest first, and what waits for a second person."""
    registry = visit.home.models
    standing = registry.standing()
    versions = registry.versions()[::-1]
    return {
        "versions": versions,
        "measures": MEASURES,
        "chart": _chart(versions),
        "requests": list(standing.requests.values()),
        "former": standing.reigns[-2] if len(standing.reigns) > 1 else None,
        "champion": standing.champion,
        "changes": ledger_rows(registry.ledger.entries(), "model"),
    }


def model(visit: Visit) -> dict[str, Any]:
    """One version: figures, gates, card, evaluation, fairness, lineage, history."""
    registry = visit.home.models
    version = registry.get(visit.path["version"])
    _, manifest = visit.home.model(version.label)
    standing = registry.standing()
    pages = [name for name in manifest.files if name.endswith(".html")]
    return {
        "version": version,
        "manifest": manifest,
        "measures": MEASURES,
        "metrics": {n: m for n, m in sorted(manifest.metrics.items()) if n not in MEASURES},
        "pages": sorted(pages),
        "gates": _gates(visit, version),
        "request": standing.requests.get(version.label),
        "stages": _onward(version),
        "changes": ledger_rows(registry.ledger.history(version.label), "model"),
    }


def promote_model(visit: Visit) -> GoTo:
    """Move a version to a stage, if its gates let it."""
    label, form = visit.path["version"], visit.form
    stage = Stage(form.choice("stage", STAGES))
    weight = form.number("weight", 0, 100, 0) / 100
    done = promote(
        visit.home.settings,
        _candidate(visit, label),
        stage,
        by=visit.visitor.by,
        reason=visit.reason,
        override=form.flag("override"),
        weight=weight or None,
    )
    return GoTo(f"/models/{label}", done="waiting" if done.waiting else "promoted")


def approve_model(visit: Visit) -> GoTo:
    """Complete a promotion that another person asked for."""
    label = visit.path["version"]
    approve_candidate(
        visit.home.settings, _candidate(visit, label), by=visit.visitor.by, reason=visit.reason
    )
    return GoTo(f"/models/{label}", done="approved")


def roll_back(visit: Visit) -> GoTo:
    """Put the former champion back."""
    who = visit.visitor
    rollback(
        visit.home.settings,
        "model",
        by=who.by,
        reason=visit.reason,
        registry=visit.home.registry("model", who.credential),
    )
    return GoTo("/models", done="rolled_back")


def _candidate(visit: Visit, label: str) -> Candidate:
    return Candidate(visit.home.registry("model", visit.visitor.credential), label)


def _gates(visit: Visit, version: ModelVersion) -> dict[str, Any]:
    """By stage that it could be promoted to, what the gates say, or why they say nothing."""
    settings = visit.home.settings
    verdicts: dict[str, Any] = {}
    for name in _onward(version):
        try:
            one = candidate(settings, "model", version.label)
            verdicts[name] = gates_before(settings, one, Stage(name))
        except LeadscoreError as error:
            verdicts[name] = error
    return verdicts


def _onward(version: ModelVersion) -> list[str]:
    """The stages that a version may be promoted to: none from champion, which is only replaced."""
    if version.stage == Stage.CHAMPION:
        return []
    return [stage for stage in STAGES if stage != version.stage]


def _chart(versions: Sequence[ModelVersion]) -> Markup | None:
    rows = [
        IntervalRow(f"{v.label}, {v.stage}", v.metrics["auroc"], v.stage == Stage.CHAMPION)
        for v in versions[:DRAWN]
        if "auroc" in v.metrics
    ]
    if not rows:
        return None
    description = "; ".join(f"{row.name}: {row.interval}" for row in rows)
    return interval_chart("AUROC of the newest versions, with 95% intervals", description, rows)


PAGES = (
    shown("/models", models, "models.html", "Models"),
    written("/models/roll-back", roll_back, "Models"),
    shown("/models/{version}", model, "model.html", "Models"),
    written("/models/{version}/promote", promote_model, "Models"),
    written("/models/{version}/approve", approve_model, "Models", "approve"),
)
