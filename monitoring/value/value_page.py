"""A value report for people: sections with tables and the Qini curve."""

from collections.abc import Iterator, Sequence

from domain.measurement import Interval
from monitoring.document import DocumentSection, DocumentTable, ReportDocument
from monitoring.value.routing_lift import RoutingLift
from monitoring.value.self_feeding import SelfFeeding
from monitoring.value.value_report import Uplift, ValueReport

_SIZE = 320
_KINDS = {"all": "Lift of routing", "grade": "Lift by grade", "rule": "Lift by rule"}


def value_document(report: ValueReport) -> ReportDocument:
    """The document of a report."""
    r = report
    about = (
        f"{r.decisions:,} decisions are recorded; {r.leads:,} leads count, each by its first "
        f"decision whose {r.horizon_days:g} days have passed and whose chances are recorded. "
        f"The outcome is {r.outcome!r}. Bounds hold at all looks together."
    )
    return ReportDocument(
        title="Value of routing",
        sections=(
            DocumentSection(title="", paragraphs=(about,)),
            *_lifts(r.lifts),
            _uplift(r.uplift, r.actions),
            _feeding(r.feeding),
        ),
    )


def _lifts(lifts: Sequence[RoutingLift]) -> Iterator[DocumentSection]:
    headings = ("", "leads", "own routing", "drawn at random", "lift per lead")
    if not lifts:
        why = "No routing was drawn at random: start a holdout, `leadscore rollout start`."
        yield DocumentSection(title=_KINDS["all"], paragraphs=("The data cannot tell.", why))
    for kind, title in _KINDS.items():
        rows = tuple(
            (
                one.name,
                f"{one.leads:,}",
                f"{one.own:.4f}",
                f"{one.random:.4f}",
                "too few accounts" if one.lift is None else _signed(one.lift),
            )
            for one in lifts
            if one.by == kind
        )
        if rows:
            yield DocumentSection(title=title, table=DocumentTable(headings, rows))


def _uplift(uplift: Uplift, actions: Sequence[str]) -> DocumentSection:
    u = uplift
    title = "Who gains by being worked"
    if not u.tells or u.average is None or u.qini is None:
        return DocumentSection(title=title, paragraphs=("The data cannot tell.", u.why))
    rows = tuple(
        (one.name, f"{one.leads:,}", f"{one.predicted:+.4f}", _signed(one.gain)) for one in u.shares
    )
    verdict = "Leads are ranked by their gain" if u.qini.low > 0 else "No ranking is shown"
    return DocumentSection(
        title=title,
        paragraphs=(
            f"Worked is who gets {' or '.join(actions)}: {u.worked:,} of {u.leads:,} leads.",
            f"Working a lead drawn at random gains {_signed(u.average)} conversions.",
            f"{verdict}: the area between the curve and any order is {_signed(u.qini)}.",
        ),
        table=DocumentTable(("by predicted gain", "leads", "predicted", "gain per lead"), rows),
        picture=_curve(u),
        caption="Conversions gained per lead, by the share worked first. Dashed: any order.",
    )


def _curve(uplift: Uplift) -> str:
    low, high = min(0.0, *uplift.gained), max(1e-9, *uplift.gained)

    def at(x: float, y: float) -> str:
        return f"{x * _SIZE:.1f},{_SIZE - (y - low) / (high - low) * _SIZE:.1f}"

    pairs = zip(uplift.targeted, uplift.gained, strict=True)
    curve = " ".join(at(x, y) for x, y in pairs)
    line = f"{at(0, 0)} {at(1, uplift.gained[-1])}"
    shape = 'fill="none" stroke="currentColor" stroke-width="1.5"'
    return (
        f'<svg viewBox="-2 -2 {_SIZE + 4} {_SIZE + 4}" width="{_SIZE}" height="{_SIZE}" '
        'role="img" aria-label="Qini curve">'
        f'<polyline points="{curve}" {shape}/>'
        f'<polyline points="{line}" stroke-dasharray="6 4" {shape}/></svg>'
    )


def _feeding(feeding: SelfFeeding) -> DocumentSection:
    title = "Whether scores feed on themselves"
    if feeding.excess is None:
        return DocumentSection(title=title, paragraphs=("The data cannot tell.", feeding.why))
    word = "Alarm" if feeding.alarm else "No alarm"
    return DocumentSection(
        title=title,
        paragraphs=(
            f"{word}: being worked adds {_signed(feeding.excess)} to later scores beyond outcomes.",
            f"{feeding.leads:,} leads were decided about again; the margin is {feeding.margin:g}.",
        ),
        points=(
            (
                "Mark signals that our own actions cause: see docs/value.md.",
                "Train on a log in which they are marked.",
            )
            if feeding.alarm
            else ()
        ),
    )


def _signed(interval: Interval) -> str:
    return f"{interval.value:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"
