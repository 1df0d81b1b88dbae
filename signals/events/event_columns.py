"""Accepted events on their way into log and states, column by column."""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from domain.state import Events, Index
from signals.events.feature_matching import MatchedColumns, Matcher
from signals.events.validation import ValidEvent
from signals.identity.link_graph import Keys


class EventColumns(NamedTuple):
    """Events by column, one place of each list and array [n] an event.

    `keys` name them in the log, `sets` are their identifiers' keys, `accounts` what they tell of
    an account. `events` is what they feed, its rows not yet said; `texts` are the text attributes
    they write, as (event, attribute, value).
    """

    keys: list[str]
    types: list[str]
    sets: list[Keys]
    accounts: list[str]
    bodies: list[bytes]
    known_us: Index
    events: Events
    texts: list[tuple[int, int, str]]


def arrivals(accepted: Sequence[ValidEvent], matcher: Matcher) -> EventColumns:
    """Accepted events as columns."""
    columns = MatchedColumns()
    for one in accepted:
        matcher.add(one, 0, columns)
    return EventColumns(
        keys=[a.key for a in accepted],
        types=[a.signal.type for a in accepted],
        sets=[a.known.keys for a in accepted],
        accounts=[a.known.account for a in accepted],
        bodies=[a.body for a in accepted],
        known_us=np.array([a.known_us for a in accepted], dtype=np.int64),
        events=columns.events(),
        texts=columns.texts,
    )


def take(columns: EventColumns, places: Sequence[int]) -> EventColumns:
    """The events at some places, ascending."""
    if len(places) == len(columns.keys):
        return columns
    at = np.array(places, dtype=np.int64)
    new = {place: i for i, place in enumerate(places)}
    e = columns.events
    starts, families = _ragged(e.starts, at)
    number_starts, numbers = _ragged(e.number_starts, at)
    return EventColumns(
        keys=[columns.keys[i] for i in places],
        types=[columns.types[i] for i in places],
        sets=[columns.sets[i] for i in places],
        accounts=[columns.accounts[i] for i in places],
        bodies=[columns.bodies[i] for i in places] if columns.bodies else [],
        known_us=columns.known_us[at],
        events=Events(
            rows=e.rows[at],
            times=e.times[at],
            ties=e.ties[at],
            starts=starts,
            families=e.families[families],
            values=e.values[families],
            number_starts=number_starts,
            number_slots=e.number_slots[numbers],
            number_values=e.number_values[numbers],
        ),
        texts=[(new[i], attribute, value) for i, attribute, value in columns.texts if i in new],
    )


def _ragged(starts: Index, at: Index) -> tuple[Index, Index]:
    """Starts of the chosen runs, and the places of their members."""
    lengths = np.diff(starts)
    chosen = np.zeros(len(lengths), dtype=bool)
    chosen[at] = True
    members = np.flatnonzero(np.repeat(chosen, lengths))
    return np.concatenate([[0], np.cumsum(lengths[at])]).astype(np.int64), members


def joined(parts: Sequence[EventColumns]) -> EventColumns:
    """The events of all parts, in this order."""
    if len(parts) == 1:
        return parts[0]
    events = [part.events for part in parts]
    before = list(accumulate((len(part.keys) for part in parts), initial=0))
    return EventColumns(
        keys=[key for part in parts for key in part.keys],
        types=[name for part in parts for name in part.types],
        sets=[keys for part in parts for keys in part.sets],
        accounts=[account for part in parts for account in part.accounts],
        bodies=[body for part in parts for body in part.bodies],
        known_us=np.concatenate([part.known_us for part in parts]),
        events=Events(
            rows=np.concatenate([e.rows for e in events]),
            times=np.concatenate([e.times for e in events]),
            ties=np.concatenate([e.ties for e in events]),
            starts=_continued([e.starts for e in events]),
            families=np.concatenate([e.families for e in events]),
            values=np.concatenate([e.values for e in events]),
            number_starts=_continued([e.number_starts for e in events]),
            number_slots=np.concatenate([e.number_slots for e in events]),
            number_values=np.concatenate([e.number_values for e in events]),
        ),
        texts=[
            (i + first, attribute, value)
            for part, first in zip(parts, before, strict=False)
            for i, attribute, value in part.texts
        ],
    )


def _continued(starts: Sequence[Index]) -> Index:
    """Starts of runs, each list counted on from the end of the one before."""
    lengths = np.concatenate([np.diff(offsets) for offsets in starts])
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
