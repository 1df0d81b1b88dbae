"""The model card: what a version is for, made from, good at, and not to be used for."""

import math

from domain.clock import iso
from domain.measurement import Interval
from domain.versions.manifest import Manifest
from training.evaluation.fairness import MEASURES, FairnessReport
from training.evaluation.results import Band, Evaluation, Rival
from training.report.charts import NAMES
from training.report.html_page import percent, table

_MEASURES = {
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "calibration_error": "Calibration error",
    "came_by_told": "Came for each one told",
    "came_by_told_at_10pct": "Came for each one told, top 10%",
    "lift_at_5pct": "Lift in the top 5%",
    "lift_at_10pct": "Lift in the top 10%",
    "lift_at_20pct": "Lift in the top 20%",
    "precision_at_10pct": "Precision in the top 10%",
    "recall_at_10pct": "Recall in the top 10%",
}
_COMPARED = ("auroc", "average_precision", "brier", "log_loss", "lift_at_10pct")


def model_card(
    manifest: Manifest,
    removed: dict[str, int],
    evaluation: Evaluation,
    audit: FairnessReport | None = None,
) -> str:
    """The card, in Markdown."""
    parts = [
        _purpose(manifest),
        _data(manifest, removed),
        _measured(evaluation),
        _calibration(manifest, evaluation),
        _bands(evaluation),
        _baselines(evaluation.rivals),
        _stability(evaluation),
        _groups(audit),
        _ends(manifest),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _purpose(m: Manifest) -> str:
    return f"""# Model card: {m.name}

**Purpose.** The probability that a lead reaches the outcome `{m.outcome}` within
{m.horizon_days:g} days, given what was known of it at the moment of scoring. It ranks and routes
leads. It is not meant for decisions about credit, employment or insurance of a person."""


def _data(m: Manifest, removed: dict[str, int]) -> str:
    left_out = ", ".join(f"{n:,} {rule.replace('_', ' ')}" for rule, n in removed.items())
    counts = table(["count", ""], [[k.replace("_", " "), f"{n:,}"] for k, n in m.counts.items()])
    return f"""## Data

Log up to {iso(m.lineage.watermark_us)}, {m.lineage.events:,} events, features
`{m.definition.label}`. {_rule(m)} Cutoffs left out: {left_out or "none"}.

{counts}{_noticed(m)}"""


def _noticed(m: Manifest) -> str:
    """What the run noticed of its data."""
    return "".join(["\n\nNoticed:\n", *(f"\n- {text}" for text in m.warnings)] * bool(m.warnings))


def _rule(m: Manifest) -> str:
    """How cutoffs were chosen, as the configuration says."""
    rule = m.lineage.configuration.get("cutoffs")
    if not isinstance(rule, dict):
        return ""
    parameters = {key: value for key, value in rule.items() if key != "rule"}
    sentence = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in parameters.items())
    return f"Cutoffs by the rule `{rule.get('rule')}`{f' ({sentence})' if sentence else ''}."


def _measured(evaluation: Evaluation) -> str:
    rows = [
        [label, _exact(evaluation.metrics[name]), _bounds(evaluation.metrics[name])]
        for name, label in _MEASURES.items()
        if name in evaluation.metrics
    ]
    return f"""## How good it is

On the last part of time, which neither training nor tuning saw: {evaluation.rows:,} rows,
{evaluation.positives:,} of them converted. Intervals are 95%, clustered by account; rows count by
weight, so that no lead dominates, and that companies stand for those that were learnt from.

{table(["measure", "value", "interval"], rows)}"""


def _calibration(m: Manifest, evaluation: Evaluation) -> str:
    parts = evaluation.brier
    return f"""{_blend(m)}Calibrator: `{m.calibrator.kind}`. {_level(m)}

{_tried(m)}The calibration error is the root mean square distance of told and observed rates over
bins, with the share that noise alone makes taken off.
The Brier score is reliability {parts["reliability"]:.4f} − resolution {parts["resolution"]:.4f} +
uncertainty {parts["uncertainty"]:.4f} + {parts["within"]:.4f} lost by binning."""


def _level(m: Manifest) -> str:
    """By how much all is shifted, and whether the latest rows were followed."""
    shift, latest = m.calibrator.shift, m.calibrator_gains.get("level")
    if not shift:
        return "Its level is not shifted."
    followed = latest is not None and latest.low > 0
    rows = "the latest quarter of the rows" if followed else "all rows that it learnt from"
    return f"""All log-odds are shifted by {shift:+.3f}, the odds times
{math.exp(shift):.2f}, to the level of {rows}."""


def _tried(m: Manifest) -> str:
    """How much lower each calibrator that was tried made log loss."""
    if not m.calibrator_gains:
        return ""
    rows = [
        [k, f"{g.value:+.5f}", f"{g.low:+.5f} to {g.high:+.5f}"]
        for k, g in m.calibrator_gains.items()
    ]
    return f"""Tried on later time of the rows learnt from; what is taken has an interval above 0:

{table(["calibrator", "log loss lower by", "interval"], rows)}

"""


def _blend(m: Manifest) -> str:
    if m.blended is None:
        return ""
    gain, share = m.blended.gain, m.blended.scorecard
    if gain is None:
        return "A blend was asked for; one fold of time cannot judge it, so there is none.\n\n"
    less = (
        f"log loss on time not seen lower by {gain.value:.5f} ({gain.low:.5f} to {gain.high:.5f})"
    )
    if not share:
        return f"A blend with an additive scorecard did not win: {less}; there is none.\n\n"
    return f"""A blend: {1 - share:.0%} of the log-odds are the searched model's, {share:.0%} an
additive scorecard's; {less}.\n\n"""


def _bands(evaluation: Evaluation) -> str:
    tables = [("By tenth of the score", "percentile", evaluation.tenths)]
    if evaluation.grades:
        tables.insert(0, ("By grade", "grade", evaluation.grades))
    return "\n\n".join(f"### {title}\n\n{_band_table(name, rows)}" for title, name, rows in tables)


def _band_table(name: str, bands: tuple[Band, ...]) -> str:
    rows = [
        [b.name, f"{b.share:.1%}", f"{b.predicted:.1%}", percent(b.observed), f"{b.lift:.2f}"]
        for b in bands
    ]
    return table([name, "share", "told", "converted", "lift"], rows)


def _baselines(rivals: tuple[Rival, ...]) -> str:
    if not rivals:
        return ""
    measured = [r for r in rivals if r.over]
    headings = ["this version less", *(_MEASURES[name] for name in _COMPARED)]
    rows = [[NAMES.get(r.name, r.name), *(_signed(r.over[n]) for n in _COMPARED)] for r in measured]
    notes = "\n".join(f"- {NAMES.get(r.name, r.name)}: {r.note}" for r in rivals)
    return f"""## Beside baselines

Made in the same run and measured on the same rows, so that differences are paired. Lower is
better for Brier score and log loss. Over *profile only* is what behaviour adds.

{table(headings, rows)}

{notes}"""


def _stability(evaluation: Evaluation) -> str:
    rows = [
        [
            s.begins[:10],
            f"{s.rows:,}",
            f"{s.predicted:.1%}",
            percent(s.observed),
            _short(s.auroc),
            _exact(s.brier),
        ]
        for s in evaluation.slices
    ]
    headings = ["from", "rows", "told", "converted", "AUROC", "Brier score"]
    return f"## Over time\n\n{table(headings, rows)}"


def _groups(audit: FairnessReport | None) -> str:
    if audit is None:
        return "## Groups\n\nNo groups are configured (`fairness` in the training settings)."
    rows = [
        [
            one.feature + (" (arm)" if one.kind == "arm" else ""),
            *(_short(one.gaps[m]) if m in one.gaps else "–" for m in MEASURES),
        ]
        for one in audit.features
    ]
    return f"""## Groups

Leads from {audit.threshold:.1%} on are selected, {audit.share:.1%} of all. The greatest
differences between groups, with intervals that hold for all together; `fairness.html` has each.

{table(["by", "selected", "converts found", "told less came"], rows)}"""


def _ends(m: Manifest) -> str:
    lineage = m.lineage
    return f"""## Limits

It knows what the log knows: a lead without events gets the score of silence. Scores are
probabilities for the population of the data above; the monitoring report says when that changes.
Contributions explain the score, not the lead: they are no causes.

## How to roll back

`leadscore rollback --reason "…"` puts the former champion back, without a restart.

## Lineage

Log hash `{lineage.log_hash}`, configuration `{lineage.configuration_hash[:16]}`, code
`{lineage.commit or "unknown"}`, lock `{lineage.lock_hash[:16] or "unknown"}`, seed
{lineage.seed}."""


def _exact(interval: Interval) -> str:
    return f"{interval.value:.4f}"


def _bounds(interval: Interval) -> str:
    return f"{interval.low:.4f} to {interval.high:.4f}"


def _short(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _signed(interval: Interval) -> str:
    return f"{interval.value:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"
