"""The log by columns, in the order in which it became known.

What can be read of an event before identities are resolved: half of the work of a replay, and
independent of the rest, so that another process may do it.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from sqlalchemy import Engine, select

from domain.clock import SECOND, to_us
from domain.signals import recall
from domain.state import Events, Index
from signals.events.feature_matching import MatchedColumns, Matcher, outcome_namer
from signals.events.validation import ties_of
from signals.store.tables import events

CHUNK = 20_000
"""Events of one part."""

EMPTY = blake2b(digest_size=16).hexdigest()
"""The digest of no event."""


class LoggedOutcome(NamedTuple):
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
    outcomes: list[LoggedOutcome]
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
        self._sets: dict[str, int] = {}
        self._pairs: set[tuple[int, str]] = set()
        self._digest = _Digest()

    def part(self, rows: Sequence[tuple[int, str, int, str, str, bytes]]) -> Part:
        """Rows as `read_parts` selects them."""
        sequences, keys, known_us, joined, accounts, bodies = zip(*rows, strict=True)
        signals = [recall(body) for body in bodies]
        times_us = [to_us(one.time) for one in signals]
        columns, match = MatchedColumns(), self._matcher.match
        for one in signals:
            match(one, columns)
        columns.rows, columns.times = [0] * len(rows), [us / SECOND for us in times_us]
        sets, news = self._numbered(joined, accounts)
        as_index, types = partial(np.array, dtype=np.int64), [one.type for one in signals]
        return Part(
            sequences=as_index(sequences),
            known_us=as_index(known_us),
            sets=as_index(sets),
            news=news,
            events=columns.events()._replace(ties=ties_of(keys)),
            texts=columns.texts,
            outcomes=[
                LoggedOutcome(place, name, times_us[place])
                for place, one in enumerate(types)
                if (name := self._outcome(one))
            ],
            anchors=[place for place, one in enumerate(types) if one in self._anchors],
            digest=self._digest.add(zip(keys, accounts, joined, strict=True), bodies),
        )

    def _numbered(
        self, joined: Sequence[str], accounts: Sequence[str]
    ) -> tuple[list[int], list[News]]:
        """The number of each event's set of keys, and what comes for the first time."""
        known_sets, pairs = self._sets, self._pairs
        sets: list[int] = []
        news: list[News] = []
        for place, (keys, account) in enumerate(zip(joined, accounts, strict=True)):
            number = known_sets.get(keys)
            if number is None:
                number = known_sets[keys] = len(known_sets)
                news.append(News(place, number, tuple(keys.split(",")), account))
                pairs.add((number, account))
            elif account and (number, account) not in pairs:
                news.append(News(place, number, (), account))
                pairs.add((number, account))
            sets.append(number)
        return sets, news


class _Digest:
    """The digest of all events so far, however they come in parts.

    Who they are of, and what they tell, have a digest each: long texts need not be put together.
    """

    def __init__(self) -> None:
        self._whose = blake2b(digest_size=16)
        self._bodies = blake2b(digest_size=16)

    def add(self, whose: Iterable[Iterable[str]], bodies: Iterable[bytes]) -> str:
        """Add events, and tell the digest to their end."""
        self._whose.update("\n".join(["", *map("\0".join, whose)]).encode())
        self._bodies.update(b"".join(bodies))
        both = self._whose.digest() + self._bodies.digest()
        return blake2b(both, digest_size=16).hexdigest()
