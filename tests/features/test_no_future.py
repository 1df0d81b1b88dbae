"""Nothing that became known after a moment changes what history says of that moment."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.clock import to_us
from domain.signals import Signal
from domain.state import Matrix
from feature_repo.features import categories, numbers
from signals.replay.replay import Replay
from signals.replay.snapshot_schedule import SnapshotSchedule
from tests.doubles import RowsSink
from tests.features.events import BEGIN, Draft, drafts, signal_of
from tests.features.slow import Log
from tests.signals.planes import DEFINITION, open_plane

Said = dict[str, tuple[list[float], list[str]]]
_A = [("email", "x@one.com")]
_B = [("email", "y@one.com")]
_VIEW = ("web.page_viewed", {"page": "docs"})


def said(
    signals: Sequence[Signal], moment_us: int, looks: SnapshotSchedule | None = None
) -> tuple[Said, Said]:
    """The features of every lead at a moment: by the replay of all signals, and slowly."""
    with TemporaryDirectory() as folder:
        plane = open_plane(Path(folder))
        plane.accept(signals)
        leads, accounts = RowsSink(), RowsSink()
        journeys = Replay(plane.signals, leads, accounts, looks=looks).run(plane.parts())
        log = Log.read(DEFINITION, plane.engine)
        plane.engine.dispose()
    fast: Said = {}
    for span in journeys.spans.values():
        if span.born_us <= moment_us < span.ended_us:
            state, texts = last(leads, span.lead_id, moment_us, log.layout.width)
            account, _ = last(
                accounts, span.account_at(moment_us), moment_us, log.layout.account_width
            )
            named = numbers(DEFINITION, state, account, np.array([moment_us / 1e6]))[0]
            fast[span.lead_id] = (named.tolist(), categories(DEFINITION, state, [texts])[0])
    slow: Said = {}
    for lead in log.people(moment_us):
        named, held = log.features(lead, moment_us)
        slow[lead] = (named.tolist(), held)
    return fast, slow


def last(sink: RowsSink, entity: str, moment_us: int, width: int) -> tuple[Matrix, list[str]]:
    """What a point-in-time join would find."""
    rows = [row for row in sink.rows if row[0] == entity and row[1] <= moment_us]
    if not rows:
        return np.zeros((1, width)), [""] * (len(DEFINITION.texts) + 1)
    newest = max(rows, key=lambda row: row[1])
    return newest[2][None, :], list(newest[3])


def assert_same(a: Said, b: Said) -> None:
    assert a.keys() == b.keys()
    for lead, (named, texts) in a.items():
        np.testing.assert_allclose(named, b[lead][0], rtol=1e-9, atol=1e-9)
        assert texts == b[lead][1]


@pytest.mark.slow
@limits(max_examples=20)
@given(
    st.lists(drafts, min_size=1, max_size=14),
    st.lists(drafts, max_size=14),
    st.integers(0, 45 * 24 * 60),
)
@example([(10, 0, _A, _VIEW), (30, 0, _B, _VIEW)], [], 20)
@example([(10, 0, _A, _VIEW), (30, 0, [("cookie", "a")], _VIEW), (40, 0, _B, _VIEW)], [], 35)
def test_events_that_come_later_change_nothing(
    events: list[Draft], others: list[Draft], minute: int
) -> None:
    """Deleted, or put in place of others: what was known at the moment says the same."""
    moment = BEGIN + timedelta(minutes=minute)
    signals = [signal_of(d, f"a{i}") for i, d in enumerate(events)]
    known = [s for s in signals if s.known_us() <= to_us(moment)]
    later = [
        s for i, d in enumerate(others) if (s := signal_of(d, f"b{i}")).known_us() > to_us(moment)
    ]
    whole, slow = said(signals, to_us(moment))
    assert_same(whole, slow)
    assert_same(whole, said(known, to_us(moment))[0])
    assert_same(whole, said([*known, *later], to_us(moment))[0])
    # written only as of the moments that are looked at, this one among them
    day = 24 * 60 * 60 * 1_000_000
    looks = SnapshotSchedule(2 * day, to_us(moment) - 4 * day)
    assert_same(whole, said(signals, to_us(moment), looks)[0])
    assert_same(whole, said([*known, *later], to_us(moment), looks)[0])
