"""The log by columns, in the order in which it became known.

All that can be said of an event before anything is known of who is who: half of the work of a
replay, which needs nothing of it, so that another process may do it.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from sqlalchemy import Engine, select

from domain.clock import to_us
from domain.signals import recall
from domain.state import Events, Index, tie_of
from signals.matching import Columns, Matcher, outcome_namer
from signals.reading import digest_of
from signals.schema import events

CHUNK = 20_000
"""Events of one part."""

EMPTY = blake2b(digest_size=16).hexdigest()
"""The digest of no event."""


class Outcome(NamedTuple):
    """An outcome: the place of its event in the part, its name, when it happened."""

    place: int
    name: str
    happened_us: int


class News(NamedTuple):
    """A set of keys that comes with an account ("" for none) for the first time.

    `place` is its event's in the part, `number` the set's. `keys` are given where the set itself
    is new, and empty otherwise.
    """

    place: int
    number: int
    keys: tuple[str, ...]
    account: str


class Part(NamedTuple):
    """Events by column, one place of each array [n] an event.

    `sets` are the numbers of their sets of identifiers' keys, counted from 0 in the order in which
    they come; `events` is what they feed, its rows not yet said; `texts` are the text attributes
    they write, as (event, attribute, value); `anchors` are the places of events of the types that
    were asked for. `digest` is of all events to the end of the part.
    """

    sequences: Index
    known_us: Index
    sets: Index
    news: list[News]
    events: Events
    texts: list[tuple[int, int, str]]
    outcomes: list[Outcome]
    anchors: list[int]
    digest: str


def read_parts(
    engine: Engine,
    matcher: Matcher,
    anchors: Sequence[str] = (),
    through: int | None = None,
    chunk: int = CHUNK,
) -> Iterator[Part]:
    """The log.

    `through`: the first so many events that arrived alone, which is the log as it was then,
    whatever came late since: numbers follow one another without a gap.
    """
    e = events.c
    query = select(e.sequence, e.event_key, e.known_us, e.identifier_keys, e.account, e.body)
    if through is not None:
        query = query.where(e.sequence <= through)
    query = query.order_by(e.known_us, e.sequence).execution_options(yield_per=chunk)
    columns = _Columnist(matcher, anchors)
    with engine.connect() as connection:
        for rows in connection.execute(query).partitions():
            yield columns.part(rows)


class _Columnist:
    """Makes parts of rows of the log, one after the other."""

    def __init__(self, matcher: Matcher, anchors: Sequence[str]) -> None:
        self._matcher = matcher
        self._anchors = frozenset(anchors)
        self._outcome = outcome_namer(matcher.definition)
        self._sets: dict[str, tuple[int, str]] = {}
        self._pairs: set[tuple[int, str]] = set()
        self._digest = blake2b(digest_size=16)

    def part(self, rows: Sequence[tuple[int, str, int, str, str, bytes]]) -> Part:
        """Rows as `read_parts` selects them."""
        columns, news, outcomes, anchors = Columns(), [], [], []
        sequences, known = [], []
        sets: list[int] = []
        told: list[bytes] = []
        held, pairs, match = self._sets, self._pairs, self._matcher.match
        for place, (sequence, key, known_us, joined, account, body) in enumerate(rows):
            number, apart = held.get(joined) or (len(held), joined.replace(",", "\0"))
            if number == len(held):
                held[joined] = number, apart
                news.append(News(place, number, tuple(joined.split(",")), account))
                pairs.add((number, account))
            elif account and (number, account) not in pairs:
                news.append(News(place, number, (), account))
                pairs.add((number, account))
            sequences.append(sequence)
            known.append(known_us)
            sets.append(number)
            event = recall(body)
            time_us = to_us(event.time)
            match(event, time_us, tie_of(digest_of(key)), 0, columns)
            if name := self._outcome(event.type):
                outcomes.append(Outcome(place, name, time_us))
            if event.type in self._anchors:
                anchors.append(place)
            told.append(f"{key}\0{account}\0{apart}".encode() + body)
        self._digest.update(b"".join(told))
        as_index = partial(np.array, dtype=np.int64)
        return Part(
            sequences=as_index(sequences),
            known_us=as_index(known),
            sets=as_index(sets),
            news=news,
            events=columns.events(),
            texts=columns.texts,
            outcomes=outcomes,
            anchors=anchors,
            digest=self._digest.hexdigest(),
        )
