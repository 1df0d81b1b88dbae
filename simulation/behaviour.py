"""Behaviour that intent drives: visits, product use, tickets, e-mails, sales activities.

All sampled kinds together are one Poisson count a person and day; each event's kind is then drawn
by its share of the rate, and dropped where it cannot happen yet or no more (thinning, exact).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.events import SimulatedEvents, rows
from simulation.moments import Moments
from simulation.scenarios import Scenario
from simulation.seasons import DAY_MS, HOUR_MS, Calendar, times_of_day
from simulation.vocabulary import (
    AFTER,
    CLICKS,
    MIXES,
    OPENS,
    RATES,
    SAMPLED,
    SOURCES,
    SimulatedKind,
    Uses,
    pick,
)
from simulation.world import KIOSK_SLOT, World

_USES = np.array(
    [
        Uses.COOKIE,
        Uses.COOKIE | Uses.EMAIL,
        Uses.USER,
        Uses.EMAIL,
        Uses.EMAIL,
        Uses.EMAIL,
        Uses.CRM,
    ],
    dtype=np.int16,
)
_SLOTS = np.array([[0.8, 0.15, 0.05]])


@dataclass(frozen=True, slots=True)
class _Draws:
    """Sampled events by column; `who` counts within the people at hand."""

    who: NDArray[np.int64]
    kind: NDArray[np.int64]
    level: NDArray[np.int8]
    time: NDArray[np.int64]

    def where(self, mask: NDArray[np.bool_]) -> "_Draws":
        return _Draws(self.who[mask], self.kind[mask], self.level[mask], self.time[mask])


def behaviour(
    rng: np.random.Generator,
    world: World,
    people: NDArray[np.int64],
    at: Moments,
    calendar: Calendar,
    scenario: Scenario,
) -> list[SimulatedEvents]:
    """The sampled events of `people`, and those that follow from them."""
    drawn = _possible(rng, _sample(rng, at, calendar, scenario), at)
    sampled = _rows(rng, world, people, drawn, at)
    mails = drawn.kind == SimulatedKind.SENT
    opened = _opened(rng, sampled[mails], drawn.level[mails], calendar, scenario)
    closed = _closed(rng, sampled[drawn.kind == SimulatedKind.TICKET])
    return [sampled, *opened, closed]


def _sample(
    rng: np.random.Generator, at: Moments, calendar: Calendar, scenario: Scenario
) -> _Draws:
    """Every event that would happen if all kinds were possible from arrival on."""
    eras = np.stack([RATES, RATES * _shift(scenario)[:, None]])
    days = np.arange(calendar.days)
    era, levels = calendar.era[days], at.levels[:-1]
    rate = eras.sum(axis=1)[era[:, None], levels] * calendar.traffic[days, None]
    counts = rng.poisson(np.where(days[:, None] >= at.arrived, rate, 0.0))
    day, who = (np.repeat(index, counts[counts > 0]) for index in np.nonzero(counts))
    level = levels[day, who]
    shares = eras / eras.sum(axis=1, keepdims=True)
    kind = pick(shares[era[day], :, level], rng.random(len(day)))
    time = calendar.start_ms + day * DAY_MS + times_of_day(rng, len(day))
    return _Draws(who, kind, level, time)


def _shift(scenario: Scenario) -> NDArray[np.float64]:
    """The factor on the rate of each sampled kind in the second era."""
    factors = {"web": scenario.web, "product": scenario.product}
    return np.array([factors.get(source, 1.0) for source in SOURCES[:SAMPLED]])


def _possible(rng: np.random.Generator, drawn: _Draws, at: Moments) -> _Draws:
    """The events that can happen: the person is known enough, and not decided yet."""
    start = np.zeros_like(at.known)
    earliest = np.stack(
        [start, at.known, at.signed_up, at.known, at.known, at.known, at.created], axis=1
    )
    who, kind, time = drawn.who, drawn.kind, drawn.time
    goes_on = rng.random(len(who)) < AFTER[at.won[who].astype(np.int64), kind]
    mailed = (kind != SimulatedKind.SENT) | (time < at.withdrawn[who])
    alive = (time < at.decided[who]) | goes_on
    return drawn.where((time > earliest[who, kind]) & mailed & alive)


def _rows(
    rng: np.random.Generator,
    world: World,
    people: NDArray[np.int64],
    drawn: _Draws,
    at: Moments,
) -> SimulatedEvents:
    """The events with their words, values and identifiers."""
    person, kind, count = people[drawn.who], drawn.kind, len(drawn.who)
    slot = np.minimum(pick(_SLOTS, rng.random(count)), world.cookies[person] - 1)
    at_kiosk = (
        (world.kiosk[person] >= 0) & (rng.random(count) < 0.15) & (kind == SimulatedKind.PAGE)
    )
    mobile = (
        (slot > 0) & ((kind == SimulatedKind.PAGE) | (kind == SimulatedKind.FEATURE)) & ~at_kiosk
    )
    uses = _USES[kind] | np.where(mobile, np.int16(Uses.DEVICE), np.int16(0))
    by_user = (kind == SimulatedKind.TICKET) & (drawn.time > at.signed_up[drawn.who])
    uses = np.where(by_user & (rng.random(count) < 0.6), np.int16(Uses.USER), uses)
    events = rows(
        kind.astype(np.int8),
        drawn.time,
        person,
        uses,
        slot=np.where(at_kiosk, KIOSK_SLOT, slot),
        word=_words(rng, drawn),
        value=rng.exponential(40.0, count),
    )
    events["word"][kind == SimulatedKind.SENT] = (
        events["time"][kind == SimulatedKind.SENT] // (7 * DAY_MS) % 1000
    )
    return events


def _words(rng: np.random.Generator, drawn: _Draws) -> NDArray[np.int64]:
    draws = rng.random(len(drawn.who))
    words = np.zeros(len(drawn.who), dtype=np.int64)
    for kind, mix in MIXES.items():
        these = drawn.kind == kind
        words[these] = pick(mix[drawn.level[these]], draws[these])
    return words


def _opened(
    rng: np.random.Generator,
    mails: SimulatedEvents,
    level: NDArray[np.int8],
    calendar: Calendar,
    scenario: Scenario,
) -> list[SimulatedEvents]:
    """E-mails opened and clicked, hours after they were sent; some opened by machines."""
    count = len(mails)
    machine = (mails["time"] >= calendar.shift_ms) & (rng.random(count) < scenario.automatic_opens)
    opens = (rng.random(count) < OPENS[level]) | machine
    clicks = opens & (rng.random(count) < CLICKS[level])
    opened, clicked = mails[opens], mails[clicks]
    opened["kind"], clicked["kind"] = SimulatedKind.OPENED, SimulatedKind.CLICKED
    wait = rng.exponential(6 * HOUR_MS, count).astype(np.int64) + 1000
    opened["time"] += wait[opens]
    clicked["time"] += wait[clicks] + rng.integers(1000, 300_000, len(clicked))
    return [opened, clicked]


def _closed(rng: np.random.Generator, tickets: SimulatedEvents) -> SimulatedEvents:
    """Each ticket closed, within days, with a satisfaction; severe ones satisfy less."""
    closed = tickets.copy()
    closed["kind"] = SimulatedKind.CLOSED
    closed["time"] += rng.exponential(30 * HOUR_MS, len(tickets)).astype(np.int64) + 60_000
    closed["word"] = np.clip(5 - rng.poisson(0.6 + 0.6 * (tickets["word"] == 2)), 1, 5)
    return closed
