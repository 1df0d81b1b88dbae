"""A backtest for people: sections with tables, for Markdown and one HTML page."""

from collections.abc import Iterator, Sequence
from html import escape

from domain.measurement import Interval
from monitoring.backtest.backtest import DECIDED, Backtest
from monitoring.backtest.moves import QueueWorkload
from monitoring.backtest.policy_value import PolicyValue
from monitoring.document import DocumentSection, DocumentTable, ReportDocument

SHOWN = 30
"""Rows of a table on a page; JSON has all."""
_WIDTH, _HEIGHT = 720, 120
DRAWN_QUEUES = 8


def backtest_document(backtest: Backtest) -> ReportDocument:
    """The document of a backtest."""
    b = backtest
    before = "what was decided" if b.was == DECIDED else b.was
    return ReportDocument(
        title=f"Backtest of {b.now} against {before}",
        sections=(
            _summary(b),
            _moves(b),
            *_segments(b),
            _workload(b.workloads),
            *_days(b.workloads),
            value_section(b.value),
        ),
    )


def _summary(b: Backtest) -> DocumentSection:
    share = b.moved / b.decisions
    when = f"{b.since} to {b.until}, replayed in {b.seconds:.1f} s"
    points = [
        f"{b.decisions:,} decisions on {b.leads:,} leads, {when}.",
        f"{b.moved:,} decisions ({share:.1%}) on {b.moved_leads:,} leads go elsewhere.",
        f"{b.other_step:,} more go to the same place with another next step.",
    ]
    if b.drawn:
        points.append(
            f"{b.drawn:,} routings were drawn at random: moves count what the policy said instead."
        )
    if b.overridden:
        points.append(
            f"{b.overridden:,} decisions stand under an override: it holds under both policies, "
            "and what it names moves nowhere."
        )
    if b.filled:
        points.append(
            f"{b.filled:,} decisions lacked a fact that a policy looks at: it was read from the "
            "recorded features, and is missing where those have none."
        )
    return DocumentSection(title="", points=tuple(points))


def _moves(b: Backtest) -> DocumentSection:
    rows = tuple(
        (str(m.was), str(m.now), f"{m.decisions:,}", f"{m.leads:,}", f"{m.expected:,.1f}")
        for m in b.moves[:SHOWN]
    )
    more = len(b.moves) - len(rows)
    headings = ("from", "to", "decisions", "leads", "expected conversions")
    return DocumentSection(
        title="Who moves from where to where",
        paragraphs=() if rows else ("Nobody moves.",),
        points=(f"{more} more kinds of moves: see the JSON.",) if more > 0 else (),
        table=DocumentTable(headings, rows),
    )


def _segments(b: Backtest) -> Iterator[DocumentSection]:
    for by in dict.fromkeys(one.by for one in b.segments):
        rows = tuple(
            (
                one.name,
                f"{one.decisions:,}",
                f"{one.moved:,}",
                f"{one.moved / max(one.decisions, 1):.1%}",
                f"{one.sooner:,}",
                f"{one.later:,}",
            )
            for one in b.segments
            if one.by == by
        )
        headings = (by, "decisions", "moved", "share", "sooner", "later")
        yield DocumentSection(
            title=f"Moves by {by.replace('_', ' ')}", table=DocumentTable(headings, rows)
        )


def _workload(workloads: Sequence[QueueWorkload]) -> DocumentSection:
    rows = tuple(_queue(one) for one in workloads)
    headings = (
        *("queue", "leads before", "under", "a day before", "under"),
        *("busiest day before", "under", "expected before", "under"),
        *("capacity", "days over before", "under"),
    )
    return DocumentSection(
        title="Workload of queues",
        paragraphs=(
            "A lead comes to a queue with its first decision, and whenever its queue changes.",
            "Expected conversions are the sum of scores of those that come.",
        ),
        table=DocumentTable(headings, rows),
    )


def _queue(w: QueueWorkload) -> tuple[str, ...]:
    return (
        w.queue,
        f"{w.was:,}",
        f"{w.now:,}",
        f"{w.was_a_day:,.1f}",
        f"{w.now_a_day:,.1f}",
        f"{w.was_busiest:,}",
        f"{w.now_busiest:,}",
        f"{w.was_expected:,.1f}",
        f"{w.now_expected:,.1f}",
        "–" if w.capacity is None else f"{w.capacity:,.0f}",
        "–" if w.was_days_over is None else f"{w.was_days_over:,}",
        "–" if w.now_days_over is None else f"{w.now_days_over:,}",
    )


def _days(workloads: Sequence[QueueWorkload]) -> Iterator[DocumentSection]:
    """Pictures of the queues whose workload changes most."""
    changed = [w for w in workloads if len(w.daily) > 1 and any(d.was != d.now for d in w.daily)]
    largest = sorted(changed, key=lambda w: -sum(abs(d.was - d.now) for d in w.daily))
    for one in largest[:DRAWN_QUEUES]:
        yield DocumentSection(
            title=f"Leads a day: {one.queue}",
            picture=_lines(one),
            caption="Dashed: before. Solid: under the candidate. Dotted: capacity.",
        )


def _lines(w: QueueWorkload) -> str:
    top = max(1.0, w.capacity or 0.0, *(max(d.was, d.now) for d in w.daily))
    step = _WIDTH / (len(w.daily) - 1)

    def line(values: Sequence[float], dash: str) -> str:
        points = " ".join(
            f"{at * step:.1f},{_HEIGHT - value / top * (_HEIGHT - 4):.1f}"
            for at, value in enumerate(values)
        )
        return (
            f'<polyline points="{points}" fill="none" stroke="currentColor" '
            f'stroke-width="1.5" stroke-dasharray="{dash}"/>'
        )

    lines = line([d.was for d in w.daily], "6 4") + line([d.now for d in w.daily], "none")
    if w.capacity is not None:
        lines += line([w.capacity] * len(w.daily), "1 4")
    label = escape(f"Leads a day in {w.queue}, {w.daily[0].day} to {w.daily[-1].day}")
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{label}">{lines}</svg>'
    )


def value_section(value: PolicyValue) -> DocumentSection:
    """What both policies are worth, or why the data do not tell."""
    v = value
    title = "Conversions per lead"
    if not v.tells:
        return DocumentSection(title=title, paragraphs=("The data cannot tell.",), points=v.why)
    counted = (
        f"{v.leads:,} leads of {v.accounts:,} accounts count, each by its first matured decision; "
        f"{v.conversions:,} had {v.outcome!r} within {v.horizon_days:g} days. The routing of "
        f"{v.random:,} had a recorded chance other than 1. The candidate's leads count as "
        f"{v.effective:,.0f}. Bounds hold at all looks together."
    )
    rows = tuple(
        (
            e.method,
            in_words(e.was),
            in_words(e.now),
            "–" if e.difference is None else in_words(e.difference),
        )
        for e in v.estimates
    )
    headings = ("method", "before", "under the candidate", "difference")
    return DocumentSection(
        title=title, paragraphs=(counted,), points=v.why, table=DocumentTable(headings, rows)
    )


def in_words(interval: Interval) -> str:
    """An interval in words."""
    return f"{interval.value:.4f} ({interval.low:.4f} to {interval.high:.4f})"
