"""Feature state: a commutative monoid in a fixed-width vector of float64.

`empty` is all zeros, `fold` adds events, `merge` joins two states. The result depends on the set
of events alone, not on their order or grouping (sums within float tolerance, the rest exactly).
Sums are not idempotent: duplicates are stopped at the log.

The vector, for F families, H half-lives, A numeric attributes and S sets:

    0         events counted; the fraction counts those that actions of ours caused, by OWN_EVENT
    1, 2      first and last event, seconds since 1970 (0: none)
    3         decayed count of all events, as of the last one, at the middle half-life
    4, 5      the newest active day (day number), and a bit for each of the 52 days up to it
    6 ..      the last 5 events, newest first: time, tie-break, 1 + family
    21 ..     per family: count, last time, sum of values, H decayed counts (as of its last time)
    then      cells of three. Per numeric attribute: time, tie-break, value of the last write.
              Per set of distinct values: 0, and 2 words of 52 bits; the 0 tells it from a write

A set is a hashed bitmap (linear counting; Whang, Vander-Zanden and Taylor 1990): merging is OR, so
it is order-free, and twice the same value is once. Its standard error is 10% or less up to 200
distinct values; `LARGEST_SET` is the most that it can tell.

`fold` and `merge_into` are plain loops over arrays: readable as they stand, and compiled as they
stand by numba in `signals.store.state_kernels`. That is one definition for stream, bulk and
rebuild.
"""

from dataclasses import dataclass
from hashlib import blake2b
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.definition import FeatureDefinition

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Index = NDArray[np.int64]

COUNT, FIRST, LAST, INTENSITY, DAY, DAY_BITS = range(6)
SEQUENCE = 6
SEQUENCE_LENGTH = 5
FAMILIES = SEQUENCE + 3 * SEQUENCE_LENGTH
FAMILY_COUNT, FAMILY_LAST, FAMILY_SUM, FAMILY_DECAYED = range(4)
WORD = 52
"""As many bits as a float64 holds exactly."""

ACTIVE_DAYS = WORD
OWN_ACTION = -1
"""Stands first among the families of an event that an action of ours caused: it is no activity of
the lead's, and counts in the families after it alone."""

OWN_EVENT = 2.0**-20
"""What such an event adds to the events counted: that there is one, and no activity."""

CELL = 3
"""Slots of a numeric attribute's last write, or of a set."""

SET_BITS = (CELL - 1) * WORD
LARGEST_SET = SET_BITS * log(2 * SET_BITS)
"""How many distinct values a full set counts as: half a bit is taken to be free."""

PEOPLE = 16
"""How many of an account's people, the last seen, are kept beside the account's state."""

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand in the vector."""

    families: int
    half_lives: int
    numbers: int
    sets: int = 0

    @property
    def family_width(self) -> int:
        """Slots of one family."""
        return FAMILY_DECAYED + self.half_lives

    @property
    def numbers_at(self) -> int:
        """The first slot of the numeric attributes."""
        return FAMILIES + self.families * self.family_width

    @property
    def sets_at(self) -> int:
        """The first slot of the sets."""
        return self.numbers_at + CELL * self.numbers

    @property
    def width(self) -> int:
        """Slots in all."""
        return self.sets_at + CELL * self.sets

    @property
    def account_width(self) -> int:
        """Slots of an account.

        Its people's merged state; how many they are; the last events of `PEOPLE` of them, whole
        seconds; their intensities as of those.
        """
        return self.width + 1 + 2 * PEOPLE


def layout_of(definition: FeatureDefinition) -> Layout:
    """The layout that a definition asks for."""
    return Layout(
        families=len(definition.families),
        half_lives=len(definition.half_lives_days),
        numbers=len(definition.numbers),
        sets=len(definition.sets),
    )


def half_lives_of(definition: FeatureDefinition) -> Vector:
    """The half-lives, in seconds."""
    return np.array(definition.half_lives_days, dtype=np.float64) * SECONDS_PER_DAY


def empty(layout: Layout, rows: int) -> Matrix:
    """States [rows, width] that have seen nothing."""
    return np.zeros((rows, layout.width))


def intensities(states: Matrix, half_lives: Vector) -> Vector:
    """Decayed counts [n] of all events of states [n, width], as of the whole second of the last."""
    seconds = states[:, LAST] - np.floor(states[:, LAST])
    ahead: Vector = np.exp2(seconds / half_lives[len(half_lives) // 2])
    return states[:, INTENSITY] * ahead


def event_digest(source: str, event_id: str) -> bytes:
    """12 bytes that stand for an event wherever it is seen."""
    return blake2b(f"{source}\0{event_id}".encode(), digest_size=12).digest()


def tie_of(digest: bytes) -> float:
    """A number in [1, 2**52], by an event's digest, that orders events of the same moment."""
    return float((int.from_bytes(digest[:8], "big") >> 12) + 1)


def mark_of(value: str) -> tuple[int, float]:
    """Where a distinct value stands in a set: a word of its cell, and a power of two."""
    digest = blake2b(value.encode(), digest_size=8).digest()
    word, bit = divmod(int.from_bytes(digest, "big") % SET_BITS, WORD)
    return 1 + word, 2.0**bit


class Events(NamedTuple):
    """Events as columns, one row of `rows`, `times`, `ties` each.

    Event i happened at `times[i]` (seconds) to state `rows[i]`; it counts in the families
    `families[starts[i]:starts[i + 1]]` with the `values` beside them, and writes the numeric
    attributes whose cells begin at `number_slots[number_starts[i]:number_starts[i + 1]]`. Where
    such a slot is negative, the event adds a bit, the power of two beside it, to a set's word
    there. Its first family is its step in the sequence.
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
        first = events.starts[i]
        if first < events.starts[i + 1] and events.families[first] == OWN_ACTION:
            state[COUNT] += OWN_EVENT
            first += 1
        else:
            _count(state, t, half_lives[lives // 2])
            if first < events.starts[i + 1]:
                _insert_step(state, t, events.ties[i], events.families[first] + 1.0)
        for j in range(first, events.starts[i + 1]):
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
            if at < 0:
                state[-at] = float(np.int64(state[-at]) | np.int64(events.number_values[j]))
            elif (t, events.ties[i]) > (state[at], state[at + 1]):
                state[at] = t
                state[at + 1] = events.ties[i]
                state[at + 2] = events.number_values[j]


def caused_by_us(events: Events) -> NDArray[np.bool_]:
    """Which events [n] an action of ours caused: they are no activity of their leads'."""
    begins, ends = events.starts[:-1], events.starts[1:]
    first = np.append(events.families, 0)[begins]
    return np.asarray((begins < ends) & (first == OWN_ACTION))


def _count(state: Vector, t: float, life: float) -> None:
    """Count an event of the lead's at a moment, whatever its kind."""
    state[COUNT] += 1.0
    if state[FIRST] == 0.0 or t < state[FIRST]:
        state[FIRST] = t
    reference = max(state[LAST], t)
    aged = state[INTENSITY] * 2.0 ** ((state[LAST] - reference) / life)
    state[INTENSITY] = aged + 2.0 ** ((t - reference) / life)
    state[LAST] = reference
    _mark_day(state, np.floor(t / SECONDS_PER_DAY), 1)


def merge_into(a: Vector, b: Vector, half_lives: Vector, families: int) -> None:
    """Make `a` the state of the events of both, in place; `b` is left alone."""
    lives = half_lives.shape[0]
    width = FAMILY_DECAYED + lives
    a[COUNT] += b[COUNT]
    if a[FIRST] == 0.0 or (b[FIRST] != 0.0 and b[FIRST] < a[FIRST]):
        a[FIRST] = b[FIRST]
    if b[COUNT] != 0.0:
        reference = max(a[LAST], b[LAST])
        life = half_lives[lives // 2]
        mine = a[INTENSITY] * 2.0 ** ((a[LAST] - reference) / life)
        a[INTENSITY] = mine + b[INTENSITY] * 2.0 ** ((b[LAST] - reference) / life)
        a[LAST] = reference
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
    for at in range(FAMILIES + families * width, a.shape[0], CELL):
        _join_cell(a, b, at)


def _join_cell(a: Vector, b: Vector, at: int) -> None:
    """Keep the later of two writes, or the bits of both sets."""
    if b[at] != 0.0:
        if (b[at], b[at + 1]) > (a[at], a[at + 1]):
            a[at : at + CELL] = b[at : at + CELL]
        return
    for word in range(at + 1, at + CELL):
        if b[word] != 0.0:
            a[word] = float(np.int64(a[word]) | np.int64(b[word]))


def _mark_day(state: Vector, day: float, bits: int | np.int64) -> None:
    """Add active days: bit k of `bits` is the day `day - k`."""
    days = np.int64(state[DAY_BITS])
    shift = np.int64(day - state[DAY])
    if days == 0:
        newest, both = day, np.int64(bits)
    elif shift >= 0:
        newest = day
        both = np.int64(bits) | (days << shift if shift < ACTIVE_DAYS else 0)
    else:
        newest = state[DAY]
        both = days | (np.int64(bits) << -shift if -shift < ACTIVE_DAYS else 0)
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
