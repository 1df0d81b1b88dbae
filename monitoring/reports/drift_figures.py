"""What moved, as figures."""

from collections.abc import Iterator

from monitoring.causes.moves import TOLERANCE, ColumnMove
from monitoring.causes.population import WEIGHT
from monitoring.reports.figure import Figure, FigureName, FigureStatus
from monitoring.reports.summary import Summary


def drift_figures(summary: Summary) -> Iterator[Figure]:
    """Causes to be acted upon, moves of scores and reasons, and the share that drifted."""
    acted_on = [cause for cause in summary.causes if cause.actionable]
    kinds = ", ".join(dict.fromkeys(str(cause.kind) for cause in acted_on))
    text = f"causes of drift to be acted upon: {kinds or 'none'}"
    yield _figure("ActionableCauses", len(acted_on), summary, 0, bad=bool(acted_on), text=text)
    if summary.too_few:
        return
    heads: tuple[tuple[FigureName, ColumnMove | None], ...] = (
        ("ScoreMove", summary.score_drift),
        ("ReasonMove", summary.reason_drift),
    )
    for name, move in heads:
        if move is not None:
            text = (
                f"{move.column} {move.cell}: {move.current:.0%} of the companies, "
                f"{move.reference:.0%} in the reference"
            )
            yield _figure(name, move.distance, summary, TOLERANCE, bad=move.drifted, text=text)
    drifted = [move for move in summary.columns if move.drifted]
    text = (
        f"{len(drifted)} of {len(summary.columns)} features moved, "
        f"{summary.drift_share:.0%} of the explanations"
    )
    share = summary.drift_share
    yield _figure("DriftedShare", share, summary, WEIGHT, bad=share >= WEIGHT, text=text)


def _figure(
    name: FigureName, value: float, summary: Summary, limit: float, *, bad: bool, text: str
) -> Figure:
    status = FigureStatus.WATCH if value > limit else FigureStatus.GOOD
    return Figure(
        name=name,
        value=float(value),
        rows=summary.rows_current,
        limit=limit,
        status=FigureStatus.BAD if bad else status,
        text=text,
    )
