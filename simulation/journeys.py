"""Journeys: for a chunk of people, everything that happens to them, and the truth about it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.behaviour import behaviour
from simulation.events import SimulatedEvents, rows
from simulation.identity_noise import confusion
from simulation.intent import hazards, win_probability
from simulation.moments import NEVER, TRIAL, Moments, moments
from simulation.scenarios import Scenario
from simulation.seasons import DAY_MS, HOUR_MS, Calendar
from simulation.vocabulary import WORDS, SimulatedKind, Uses
from simulation.world import CONSENTS, KIOSK_SLOT, World

_FULL = Uses.CRM | Uses.EMAIL
_FORM = Uses.COOKIE | Uses.EMAIL


@dataclass(frozen=True, slots=True)
class Truth:
    """For each undecided lead in the CRM, at each cutoff: the probability of a win.

    `day` is the cutoff's day number; its moment is the midnight at which that day begins.
    """

    person: NDArray[np.int64]
    day: NDArray[np.int64]
    probability: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SimulatedJourneys:
    """What happened to a chunk of people, in no order, and the truth about them."""

    events: SimulatedEvents
    truth: Truth


def journeys(
    rng: np.random.Generator,
    world: World,
    people: NDArray[np.int64],
    calendar: Calendar,
    scenario: Scenario,
    every_days: int,
) -> SimulatedJourneys:
    """The journeys of `people`, with the truth at every so many days."""
    risk = hazards(world.fit[people], calendar, scenario)
    at = moments(rng, world, people, risk)
    parts = [
        *behaviour(rng, world, people, at, calendar, scenario),
        *_milestones(rng, world, people, at),
        *_links(rng, world, people, at),
        *(confusion(rng, world, people, at, scenario.hard) if scenario.hard else ()),
    ]
    events = np.concatenate(parts)
    known = [
        (day, np.flatnonzero(_undecided(at, calendar.start_ms + day * DAY_MS)))
        for day in range(every_days, calendar.days + 1, every_days)
    ]
    chances = [win_probability(risk.of(who), day, at.levels[day, who]) for day, who in known]
    truth = Truth(
        person=people[np.concatenate([who for _, who in known])],
        day=np.concatenate([np.full(len(who), day) for day, who in known]),
        probability=np.concatenate(chances),
    )
    return SimulatedJourneys(events[events["time"] < calendar.end_ms], truth)


def _undecided(at: Moments, cutoff: int) -> NDArray[np.bool_]:
    return (at.created < cutoff) & (at.decided >= cutoff)


def _milestones(
    rng: np.random.Generator, world: World, people: NDArray[np.int64], at: Moments
) -> list[SimulatedEvents]:
    """What happens once: form or sign-up, CRM record and its completion, consent, decision."""
    by_form = (at.identified < NEVER) & (world.source[people] != TRIAL)
    signs, creates = at.signed_up < NEVER, at.created < NEVER
    sparse = creates & (rng.random(len(people)) < 0.05)
    completed = at.created + rng.integers(HOUR_MS, 3 * DAY_MS, len(people))
    updates = sparse & (completed < at.decided)
    leaves = (at.withdrawn < NEVER) & (world.consent[people] != CONSENTS.index("withdrawn"))
    record = np.where(world.has_phone[people], _FULL | Uses.PHONE, _FULL).astype(np.int16)
    plan = rng.choice(len(WORDS[SimulatedKind.SIGN_UP]), len(people), p=(0.6, 0.3, 0.1))
    wins, losses = (at.decided < NEVER) & at.won, (at.decided < NEVER) & ~at.won
    amount = world.employees[world.account[people]] ** 0.6 * rng.lognormal(6.0, 0.5, len(people))
    reason = rng.integers(0, len(WORDS[SimulatedKind.LOST]), len(people))
    form = rng.integers(0, len(WORDS[SimulatedKind.FORM]), len(people))
    return [
        rows(
            SimulatedKind.FORM, at.identified[by_form], people[by_form], _FORM, word=form[by_form]
        ),
        rows(
            SimulatedKind.SIGN_UP,
            at.signed_up[signs],
            people[signs],
            _FORM | Uses.USER,
            word=plan[signs],
        ),
        rows(
            SimulatedKind.CREATED,
            at.created[creates],
            people[creates],
            record[creates],
            word=sparse[creates],
        ),
        rows(SimulatedKind.UPDATED, completed[updates], people[updates], Uses.CRM),
        rows(SimulatedKind.CONSENT, at.withdrawn[leaves], people[leaves], Uses.EMAIL, word=1),
        rows(SimulatedKind.WON, at.decided[wins], people[wins], Uses.CRM, value=amount[wins]),
        rows(SimulatedKind.LOST, at.decided[losses], people[losses], Uses.CRM, word=reason[losses]),
    ]


def _links(
    rng: np.random.Generator, world: World, people: NDArray[np.int64], at: Moments
) -> list[SimulatedEvents]:
    """Newsletter forms that tie a second cookie, a kiosk's or a shared mailbox to a person."""
    wait = rng.exponential(4 * DAY_MS, len(people)).astype(np.int64) + HOUR_MS
    time = np.where(at.known < NEVER, at.known, 0) + wait
    comes = (at.known < NEVER) & (time < at.decided)
    second = comes & (world.cookies[people] > 1) & (rng.random(len(people)) < 0.7)
    kiosk = comes & (world.kiosk[people] >= 0)
    shared = comes & world.shared[people]
    by_mailbox = Uses.COOKIE | Uses.SHARED
    return [
        rows(SimulatedKind.FORM, time[second], people[second], _FORM | Uses.DEVICE, slot=1),
        rows(SimulatedKind.FORM, time[kiosk] + 1000, people[kiosk], _FORM, slot=KIOSK_SLOT),
        rows(SimulatedKind.FORM, time[shared] + 2000, people[shared], by_mailbox),
    ]
