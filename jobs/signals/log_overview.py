"""What came into a home, without counting it: the totals that every commit keeps."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import select

from domain.clock import DAY
from domain.signals import Counts
from signals.events.event_log import size, watermark_us
from signals.events.feed_counts import daily_counts
from signals.store import quarantine
from signals.store.tables import totals
from wiring.signals import SignalPlane


class LogOverview(msgspec.Struct, frozen=True, kw_only=True):
    """The totals since the log began, its newest moment (0: empty), and quarantine by rule."""

    totals: Counts
    events: int
    watermark_us: int
    quarantined: Mapping[str, int]


def log_overview(plane: SignalPlane) -> LogOverview:
    """The overview; its cost depends on what is in quarantine, and not on the log."""
    with plane.engine.connect() as connection:
        rows = dict(connection.execute(select(totals.c.name, totals.c["value"])).all())
    named = {name: int(rows.get(name, 0)) for name in Counts.__struct_fields__}
    return LogOverview(
        totals=Counts(**named),
        events=size(plane.engine),
        watermark_us=watermark_us(plane.engine),
        quarantined=quarantine.by_rule(plane.engine),
    )


def events_by_day(plane: SignalPlane, days: int) -> dict[str, list[int]]:
    """By type, how many became known on each of the last days, oldest first. Reads those days."""
    until_us = watermark_us(plane.engine) // DAY * DAY + DAY
    counted = daily_counts(plane.engine, until_us, days)
    return {name: series.tolist() for name, series in sorted(counted.items())}
