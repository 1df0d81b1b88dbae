"""When things happen once to a person: arrival, first contact, CRM record, sign-up, decision."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.intent import Hazards, decide, walk
from simulation.seasons import DAY_MS, HOUR_MS, Calendar, times_of_day, working_times
from simulation.world import CONSENTS, INBOUND, LEAD_SOURCES, World

NEVER = 2**61
"""The moment of what does not happen; two of them add up without overflow."""

TRIAL = LEAD_SOURCES.index("trial")
_WITHDRAWN = CONSENTS.index("withdrawn")
_LATEST_ARRIVAL = 0.85

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Moments by person, in milliseconds since 1970, NEVER where they do not come.

    `levels` [days + 1, people] is the hidden intent, `arrived` a day number. `identified` is the
    first form or sign-up that carries both cookie and e-mail; `known`, the first time that the
    e-mail is known at all; `created`, the CRM record; `withdrawn`, the end of consent.
    """

    levels: NDArray[np.int8]
    arrived: NDArray[np.int64]
    identified: Times
    known: Times
    created: Times
    signed_up: Times
    withdrawn: Times
    decided: Times
    won: NDArray[np.bool_]


def moments(
    rng: np.random.Generator, world: World, who: NDArray[np.int64], risk: Hazards
) -> Moments:
    """The moments of the people `who`, whose hazards are `risk`."""
    calendar, count = risk.calendar, len(who)
    # more arrive early: a market that was there before anyone looked
    arrived = (rng.random(count) ** 1.5 * _LATEST_ARRIVAL * calendar.days).astype(np.int64)
    levels = walk(rng, world.first[who], arrived, calendar.days)
    contacted, created = _contact(rng, world, who, arrived, calendar)
    created_day = (created - calendar.start_ms) // DAY_MS
    day, won = decide(rng, levels, created_day, risk)
    at = calendar.start_ms + day * DAY_MS + working_times(rng, count)
    decided = np.where(day < calendar.days, at, NEVER)
    before = np.minimum(decided, calendar.end_ms)
    inbound = world.source[who] < INBOUND
    answers = created + _wait(rng, 48, rng.random(count) < 0.9)
    identified = np.where(inbound, contacted, _until(answers, before))
    later = created + _wait(rng, 15 * 24, rng.random(count) < 0.35)
    trial = (world.source[who] == TRIAL) & (contacted < NEVER)
    return Moments(
        levels=levels,
        arrived=arrived,
        identified=identified,
        known=np.minimum(identified, created),
        created=created,
        signed_up=np.where(trial, contacted, _until(later, before)),
        withdrawn=_withdrawn(rng, world.consent[who], created, before),
        decided=decided,
        won=won,
    )


def _contact(
    rng: np.random.Generator,
    world: World,
    who: NDArray[np.int64],
    arrived: NDArray[np.int64],
    calendar: Calendar,
) -> tuple[Times, Times]:
    """First contact and CRM record: an inbound lead's record follows within hours."""
    lag = 1 + rng.exponential(8.0, len(who)).astype(np.int64)
    day = np.minimum(arrived + lag, calendar.days - 2)
    contacted = calendar.start_ms + day * DAY_MS + times_of_day(rng, len(who))
    delay = rng.exponential(3 * HOUR_MS, len(who)).astype(np.int64) + 60_000
    inbound = world.source[who] < INBOUND
    created = contacted + np.where(inbound, np.minimum(delay, DAY_MS - 1), 0)
    anonymous = who >= world.leads
    return np.where(anonymous, NEVER, contacted), np.where(anonymous, NEVER, created)


def _wait(rng: np.random.Generator, mean_hours: float, comes: NDArray[np.bool_]) -> Times:
    """Exponential waiting times, NEVER where it does not come."""
    wait = rng.exponential(mean_hours * HOUR_MS, len(comes)).astype(np.int64) + 60_000
    return np.where(comes, wait, NEVER)


def _until(times: Times, before: Times) -> Times:
    """The times that lie before, NEVER for the others."""
    return np.where(times < before, times, NEVER)


def _withdrawn(
    rng: np.random.Generator, consent: NDArray[np.int64], created: Times, before: Times
) -> Times:
    """When consent ends: from the beginning, after some weeks, or never."""
    ends = created + _wait(rng, 60 * 24, rng.random(len(consent)) < 0.06)
    return np.where(consent == _WITHDRAWN, 0, _until(ends, before))
