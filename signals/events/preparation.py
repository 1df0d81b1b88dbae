"""All that can be done to documents before anything is known of the log."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from domain.findings import QualityFinding, QualityFindings
from domain.signals import Counts
from signals.events.event_columns import EventColumns, arrivals, joined
from signals.events.feature_matching import Matcher
from signals.events.validation import EventValidator
from signals.quality.statistics import BatchStatistics, Fields, Stats, observe
from signals.store.quarantine import Rejected


class PreparedDocuments(NamedTuple):
    """Documents read and checked: what may be committed, what not, and what the gates saw.

    `places` are the accepted events' places among the documents, where those are still at hand;
    `stats` are theirs.
    """

    arrivals: EventColumns
    places: list[int]
    refused: list[Rejected]
    stats: Stats
    findings: dict[QualityFinding, int]


class Preparer:
    """Reads documents and matches them. Knows no database, so it may live in another process."""

    def __init__(self, reader: EventValidator, matcher: Matcher, fields: Fields) -> None:
        self.reader = reader
        self.matcher = matcher
        self._fields = fields

    def prepare(self, documents: Sequence[tuple[int, bytes]], origin: str) -> PreparedDocuments:
        """Read (line, document) pairs."""
        findings = QualityFindings()
        accepted, refused = self.reader.read_all(documents, origin, findings)
        return PreparedDocuments(
            arrivals(accepted, self.matcher),
            _accepted_places(documents, refused),
            refused,
            observe([a.signal for a in accepted], (), self._fields),
            dict(findings.counts()),
        )


def _accepted_places(
    documents: Sequence[tuple[int, bytes]], refused: Sequence[Rejected]
) -> list[int]:
    """Where the accepted documents stand. One line of a table may make several documents."""
    bad = iter(refused)
    following = next(bad, None)
    places = []
    for i, (_, document) in enumerate(documents):
        if following is not None and following.body is document:
            following = next(bad, None)
        else:
            places.append(i)
    return places


def together(parts: Sequence[PreparedDocuments]) -> PreparedDocuments:
    """Documents that were prepared in parts, as one batch."""
    if len(parts) == 1:
        return parts[0]
    stats: Stats = {}
    findings: Counter[QualityFinding] = Counter()
    for part in parts:
        findings.update(part.findings)
        for about, statistics in part.stats.items():
            stats.setdefault(about, BatchStatistics()).add(statistics)
    return PreparedDocuments(
        joined([part.arrivals for part in parts]),
        [],
        [one for part in parts for one in part.refused],
        stats,
        dict(findings),
    )


def size_of(part: PreparedDocuments) -> int:
    """How many documents a part was made of."""
    return len(part.arrivals.keys) + len(part.refused)


def counted(
    parts: Sequence[PreparedDocuments],
    places: Sequence[int],
    kept: Sequence[int],
    cured: Sequence[int],
) -> list[Counts]:
    """What became of each part's documents.

    `places`, ascending, are those of all parts' events that were new, `cured`, ascending, those of
    events by which something left quarantine; `kept` says how many of each part's refused
    documents were new.
    """
    ends = np.cumsum([len(part.arrivals.keys) for part in parts])
    accepted, left = (
        np.diff(np.searchsorted(np.array(those), ends), prepend=0) for those in (places, cured)
    )
    return [
        Counts(
            received=(received := size_of(part)),
            accepted=int(new),
            duplicates=received - int(new) - already,
            quarantined=already,
            cured=int(left_out),
        )
        for part, new, already, left_out in zip(parts, accepted, kept, left, strict=True)
    ]


def without_bodies(prepared: PreparedDocuments) -> PreparedDocuments:
    """The same, lighter to send; `with_bodies` gives them back."""
    return prepared._replace(arrivals=prepared.arrivals._replace(bodies=[]))


def with_bodies(
    prepared: PreparedDocuments, documents: Sequence[tuple[int, bytes]]
) -> PreparedDocuments:
    """The same, its bodies taken from the documents that it was made of."""
    bodies = [documents[i][1] for i in prepared.places]
    return prepared._replace(arrivals=prepared.arrivals._replace(bodies=bodies))
