"""What a report leads with: a verdict in one sentence, and the three things to look at first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from monitoring.causes.cause import Action, Cause
from monitoring.reports.figure import ALL, Figure, FigureName, FigureStatus
from monitoring.reports.summary import Finding, Summary

LOOK_AT = 3

TODO: Mapping[Action, str] = {
    "mend": "mend the source, and send again what is wrong",
    "retrain": "train a new version: `leadscore train`",
    "none": "nothing, while the causes before it stand",
}

_WORDS: Mapping[FigureName, tuple[str, str]] = {
    "ConversionsByPrediction": ("conversions", "compare the groups below; then train"),
    "CalibrationError": ("calibration", "look at the reliability curve; then train"),
    "TopTenthLift": ("lift", "look at the gains curve, and at what moved"),
    "Auroc": ("order of leads", "look at the gains curve, and at what moved"),
    "ScoreMove": ("scores", "look at the score's distribution"),
    "ReasonMove": ("reasons", "look at the reasons' distribution"),
    "DriftedShare": ("features", "look at the features that moved most"),
    "FreshestHours": ("freshness", "see that sources and `leadscore ingest` run"),
    "DegradedShare": ("answers", "`leadscore audit search` tells what degraded them"),
    "MissingShare": ("missing values", "look whether the source tells the feature still"),
    "OutsideShare": ("range of values", "look at the feature's distribution"),
}
"""What each figure is of in words, and what to do where it is not well; others lead no report."""


@dataclass(frozen=True, slots=True)
class Headline:
    """The verdict, and what to look at."""

    verdict: str
    look_at: tuple[Finding, ...]


def headline(summary: Summary) -> Headline:
    """The verdict on a report, of causes first, then of figures that are shown to be bad."""
    of_each: dict[str, Finding] = {}
    for finding in _findings(summary):
        of_each.setdefault(finding.subject, finding)
    return Headline(_verdict(summary), tuple(of_each.values())[:LOOK_AT])


def _verdict(summary: Summary) -> str:
    acted_on = [cause for cause in summary.causes if cause.actionable]
    bad = _overall(summary.figures, FigureStatus.BAD)
    if acted_on:
        more = f", and {len(acted_on) - 1} more" if len(acted_on) > 1 else ""
        verb = "Mend" if acted_on[0].action == "mend" else "Train"
        return f"{verb}: {acted_on[0].kind}, {acted_on[0].text}{more}."
    if bad:
        more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        return f"Look: {bad[0].text}{more}."
    if not summary.matured:
        few = "too few companies were scored to tell what moved" if summary.too_few else "no drift"
        return f"Too early to tell how well it predicts: no decision has matured; {few}."
    conversions = next((f.text for f in summary.figures if f.name == "ConversionsByPrediction"), "")
    return f"Nothing to do: no cause of drift was found{'; ' + conversions if conversions else ''}."


def _findings(summary: Summary) -> Iterator[Finding]:
    """Everything that can be looked at, what matters most first."""
    for cause in summary.causes:
        if cause.actionable:
            yield _of_cause(cause)
    for status in (FigureStatus.BAD, FigureStatus.WATCH):
        for figure in _overall(summary.figures, status):
            yield _of_figure(figure)
    for cause in summary.causes:
        if not cause.actionable:
            yield _of_cause(cause)
    grouped = [f for f in summary.figures if f.by != ALL and f.name in _WORDS]
    for figure in sorted(grouped, key=lambda f: (-f.status, -f.rows)):
        if figure.status == FigureStatus.BAD:
            yield _of_figure(figure)
    for figure in _overall(summary.figures, FigureStatus.GOOD):
        yield _of_figure(figure)


def _overall(figures: Sequence[Figure], status: FigureStatus) -> list[Figure]:
    """Figures of all decisions that stand so, in the order of `_WORDS`."""
    order = list(_WORDS)
    mine = [f for f in figures if f.by == ALL and f.status == status and f.name in _WORDS]
    return sorted(mine, key=lambda f: order.index(f.name))


def _of_cause(cause: Cause) -> Finding:
    return Finding(
        subject=f"{cause.kind}: {cause.about}", finding=cause.text, todo=TODO[cause.action]
    )


def _of_figure(figure: Figure) -> Finding:
    what, todo = _WORDS[figure.name]
    well = figure.status == FigureStatus.GOOD
    return Finding(subject=what, finding=figure.text, todo="nothing" if well else todo)
