"""The training configuration that guesses come to: horizon, cutoffs, where training begins."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from signals.guessing.cells.time_style import read_times
from signals.guessing.examination import Tables
from signals.guessing.table_guess import TableGuess, TimeGuess
from signals.guessing.written.mapping_text import EventTypes, created_types
from signals.guessing.written.yaml_words import listed

HORIZONS = (1, 2, 3, 7, 14, 30, 60, 90, 180, 365)
"""Days that a horizon may have."""

HALF = 0.5
"""Of the outcomes, the share that comes within the horizon: with more of them it is long, and the
rows whose horizon has not passed yet are of no use."""

HISTORIES = 5
"""So many horizons at least lie between the first lead and the last."""

LEVEL = 0.01
"""How seldom chance may leave the first leads without any outcome before they are left out."""

MADE_UP_DAYS = 1
TRIALS, SEED = 20, 7


class Delays(NamedTuple):
    """When leads came, and when each was won; None for one that was not."""

    created: list[datetime]
    won: list[datetime | None]


def training_text(tables: Tables, types: EventTypes) -> str:
    """The whole file."""
    lines = [
        "# Written by `leadscore init`. docs/configuration.md tells every key.",
        "outcome: won",
    ]
    if any(table.stream is not None for table in tables):
        lines += _of_stream(tables)
    else:
        lines += _of_leads(tables, created_types(tables, types))
    return "\n".join([*lines, f"trials: {TRIALS}", f"seed: {SEED}"]) + "\n"


def _of_leads(tables: Tables, kinds: Sequence[str]) -> list[str]:
    delays = delays_of(tables)
    if delays is None:
        after = f"{{rule: after, types: {listed(kinds)}, delay_hours: 0.25}}"
        return [
            f"horizon_days: {MADE_UP_DAYS}  # times are made up: it only has to reach the outcome",
            f"cutoffs: {after}  # after the lead came, before its outcome",
            f"split: {{test_share: 0.2, embargo_days: {MADE_UP_DAYS}}}",
        ]
    days, share = horizon(delays)
    lines = [
        f"horizon_days: {days}  # {share:.0%} of those won are won within it",
        f"cutoffs: {{rule: after, types: {listed(kinds)}, delay_hours: 0}}  # when the lead comes",
    ]
    begin = late_beginning(delays, days)
    if begin is not None:
        lines += [
            "# No lead is won before this day, though many came: it seems that outcomes were not",
            "# recorded yet, and leads from before would all look lost.",
            f"from: {begin.isoformat()}",
        ]
    return [*lines, f"split: {{test_share: 0.2, embargo_days: {days}}}"]


def _of_stream(tables: Tables) -> list[str]:
    times = [t for table in tables if table.created for t in _times(table, table.created) if t]
    span = (max(times) - min(times)).days if times else 0
    days = max(d for d in HORIZONS if d == 1 or (d <= 30 and d * 2 * HISTORIES <= span))
    return [
        f"horizon_days: {days}  # the events span {span} days",
        f"cutoffs: {{rule: every, days: {days}}}  # whoever is known is looked at so often",
        f"split: {{test_share: 0.2, embargo_days: {days}}}",
    ]


def delays_of(tables: Tables) -> Delays | None:
    """When leads came and were won; None where one of the two is made up."""
    for table in tables:
        if table.created is None or table.created.made_up or table.stream is not None:
            continue
        ends = _won_times(table, tables)
        if ends is not None:
            rows = zip(_times(table, table.created), ends, strict=True)
            known = [(begin, end) for begin, end in rows if begin is not None]
            return Delays([begin for begin, _ in known], [end for _, end in known])
    return None


def horizon(delays: Delays) -> tuple[int, float]:
    """The least horizon within which half of the outcomes come, and what share of them does.

    It is shorter where the leads do not span so many of them.
    """
    rows = zip(delays.created, delays.won, strict=True)
    waits = [(end - begin).total_seconds() / 86_400 for begin, end in rows if end is not None]
    span = (max(delays.created) - min(delays.created)).days if delays.created else 0
    usable = [d for d in HORIZONS if d == 1 or d * HISTORIES <= span]
    shares = {d: sum(wait <= d for wait in waits) / max(len(waits), 1) for d in usable}
    chosen = next((d for d in usable if shares[d] >= HALF), usable[-1])
    return chosen, shares[chosen]


def late_beginning(delays: Delays, days: int) -> date | None:
    """The day of the first outcome, where leads from before would have had some by chance.

    The chance that none of n leads is won, of whom each is with the rate of later ones, is
    (1 - rate) ** n.
    """
    ends = [end for end in delays.won if end is not None]
    if not ends:
        return None
    first, length = min(ends), timedelta(days=days)
    last = max(delays.created)
    rows = list(zip(delays.created, delays.won, strict=True))
    before = [begin for begin, _ in rows if begin + length < first]
    later = [end is not None and end <= begin + length
             for begin, end in rows if first <= begin <= last - length]  # fmt: skip
    rate = sum(later) / len(later) if later else 0.0
    unlikely = (1 - rate) ** len(before) < LEVEL
    return first.date() if before and unlikely else None


def _won_times(table: TableGuess, tables: Tables) -> list[datetime | None] | None:
    outcome = table.outcome
    if outcome is not None:
        if table.decided is None or table.decided.made_up:
            return None
        cells = table.cells(outcome.column)
        times = _times(table, table.decided)
        return [t if outcome.is_won(c) else None for c, t in zip(cells, times, strict=True)]
    key = next(iter(table.identifiers.get("crm_id", ())), "")
    for other in tables:
        if other is table or other.decided is None or other.identifiers.get("crm_id") != (key,):
            continue
        won = dict(zip(other.cells(key), _times(other, other.decided), strict=True))
        return [won.get(cell) for cell in table.cells(key)]
    return None


def _times(table: TableGuess, time: TimeGuess) -> list[datetime | None]:
    column = time.spec.column
    if column is None or column not in table.times:
        return [None] * table.sample.size
    return read_times(table.cells(column), table.times[column].format)
