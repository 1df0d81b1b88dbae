"""The model card: what a version is for, made from, good at, and not to be used for."""

from domain.clock import iso
from domain.versions import Manifest

_NAMES = {
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "calibration_error": "Calibration error",
    "lift_at_10pct": "Lift in the top 10%",
    "precision_at_10pct": "Precision in the top 10%",
    "recall_at_10pct": "Recall in the top 10%",
}


def model_card(manifest: Manifest, removed: dict[str, int]) -> str:
    """The card, in Markdown."""
    m, lineage = manifest, manifest.lineage
    measured = "\n".join(
        f"| {label} | {m.metrics[name].value:.4f} | {m.metrics[name].low:.4f} to "
        f"{m.metrics[name].high:.4f} |"
        for name, label in _NAMES.items()
        if name in m.metrics
    )
    counts = "\n".join(f"| {name.replace('_', ' ')} | {n:,} |" for name, n in m.counts.items())
    left_out = ", ".join(f"{n:,} {rule}" for rule, n in removed.items()) or "none"
    return f"""# Model card: {m.name}

**Purpose.** The probability that a lead reaches the outcome `{m.outcome}` within
{m.horizon_days:g} days, given what was known of it at the moment of scoring. It ranks and routes
leads. It is not meant for decisions about credit, employment or insurance of a person.

**Data.** Log up to {iso(lineage.watermark_us)}, {lineage.events:,} events, features
`{m.definition.label}`. Cutoffs left out: {left_out}.

| count | |
|---|---:|
{counts}

**How good it is**, on the last part of time, which neither training nor tuning saw; intervals
are 95%, by a bootstrap over accounts.

| measure | value | interval |
|---|---:|---|
{measured}

Calibration: `{m.calibrator.kind}`.

**Limits.** It knows what the log knows: a lead without events gets the score of silence. Scores
are probabilities for the population of the data above; the monitoring report says when that
changes.

**How to roll back.** `leadscore rollback --reason "…"` puts the former champion back.

**Lineage.** Log hash `{lineage.log_hash}`, configuration `{lineage.configuration_hash[:16]}`,
code `{lineage.commit or "unknown"}`, lock `{lineage.lock_hash[:16] or "unknown"}`, seed
{lineage.seed}.
"""
