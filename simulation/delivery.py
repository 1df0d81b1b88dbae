"""Delivery: what arrives when, twice, late, broken or not at all."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from simulation.events import SimulatedEvents
from simulation.scenarios import Scenario
from simulation.seasons import DAY_MS, HOUR_MS
from simulation.vocabulary import SOURCES, SimulatedKind

LATE_MS = 60_000
"""A signal that becomes known this long after it happened counts as late."""


class Fault(IntEnum):
    """What is wrong with a record; none of the bad ones can be accepted."""

    NONE = 0
    BROKEN_JSON = 1
    MISSING_ID = 2
    UNKNOWN_TYPE = 3
    NO_ZONE = 4
    FAR_FUTURE = 5
    MISSING_FIELD = 6
    WRONG_TYPE = 7


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Events by time, and `order`: the row that each delivery brings, first to last."""

    events: SimulatedEvents
    order: NDArray[np.int32]

    @property
    def good(self) -> SimulatedEvents:
        """The events that can be accepted, each once."""
        return np.asarray(self.events[self.events["fault"] == Fault.NONE])


def known_ms(events: SimulatedEvents) -> NDArray[np.int64]:
    """When each event became known."""
    return np.asarray(np.maximum(events["time"], events["recorded"]))


def deliver(
    rng: np.random.Generator, happened: SimulatedEvents, scenario: Scenario, shift_ms: int
) -> Deliveries:
    """The deliveries of what happened; in the order in which they became known.

    Bad records are additional, made after sound ones under ids of their own, so that they cost
    no sound signal; those of a scenario's broken source replace what it should have sent.
    """
    sent = _record(rng, _break(rng, happened, scenario, shift_ms), scenario.late)
    events = np.concatenate([sent, _bad(rng, sent, scenario.bad)])
    events = events[np.argsort(events["time"], kind="stable")]
    known = known_ms(events)
    twice = np.flatnonzero((rng.random(len(events)) < scenario.duplicates) & (events["fault"] == 0))
    again = known[twice] + 1 + rng.exponential(6 * HOUR_MS, len(twice)).astype(np.int64)
    row = np.concatenate([np.arange(len(events)), twice])
    order = np.argsort(np.concatenate([known, again]), kind="stable")
    return Deliveries(events, row[order].astype(np.int32))


def _break(
    rng: np.random.Generator, happened: SimulatedEvents, scenario: Scenario, shift_ms: int
) -> SimulatedEvents:
    """The scenario's broken source loses and spoils what it sends after the shift."""
    kinds = [kind for kind in SimulatedKind if SOURCES[kind] == scenario.broken]
    hit = np.isin(happened["kind"], kinds) & (happened["time"] >= shift_ms)
    draw = rng.random(len(happened))
    silent = hit & (draw < scenario.silent)
    spoilt = hit & ~silent & (draw < scenario.silent + scenario.malformed)
    broken = happened.copy()
    broken["fault"][spoilt] = Fault.NO_ZONE
    return broken[~silent]


def _record(rng: np.random.Generator, events: SimulatedEvents, late: float) -> SimulatedEvents:
    """Say when each became known: mostly at once, often without saying so, some days later."""
    count = len(events)
    is_late = rng.random(count) < late
    # even on a logarithmic scale: minutes are as likely as hours and days
    delay = np.exp(rng.uniform(np.log(2 * LATE_MS), np.log(2 * DAY_MS), count)).astype(np.int64)
    soon = rng.integers(0, 5000, count)
    silent = rng.random(count) < 0.5
    recorded = events["time"] + np.where(is_late, delay, soon)
    events["recorded"] = np.where(silent & ~is_late, 0, recorded)
    return events


def _bad(rng: np.random.Generator, events: SimulatedEvents, share: float) -> SimulatedEvents:
    """Bad records, made after events whose type has a required field."""
    models = np.flatnonzero(
        np.isin(events["kind"], (SimulatedKind.PAGE, SimulatedKind.FORM, SimulatedKind.FEATURE))
    )
    count = round(len(events) * share) if len(models) else 0
    bad = events[rng.choice(models, count)] if count else events[:0].copy()
    bad["fault"] = rng.integers(1, len(Fault), count)
    return bad
