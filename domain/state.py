"""Feature state: a commutative monoid in a fixed-width vector of float64.

`empty` is all zeros, `fold` adds events, `merge` joins two states. The result depends on the set
of events alone, not on their order or grouping (sums within float tolerance, the rest exactly).
Sums are not idempotent: duplicates are stopped at the log.

The vector, for F families, H half-lives and A numeric attributes:

    0         events counted
    1, 2      first and last event, seconds since 1970 (0: none)
    3, 4      the newest active day (day number), and a bit for each of the 52 days up to it
    5 ..      the last 5 events, newest first: time, tie-break, 1 + family
    20 ..     per family: count, last time, sum of values, H decayed counts (as of its last time)
    then      per numeric attribute: time, tie-break, value of the last write

`fold` and `merge_into` are plain loops over arrays: readable as they stand, and compiled as they
stand by numba in `signals.kernel`. That is one definition for stream, bulk and rebuild.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.definition import FeatureDefinition

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Index = NDArray[np.int64]

COUNT, FIRST, LAST, DAY, DAY_BITS = range(5)
SEQUENCE = 5
SEQUENCE_LENGTH = 5
FAMILIES = SEQUENCE + 3 * SEQUENCE_LENGTH
FAMILY_COUNT, FAMILY_LAST, FAMILY_SUM, FAMILY_DECAYED = range(4)
ACTIVE_DAYS = 52
"""As many bits as a float64 holds exactly."""

PEOPLE = 16
"""How many of an account's people have their last event kept beside the account's state."""

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand in the vector."""

    families: int
    half_lives: int
    numbers: int

    @property
    def family_width(self) -> int:
        """Slots of one family."""
        return FAMILY_DECAYED + self.half_lives

    @property
    def numbers_at(self) -> int:
        """The first slot of the numeric attributes."""
        return FAMILIES + self.families * self.family_width

    @property
    def width(self) -> int:
        """Slots in all."""
        return self.numbers_at + 3 * self.numbers

    @property
    def account_width(self) -> int:
        """Slots of an account: its people's merged state, how many they are, their last events."""
        return self.width + 1 + PEOPLE


def layout_of(definition: FeatureDefinition) -> Layout:
    """The layout that a definition asks for."""
    return Layout(
        families=len(definition.families),
        half_lives=len(definition.half_lives_days),
        numbers=len(definition.numbers),
    )


def half_lives_of(definition: FeatureDefinition) -> Vector:
    """The half-lives, in seconds."""
    return np.array(definition.half_lives_days, dtype=np.float64) * SECONDS_PER_DAY


def empty(layout: Layout, rows: int) -> Matrix:
    """States [rows, width] that have seen nothing."""
    return np.zeros((rows, layout.width))


def event_digest(source: str, event_id: str) -> bytes:
    """12 bytes that stand for an event wherever it is seen."""
    return blake2b(f"{source}\0{event_id}".encode(), digest_size=12).digest()


def tie_of(digest: bytes) -> float:
    """A number in [1, 2**52], by an event's digest, that orders events of the same moment."""
    return float((int.from_bytes(digest[:8], "big") >> 12) + 1)


def tie_break(source: str, event_id: str) -> float:
    """`tie_of` an event's digest."""
    return tie_of(event_digest(source, event_id))


class Events(NamedTuple):
    """Events as columns, one row of `rows`, `times`, `ties` each.

    Event i happened at `times[i]` (seconds) to state `rows[i]`; it counts in the families
    `families[starts[i]:starts[i + 1]]` with the `values` beside them, and writes the numeric
    attributes whose triples begin at `number_slots[number_starts[i]:number_starts[i + 1]]`.
    Its first family is its step in the sequence.
    """

    rows: Index
    times: Vector
    ties: Vector
    starts: Index
    families: Index
    values: Vector
    number_starts: Index
    number_slots: Index
    number_values: Vector


def fold(states: Matrix, events: Events, begin: int, end: int, half_lives: Vector) -> None:
    """Add events `begin` to `end` (not included) to states [rows, width], in place."""
    lives = half_lives.shape[0]
    width = FAMILY_DECAYED + lives
    for i in range(begin, end):
        state = states[events.rows[i]]
        t = events.times[i]
        state[COUNT] += 1.0
        if state[FIRST] == 0.0 or t < state[FIRST]:
            state[FIRST] = t
        state[LAST] = max(state[LAST], t)
        _mark_day(state, np.floor(t / SECONDS_PER_DAY), 1)
        if events.starts[i] < events.starts[i + 1]:
            _insert_step(state, t, events.ties[i], events.families[events.starts[i]] + 1.0)
        for j in range(events.starts[i], events.starts[i + 1]):
            at = FAMILIES + events.families[j] * width
            before = state[at + FAMILY_LAST]
            reference = max(before, t)
            for h in range(lives):
                slot = at + FAMILY_DECAYED + h
                aged = state[slot] * 2.0 ** ((before - reference) / half_lives[h])
                state[slot] = aged + 2.0 ** ((t - reference) / half_lives[h])
            state[at + FAMILY_COUNT] += 1.0
            state[at + FAMILY_LAST] = reference
            state[at + FAMILY_SUM] += events.values[j]
        for j in range(events.number_starts[i], events.number_starts[i + 1]):
            at = events.number_slots[j]
            if (t, events.ties[i]) > (state[at], state[at + 1]):
                state[at] = t
                state[at + 1] = events.ties[i]
                state[at + 2] = events.number_values[j]


def merge_into(a: Vector, b: Vector, half_lives: Vector, families: int) -> None:
    """Make `a` the state of the events of both, in place; `b` is left alone."""
    lives = half_lives.shape[0]
    width = FAMILY_DECAYED + lives
    a[COUNT] += b[COUNT]
    if a[FIRST] == 0.0 or (b[FIRST] != 0.0 and b[FIRST] < a[FIRST]):
        a[FIRST] = b[FIRST]
    a[LAST] = max(a[LAST], b[LAST])
    if b[DAY_BITS] != 0.0:
        _mark_day(a, b[DAY], np.int64(b[DAY_BITS]))
    for k in range(SEQUENCE_LENGTH):
        step = SEQUENCE + 3 * k
        if b[step] != 0.0:
            _insert_step(a, b[step], b[step + 1], b[step + 2])
    for f in range(families):
        at = FAMILIES + f * width
        if b[at + FAMILY_COUNT] == 0.0:
            continue
        reference = max(a[at + FAMILY_LAST], b[at + FAMILY_LAST])
        for h in range(lives):
            slot = at + FAMILY_DECAYED + h
            mine = a[slot] * 2.0 ** ((a[at + FAMILY_LAST] - reference) / half_lives[h])
            a[slot] = mine + b[slot] * 2.0 ** ((b[at + FAMILY_LAST] - reference) / half_lives[h])
        a[at + FAMILY_COUNT] += b[at + FAMILY_COUNT]
        a[at + FAMILY_LAST] = reference
        a[at + FAMILY_SUM] += b[at + FAMILY_SUM]
    for at in range(FAMILIES + families * width, a.shape[0], 3):
        if (b[at], b[at + 1]) > (a[at], a[at + 1]):
            a[at : at + 3] = b[at : at + 3]


def _mark_day(state: Vector, day: float, bits: int | np.int64) -> None:
    """Add active days: bit k of `bits` is the day `day - k`."""
    held = np.int64(state[DAY_BITS])
    shift = np.int64(day - state[DAY])
    if held == 0:
        newest, both = day, np.int64(bits)
    elif shift >= 0:
        newest = day
        both = np.int64(bits) | (held << shift if shift < ACTIVE_DAYS else 0)
    else:
        newest = state[DAY]
        both = held | (np.int64(bits) << -shift if -shift < ACTIVE_DAYS else 0)
    state[DAY] = newest
    state[DAY_BITS] = float(both & ((np.int64(1) << ACTIVE_DAYS) - 1))


def _insert_step(state: Vector, t: float, tie: float, code: float) -> None:
    """Keep the newest steps, ordered by time, then tie-break."""
    for k in range(SEQUENCE_LENGTH):
        at = SEQUENCE + 3 * k
        if (t, tie) > (state[at], state[at + 1]):
            for m in range(SEQUENCE_LENGTH - 1, k, -1):
                to = SEQUENCE + 3 * m
                state[to : to + 3] = state[to - 3 : to]
            state[at] = t
            state[at + 1] = tie
            state[at + 2] = code
            return
