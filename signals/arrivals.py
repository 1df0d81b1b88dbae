"""Accepted events on their way into log and states, column by column."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from domain.state import Events, Index
from signals.matching import Columns, Matcher
from signals.reading import Accepted
from signals.resolution import Keys


class Arrivals(NamedTuple):
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


def arrivals(accepted: Sequence[Accepted], matcher: Matcher) -> Arrivals:
    """Accepted events as columns."""
    columns = Columns()
    for one in accepted:
        matcher.add(one, 0, columns)
    return Arrivals(
        keys=[a.key for a in accepted],
        types=[a.signal.type for a in accepted],
        sets=[a.known.keys for a in accepted],
        accounts=[a.known.account for a in accepted],
        bodies=[a.body for a in accepted],
        known_us=np.array([a.known_us for a in accepted], dtype=np.int64),
        events=columns.events(),
        texts=columns.texts,
    )


def take(held: Arrivals, places: Sequence[int]) -> Arrivals:
    """The events at some places, ascending."""
    if len(places) == len(held.keys):
        return held
    at = np.array(places, dtype=np.int64)
    new = {place: i for i, place in enumerate(places)}
    e = held.events
    starts, families = _ragged(e.starts, at)
    number_starts, numbers = _ragged(e.number_starts, at)
    return Arrivals(
        keys=[held.keys[i] for i in places],
        types=[held.types[i] for i in places],
        sets=[held.sets[i] for i in places],
        accounts=[held.accounts[i] for i in places],
        bodies=[held.bodies[i] for i in places] if held.bodies else [],
        known_us=held.known_us[at],
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
        texts=[(new[i], attribute, value) for i, attribute, value in held.texts if i in new],
    )


def _ragged(starts: Index, at: Index) -> tuple[Index, Index]:
    """Starts of the chosen runs, and the places of their members."""
    lengths = np.diff(starts)
    chosen = np.zeros(len(lengths), dtype=bool)
    chosen[at] = True
    members = np.flatnonzero(np.repeat(chosen, lengths))
    return np.concatenate([[0], np.cumsum(lengths[at])]).astype(np.int64), members


def joined(a: Arrivals, b: Arrivals) -> Arrivals:
    """The events of both, those of `a` first."""
    if not a.keys:
        return b
    e, f, n = a.events, b.events, len(a.keys)
    return Arrivals(
        keys=a.keys + b.keys,
        types=a.types + b.types,
        sets=a.sets + b.sets,
        accounts=a.accounts + b.accounts,
        bodies=a.bodies + b.bodies,
        known_us=np.concatenate([a.known_us, b.known_us]),
        events=Events(
            rows=np.concatenate([e.rows, f.rows]),
            times=np.concatenate([e.times, f.times]),
            ties=np.concatenate([e.ties, f.ties]),
            starts=np.concatenate([e.starts, f.starts[1:] + e.starts[-1]]),
            families=np.concatenate([e.families, f.families]),
            values=np.concatenate([e.values, f.values]),
            number_starts=np.concatenate(
                [e.number_starts, f.number_starts[1:] + e.number_starts[-1]]
            ),
            number_slots=np.concatenate([e.number_slots, f.number_slots]),
            number_values=np.concatenate([e.number_values, f.number_values]),
        ),
        texts=a.texts + [(i + n, attribute, value) for i, attribute, value in b.texts],
    )
