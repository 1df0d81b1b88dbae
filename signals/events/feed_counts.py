"""How many events of each type became known on each day: what a feed's silence is told by."""

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, func, select

from domain.clock import DAY
from signals.store.tables import events


def daily_counts(engine: Engine, until_us: int, days: int) -> dict[str, NDArray[np.int64]]:
    """By type, the counts [days] of the days of UTC before the one of `until_us`, oldest first."""
    end = until_us // DAY
    first, e = end - days, events.c
    day = (e.known_us - e.known_us % DAY).label("day")
    query = (
        select(e.type, day, func.count())
        .where(e.known_us >= first * DAY, e.known_us < end * DAY)
        .group_by(e.type, day)
    )
    counts: dict[str, NDArray[np.int64]] = {}
    with engine.connect() as connection:
        for name, midnight, count in connection.execute(query):
            series = counts.setdefault(str(name), np.zeros(days, dtype=np.int64))
            series[int(midnight) // DAY - first] = count
    return counts
