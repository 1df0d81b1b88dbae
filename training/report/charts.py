"""What is drawn of an evaluation: charts as data, which PNG and HTML then only render."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from domain.measurement import Interval
from training.evaluation.results import Band, Evaluation, Rival

SHOWN = 20
"""Features in the chart of importances."""

NAMES = {
    "prior": "prior rate",
    "scorecard": "scorecard",
    "static": "profile only",
    "champion": "champion",
}
"""Baselines, as people read them."""


@dataclass(frozen=True, slots=True)
class ChartLine:
    """Points joined by a line; `low` and `high` are the bounds of y, where there are any.

    A `reference` is what the others are to be held against: drawn grey and dashed.
    """

    name: str
    x: Sequence[float | str]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    reference: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture. `bars`: points with bounds, one row each, x and y exchanged."""

    name: str
    title: str
    x: str
    y: str
    lines: tuple[ChartLine, ...]
    kind: Literal["curve", "points", "bars"] = "curve"
    percent: Literal["", "x", "y", "xy"] = ""


def charts(evaluation: Evaluation, importance: Mapping[str, float]) -> tuple[Chart, ...]:
    """All pictures of an evaluation, the most asked for first."""
    drawn = (
        _reliability(evaluation),
        _gains(evaluation),
        _benefit(evaluation),
        _stability(evaluation),
    )
    against = (_baselines(evaluation),) if any(r.over for r in evaluation.rivals) else ()
    return (*drawn, *against, _importance(importance))


def _bounded(name: str, x: Sequence[float | str], intervals: Sequence[Interval]) -> ChartLine:
    low, high = [i.low for i in intervals], [i.high for i in intervals]
    return ChartLine(name, x, [i.value for i in intervals], low, high)


def _reliability(evaluation: Evaluation) -> Chart:
    bands: Sequence[Band] = evaluation.reliability
    top = max(max(b.predicted, b.observed.value) for b in bands)
    line = _bounded("this version", [b.predicted for b in bands], [b.observed for b in bands])
    return Chart(
        "reliability",
        f"Calibration: error {evaluation.metrics['calibration_error']}",
        "probability told (mean of a tenth of the leads)",
        "share that converted",
        (ChartLine("perfect", (0.0, top), (0.0, top), reference=True), line),
        percent="xy",
    )


def _gains(evaluation: Evaluation) -> Chart:
    shares = [i / 100 for i in range(101)]
    return Chart(
        "gains",
        "Conversions found by working the best leads first",
        "share of leads worked",
        "share of conversions found",
        (
            ChartLine("at random", (0.0, 1.0), (0.0, 1.0), reference=True),
            ChartLine("this version", shares, evaluation.gains),
        ),
        percent="xy",
    )


def _benefit(evaluation: Evaluation) -> Chart:
    benefits = evaluation.benefit
    floor = min(-0.1 * max(i.value for i in benefits.score), *(i.low for i in benefits.score))
    kept = sum(value >= floor for value in benefits.everyone)
    others = [
        ChartLine(NAMES.get(r.name, r.name), benefits.thresholds, r.benefit)
        for r in evaluation.rivals
        if r.benefit and r.name != "prior"
    ]
    return Chart(
        "decision",
        "Net benefit of working the leads above a probability",
        "least probability at which a lead is worked",
        "net conversions per lead",
        (
            ChartLine(
                "no one", benefits.thresholds, [0.0] * len(benefits.thresholds), reference=True
            ),
            ChartLine(
                "everyone", benefits.thresholds[:kept], benefits.everyone[:kept], reference=True
            ),
            *others,
            _bounded("this version", benefits.thresholds, benefits.score),
        ),
        percent="x",
    )


def _stability(evaluation: Evaluation) -> Chart:
    known = [(s.begins[:10], s.auroc) for s in evaluation.slices if s.auroc is not None]
    days = [day for day, _ in known]
    whole = evaluation.metrics["auroc"].value
    return Chart(
        "stability",
        "AUROC by part of the test's time",
        "from",
        "AUROC",
        (
            ChartLine("whole test", days, [whole] * len(days), reference=True),
            _bounded("this version", days, [auroc for _, auroc in known]),
        ),
        kind="points",
    )


def _baselines(evaluation: Evaluation) -> Chart:
    rivals: list[Rival] = [r for r in evaluation.rivals if r.over]
    values = [evaluation.metrics["auroc"], *(r.metrics["auroc"] for r in rivals)]
    names = ["this version", *(NAMES.get(r.name, r.name) for r in rivals)]
    return Chart(
        "baselines",
        "AUROC beside baselines on the same rows",
        "AUROC",
        "",
        (_bounded("AUROC", names, values),),
        kind="bars",
    )


def _importance(importance: Mapping[str, float]) -> Chart:
    best = sorted(importance.items(), key=lambda item: -item[1])[:SHOWN]
    line = ChartLine("importance", [name for name, _ in best], [value for _, value in best])
    title = "What moves scores: mean absolute contribution"
    return Chart("importance", title, "in log-odds", "", (line,), kind="bars")
