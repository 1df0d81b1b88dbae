"""Requests that wait for one transaction share it, and each hears what became of its own."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from domain.errors import Refused, Unavailable
from domain.signals import Counts
from signals.events import event_log
from signals.events.event_columns import EventColumns
from signals.events.preparation import PreparedDocuments, size_of
from signals.ingest.group_commit import MOST, GroupCommit
from tests.signals.planes import assert_same, open_plane
from tests.signals.totals import read_totals

GOOD = (
    b'{"id":"%d","source":"test","type":"web.page_viewed","time":"2026-01-01T00:00:00Z",'
    b'"identifiers":{"user_id":"u%d","email":"u%d@firm%d.com"},"data":{"page":"/"}}'
)


def event(number: int) -> bytes:
    return GOOD % (number, number % 40, number % 40, number % 7)


def requests() -> list[list[bytes]]:
    """Forty requests; each shares events with the next, holds one twice and one that is broken."""
    made = []
    for start in range(0, 400, 10):
        documents = [event(n) for n in range(start, start + 15)]
        made.append([*documents, documents[0], b"not JSON %d" % start])
    return made


def test_many_threads_leave_what_one_leaves(tmp_path: Path) -> None:
    asked = requests()
    alone, shared = open_plane(tmp_path, "alone.db"), open_plane(tmp_path, "shared.db")
    for documents in asked:
        alone.ingest.accept(documents, "test")
    with ThreadPoolExecutor(8) as threads:
        heard = list(threads.map(lambda d: shared.ingest.accept(d, "test"), asked))
    assert_same(alone, shared)
    total = read_totals(shared.engine)
    assert sum(heard, Counts()) == total == read_totals(alone.engine)
    assert (
        event_log.stored_counts(shared.engine) == (total.accepted, total.quarantined) == (405, 40)
    )
    for documents, counts in zip(asked, heard, strict=True):
        assert counts.received == len(documents)
        assert counts.received == counts.accepted + counts.duplicates + counts.quarantined
        assert counts.quarantined == 1


def part_of(size: int) -> PreparedDocuments:
    arrivals = EventColumns([""] * size, [], [], [], [], None, None, [])  # type: ignore[arg-type]
    return PreparedDocuments(arrivals, [], [], {}, {})


class Slow:
    """A commit that lets others gather: the first waits until it is told to go on."""

    def __init__(
        self, then: Callable[[Sequence[PreparedDocuments]], None] = lambda _: None
    ) -> None:
        self.companies: list[list[int]] = []
        self.begun, self.go = threading.Event(), threading.Event()
        self._then = then

    def __call__(self, parts: Sequence[PreparedDocuments]) -> list[Counts]:
        self.companies.append([size_of(part) for part in parts])
        if not self.begun.is_set():
            self.begun.set()
            assert self.go.wait(10)
        else:
            self._then(parts)
        return [Counts(received=size_of(part)) for part in parts]


def gathered(slow: Slow, sizes: Sequence[int]) -> list[Counts | Exception]:
    """What each part heard, where all but the first came while the first was being committed."""
    turns = GroupCommit(slow)

    def ask(size: int) -> Counts | Exception:
        try:
            return turns.commit(part_of(size))
        except Exception as bad:
            return bad

    with ThreadPoolExecutor(len(sizes)) as threads:
        first = threads.submit(ask, sizes[0])
        assert slow.begun.wait(10)
        others = [threads.submit(ask, size) for size in sizes[1:]]
        while len(turns._waiting) < len(others):
            threading.Event().wait(0.005)
        slow.go.set()
        return [first.result(), *(other.result() for other in others)]


def test_those_who_wait_are_committed_together_up_to_a_bound() -> None:
    slow = Slow()
    heard = gathered(slow, [1, 2, 3, 4, MOST, 5])
    assert [h.received for h in heard if isinstance(h, Counts)] == [1, 2, 3, 4, MOST, 5]
    assert slow.companies[0] == [1]
    assert sorted(size for company in slow.companies for size in company) == [1, 2, 3, 4, 5, MOST]
    assert all(len(company) == 1 or sum(company) <= MOST for company in slow.companies)
    assert len(slow.companies) < 6


def test_a_gate_that_refuses_one_refuses_no_other() -> None:
    def gate(parts: Sequence[PreparedDocuments]) -> None:
        if any(size_of(part) == 3 for part in parts):
            raise Refused("stopped", rule="volume")

    heard = gathered(Slow(gate), [1, 2, 3, 4])
    assert [type(h) for h in heard] == [Counts, Counts, Refused, Counts]


def test_a_database_that_is_away_is_away_for_all_and_asked_once() -> None:
    def away(_: Sequence[PreparedDocuments]) -> None:
        raise Unavailable("away", rule="test")

    slow = Slow(away)
    heard = gathered(slow, [1, 2, 3])
    assert [type(h) for h in heard] == [Counts, Unavailable, Unavailable]
    assert len(slow.companies) == 2


@pytest.mark.parametrize("sizes", [[1], [1, 1]])
def test_after_a_failure_the_next_goes_on(sizes: list[int]) -> None:
    calls = []

    def once(parts: Sequence[PreparedDocuments]) -> list[Counts]:
        calls.append(len(parts))
        if len(calls) == 1:
            raise Unavailable("away", rule="test")
        return [Counts(received=size_of(part)) for part in parts]

    turns = GroupCommit(once)
    with pytest.raises(Unavailable):
        turns.commit(part_of(1))
    for size in sizes:
        assert turns.commit(part_of(size)).received == size


def test_nobody_waits_for_ever_for_one_that_is_told_to_stop() -> None:
    class Stopped(BaseException):
        pass

    def stop(_: Sequence[PreparedDocuments]) -> None:
        raise Stopped

    slow = Slow(stop)
    turns = GroupCommit(slow)
    heard: list[str] = []

    def ask() -> None:
        try:
            turns.commit(part_of(1))
        except BaseException as bad:
            heard.append(type(bad).__name__)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    threads[0].start()
    assert slow.begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(turns._waiting) < 3:
        threading.Event().wait(0.005)
    slow.go.set()
    for thread in threads:
        thread.join(10)
    assert sorted(heard) == ["Stopped", "Unavailable", "Unavailable"]
