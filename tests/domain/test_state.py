"""The state is a commutative monoid, and the compiled algebra is the plain one."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain import state as slots
from domain.state import Events, Layout, Vector, empty, fold, mark_of, merge_into
from signals.store import state_kernels

LAYOUT = Layout(families=3, half_lives=2, numbers=2, sets=2)
LIVES = np.array([1.0, 7.0]) * 86_400
Event = tuple[float, float, tuple[int, ...], float]

event = st.tuples(
    st.integers(1_700_000_000, 1_700_000_000 + 90 * 86_400).map(float),
    st.integers(1, 2**52).map(float),
    st.sets(st.integers(0, 2), max_size=2).map(lambda s: tuple(sorted(s))),
    st.integers(-5, 5).map(float),
)
streams = st.lists(event, max_size=25, unique_by=lambda e: e[1])


def columns(events: Sequence[Event]) -> Events:
    starts = np.cumsum([0, *(len(e[2]) for e in events)])
    cells = [cells_of(e[3]) for e in events]
    return Events(
        rows=np.zeros(len(events), np.int64),
        times=np.array([e[0] for e in events]),
        ties=np.array([e[1] for e in events]),
        starts=starts,
        families=np.array([f for e in events for f in e[2]], np.int64),
        values=np.array([e[3] for e in events for _ in e[2]]),
        number_starts=np.cumsum([0, *(len(c) for c in cells)]),
        number_slots=np.array([slot for c in cells for slot, _ in c], np.int64),
        number_values=np.array([value for c in cells for _, value in c], np.float64),
    )


def cells_of(number: float) -> list[tuple[int, float]]:
    """A number that is not negative is written to an attribute; a set sees any other than 0."""
    found = []
    if number > 0:
        found.append((LAYOUT.numbers_at + 3 * (int(number) % 2), number))
    if number:
        word, bit = mark_of(str(number))
        found.append((-(LAYOUT.sets_at + 3 * (int(number) % 2) + word), bit))
    return found


def folded(events: Sequence[Event]) -> Vector:
    states = empty(LAYOUT, 1)
    fold(states, columns(events), 0, len(events), LIVES)
    state: Vector = states[0]
    return state


def merged(a: Vector, b: Vector) -> Vector:
    out = a.copy()
    merge_into(out, b, LIVES, LAYOUT.families)
    return out


def same(a: Vector, b: Vector) -> None:
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@given(streams, st.randoms())
def test_the_order_of_events_does_not_matter(events: list[Event], random: object) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    same(folded(events), folded(shuffled))


@given(streams, st.integers(0, 25))
def test_any_grouping_gives_the_same(events: list[Event], cut: int) -> None:
    same(folded(events), merged(folded(events[:cut]), folded(events[cut:])))
    same(folded(events), merged(folded(events[cut:]), folded(events[:cut])))


@given(streams, streams, streams)
def test_merging_is_associative(a: list[Event], b: list[Event], c: list[Event]) -> None:
    x, y, z = folded(a), folded(b), folded(c)
    same(merged(merged(x, y), z), merged(x, merged(y, z)))


@given(streams)
def test_empty_changes_nothing(events: list[Event]) -> None:
    nothing = empty(LAYOUT, 1)[0]
    same(folded(events), merged(folded(events), nothing))
    same(folded(events), merged(nothing, folded(events)))


@given(streams)
def test_sets_and_last_writes_are_idempotent_where_sums_are_not(events: list[Event]) -> None:
    once = folded(events)
    twice = merged(once, once)
    np.testing.assert_array_equal(once[LAYOUT.numbers_at :], twice[LAYOUT.numbers_at :])
    assert twice[slots.COUNT] == 2 * once[slots.COUNT]


@limits(max_examples=60)
@given(streams, streams)
def test_the_compiled_algebra_is_the_plain_one(a: list[Event], b: list[Event]) -> None:
    compiled = empty(LAYOUT, 2)
    for row, events in enumerate((a, b)):
        own = columns(events)
        moved = own._replace(rows=np.full(len(events), row, np.int64))
        state_kernels.fold(compiled, moved, 0, len(events), LIVES)
    np.testing.assert_array_equal(compiled[0], folded(a))
    state_kernels.merge_into(compiled[0], compiled[1], LIVES, LAYOUT.families)
    np.testing.assert_allclose(compiled[0], merged(folded(a), folded(b)), rtol=1e-12)


@given(streams)
def test_what_is_kept_is_what_an_obvious_count_gives(events: list[Event]) -> None:
    held = folded(events)
    assert held[slots.COUNT] == len(events)
    if not events:
        return
    assert held[slots.FIRST] == min(e[0] for e in events)
    assert held[slots.LAST] == max(e[0] for e in events)
    newest = max(e[0] for e in events) // 86_400
    days = {int(newest - e[0] // 86_400) for e in events}
    bits = sum(1 << d for d in days if d < slots.ACTIVE_DAYS)
    assert (held[slots.DAY], int(held[slots.DAY_BITS])) == (newest, bits)
    steps = sorted(((e[0], e[1], e[2][0] + 1.0) for e in events if e[2]), reverse=True)
    kept = held[slots.SEQUENCE : slots.FAMILIES].reshape(-1, 3)
    assert [tuple(row) for row in kept if row[0]] == steps[: slots.SEQUENCE_LENGTH]
    decayed = sum(0.5 ** ((held[slots.LAST] - e[0]) / LIVES[1]) for e in events)
    np.testing.assert_allclose(held[slots.INTENSITY], decayed, rtol=1e-9)
    for k in range(LAYOUT.sets):
        cell = held[LAYOUT.sets_at + 3 * k :][:3]
        marks = {mark_of(str(e[3])) for e in events if e[3] and int(e[3]) % 2 == k}
        assert cell.tolist() == [0.0, *(sum(b for w, b in marks if w == word) for word in (1, 2))]
    for f in range(LAYOUT.families):
        mine = [e for e in events if f in e[2]]
        at = slots.FAMILIES + f * LAYOUT.family_width
        assert held[at + slots.FAMILY_COUNT] == len(mine)
        assert held[at + slots.FAMILY_SUM] == sum(e[3] for e in mine)
        for h, life in enumerate(LIVES):
            last = max((e[0] for e in mine), default=0.0)
            decayed = sum(0.5 ** ((last - e[0]) / life) for e in mine)
            np.testing.assert_allclose(held[at + slots.FAMILY_DECAYED + h], decayed, rtol=1e-9)
