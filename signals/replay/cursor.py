"""A cursor over a part of the log that is folded into states run by run."""

from bisect import bisect_left
from collections.abc import Iterator

from domain.state import Events, Index
from signals.replay.identity_history import EventSpan
from signals.replay.log_reader import Part
from signals.store.feature_states import AttributeWrite


class LogCursor:
    """How far a part of the log is folded: the next event, text and anchor."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.known_us: list[int] = part.known_us.tolist()
        self.end = len(part.sets)
        self.folded = 0
        self._texts = 0
        self._anchors = 0

    def first_at(self, moment_us: int) -> int:
        """The first event that became known at a moment or later."""
        return bisect_left(self.known_us, moment_us)

    def before(self, place: int) -> EventSpan:
        """The events before a place."""
        return EventSpan(self.part.sequences[:place], self.part.sets[:place])

    def texts(self, end: int) -> Iterator[tuple[int, int, AttributeWrite]]:
        """The next texts written by events before `end`, as (event, attribute, write)."""
        part_texts, events = self.part.texts, self.part.events
        while self._texts < len(part_texts) and part_texts[self._texts][0] < end:
            at, attribute, value = part_texts[self._texts]
            self._texts += 1
            yield at, attribute, (float(events.times[at]), float(events.ties[at]), value)

    def anchors(self, end: int) -> Iterator[int]:
        """The next anchors before `end`."""
        while self._anchors < len(self.part.anchors) and self.part.anchors[self._anchors] < end:
            self._anchors += 1
            yield self.part.anchors[self._anchors - 1]


def between(events: Events, begin: int, end: int, rows: Index) -> Events:
    """Some events, with their rows."""
    return events._replace(
        rows=rows,
        times=events.times[begin:end],
        ties=events.ties[begin:end],
        starts=events.starts[begin : end + 1],
        number_starts=events.number_starts[begin : end + 1],
    )
