"""History that is looked at now and then holds, at each look, what the whole history says of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.clock import to_us
from domain.identifiers import AccountId, LeadId
from domain.ports import LeadRef
from signals.identifiers.rules import IdentityRules
from signals.ingest.split_lead import separate
from signals.replay.replay import Replay
from signals.replay.snapshot_schedule import SnapshotSchedule
from tests.doubles import RowsSink
from tests.features.events import BEGIN, Draft, signal_of, some_marked
from tests.features.slow import Log
from tests.signals.planes import DEFINITION, Plane, open_plane

MINUTE = 60_000_000
Stands = dict[str, tuple[str, bool, str, Any, Any]]
Split = tuple[int, int]
"""When somebody decides to split a lead, and by what chance which."""

identifiers = st.one_of(
    st.tuples(st.just("cookie"), st.sampled_from("abc")),
    st.tuples(st.just("device"), st.sampled_from("mn")),
    st.tuples(st.just("email"), st.sampled_from(["x@one.com", "y@one.com", "z@two.org"])),
    st.tuples(st.just("crm_id"), st.sampled_from("123")),
    st.tuples(st.just("user_id"), st.sampled_from("uv")),
    st.tuples(st.just("account_id"), st.sampled_from("AB")),
)
whoever = st.lists(identifiers, min_size=1, max_size=3).map(
    lambda who: who if any(kind != "account_id" for kind, _ in who) else [*who, ("cookie", "a")]
)
drafts = st.tuples(
    st.integers(0, 2_000), st.sampled_from([0, 0, 0, 1, 60, 1_000]), whoever, some_marked
)
splits = st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 1_000)), max_size=2)
TIGHT = IdentityRules(neighbours=2, lead={"crm_id": 2, "user_id": 2, "email": 2, "phone": 2})
protections = st.sampled_from([None, TIGHT])
VIEW = ("web.page_viewed", {"page": "docs"})


@contextmanager
def planed(
    events: Sequence[Draft], decided: Sequence[Split], protections: IdentityRules | None
) -> Iterator[tuple[Plane, list[int]]]:
    """A plane that holds these events, with the moments at which they became known."""
    signals = sorted(
        (signal_of(draft, f"e{n}") for n, draft in enumerate(events)), key=lambda s: s.known_us()
    )
    with TemporaryDirectory() as folder:
        plane, at = open_plane(Path(folder), rules=protections), 0
        for minute, chance in [*sorted(decided), (1 << 20, 0)]:
            moment = to_us(BEGIN + timedelta(minutes=minute))
            known = [s for s in signals[at:] if s.known_us() <= moment]
            plane.accept(known)
            at += len(known)
            if at < len(signals):
                split(plane, moment, Random(chance))
        yield plane, [s.known_us() for s in signals]
        plane.engine.dispose()


def split(plane: Plane, moment_us: int, random: Random) -> None:
    leads: dict[str, list[str]] = {}
    for key, lead in sorted(plane.partition().items()):
        leads.setdefault(lead, []).append(key)
    able = sorted(lead for lead, keys in leads.items() if len(keys) > 1)
    if able:
        lead = random.choice(able)
        apart = random.sample(leads[lead], random.randint(1, len(leads[lead]) - 1))
        separate(plane.signals, LeadRef(LeadId(lead), AccountId("")), set(apart), "why", moment_us)


class Told:
    """What a replay told."""

    def __init__(self, plane: Plane, looks: SnapshotSchedule | None, chunk: int) -> None:
        self._leads, self._accounts = RowsSink(), RowsSink()
        replay = Replay(plane.signals, self._leads, self._accounts, looks=looks)
        self.journeys = replay.run(plane.parts(chunk))

    def at(self, moment_us: int) -> Stands:
        """Each lead alive: its account, whether it is known, what it is now, both states."""
        return {
            span.lead_id: (
                account := span.account_at(moment_us),
                span.known_us <= moment_us,
                span.final,
                last(self._leads, span.lead_id, moment_us),
                last(self._accounts, account, moment_us) if account else None,
            )
            for span in self.journeys.spans.values()
            if span.born_us <= moment_us < span.ended_us
        }


def last(sink: RowsSink, entity: str, moment_us: int) -> tuple[Any, tuple[str, ...]] | None:
    rows = [row for row in sink.rows if row[0] == entity and row[1] <= moment_us]
    return (rows[-1][2], rows[-1][3]) if rows else None


def same(one: Stands, other: Stands) -> bool:
    assert one.keys() == other.keys()
    for lead, (*plain, state, account) in one.items():
        *looked, its_state, its_account = other[lead]
        assert plain == looked
        for held, wanted in ((its_state, state), (its_account, account)):
            assert (held is None) == (wanted is None)
            if held is not None and wanted is not None:
                np.testing.assert_allclose(held[0], wanted[0], rtol=1e-9, atol=1e-9)
                assert held[1] == wanted[1]
    return True


@pytest.mark.slow
@limits(max_examples=40, deadline=None)
@given(
    st.lists(drafts, min_size=1, max_size=20),
    splits,
    protections,
    st.sampled_from([10, 60, 600, 4_000]),
    st.sampled_from([1, 3, 20_000]),
    st.sampled_from([0, 1, 300]),
)
def test_at_each_look_stands_what_the_whole_history_says(
    events: list[Draft],
    decided: list[Split],
    protections: IdentityRules | None,
    step: int,
    chunk: int,
    after: int,
) -> None:
    with planed(events, decided, protections) as (plane, known_us):
        looks = SnapshotSchedule(step * MINUTE, known_us[0] + after * MINUTE)
        whole, looked = Told(plane, None, 20_000), Told(plane, looks, chunk)
    assert looked.journeys.outcomes == whole.journeys.outcomes
    assert looked.journeys.log_hash == whole.journeys.log_hash
    moment = known_us[0] + after * MINUTE
    while moment <= known_us[-1] + step * MINUTE:
        assert same(whole.at(moment), looked.at(moment))
        moment += step * MINUTE


def joined(accounts: str) -> list[Draft]:
    """Three leads of an account each, then an event that says they are one."""
    users = [("user_id", f"u{n}") for n in range(len(accounts))]
    events: list[Draft] = [
        (10 + n, 0, [("account_id", account), users[n]], VIEW) for n, account in enumerate(accounts)
    ]
    return [*events, (30, 0, [*users, ("crm_id", "2")], VIEW)]


LIVES_AGAIN: list[Draft] = [
    (10, 0, [("email", "y@one.com"), ("email", "z@two.org")], VIEW),
    (20, 0, [("device", "m"), ("email", "z@two.org"), ("cookie", "a")], VIEW),
]


@pytest.mark.parametrize(
    "looks", [None, SnapshotSchedule(15 * MINUTE), SnapshotSchedule(60 * MINUTE)]
)
@pytest.mark.parametrize(
    ("events", "protections"),
    [
        (joined("ABC"), None),
        (joined("BCA"), None),
        (joined("CAB"), None),
        (LIVES_AGAIN, TIGHT),
    ],
)
def test_accounts_are_those_of_the_slow_reference(
    events: list[Draft],
    protections: IdentityRules | None,
    looks: SnapshotSchedule | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Leads that end in one bring their accounts; a lead that lives again has one again."""
    if protections is not None:
        monkeypatch.setattr("tests.features.slow.ResolutionLimits", lambda: protections.protections)
    with planed(events, [], protections) as (plane, known_us):
        told = Told(plane, looks, 20_000).at(known_us[-1])
        log = Log.read(DEFINITION, plane.engine)
    wanted = {lead: log.account(lead, known_us[-1]) for lead in log.people(known_us[-1])}
    assert {lead: account for lead, (account, *_) in told.items()} == wanted
    assert any(wanted.values())
