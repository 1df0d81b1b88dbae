"""The simulation: a world, its journeys chunk by chunk, and their delivery."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from hashlib import blake2b

import numpy as np

from domain.clock import iso, to_us
from domain.errors import BadInput
from simulation.delivery import Deliveries, deliver
from simulation.journeys import SimulatedJourneys, Truth, journeys
from simulation.scenarios import Scenario
from simulation.seasons import HORIZON_DAYS, Calendar, calendar
from simulation.world import World, build_world

START = datetime(2025, 1, 6, tzinfo=UTC)
"""The default first midnight: a Monday."""

CHUNK = 4096
"""People simulated at a time: bounds memory, and is part of what a seed means."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """Deliveries to be written, and the truth beside them.

    `tag` is a digest of the parameters; it stands in every event id, so that two simulations
    never share one. `hard`: there are hard cases of identity beside kiosks and shared mailboxes.
    """

    tag: str
    world: World
    calendar: Calendar
    deliveries: Deliveries
    truth: Truth
    horizon_days: int = HORIZON_DAYS
    hard: bool = False


def simulate(
    leads: int,
    seed: int,
    scenario: Scenario,
    *,
    days: int = 240,
    start: datetime = START,
    every_days: int = 14,
) -> Simulation:
    """Simulate journeys of `leads` leads, and of people who stay anonymous, over `days` days.

    The truth is told at every `every_days` days. The same arguments give the same simulation.
    Raises BadInput where leads < 1, days < 28, every_days is not in 1..days, seed < 0, or `start`
    is no midnight in UTC.
    """
    _check(leads, seed, days, start, every_days)
    dates = calendar(start, days, scenario)
    world = build_world(np.random.default_rng([seed, 0]), leads, scenario)
    parts: list[SimulatedJourneys] = []
    for at in range(0, world.people, CHUNK):
        people = np.arange(at, min(at + CHUNK, world.people))
        rng = np.random.default_rng([seed, 1, at])
        parts.append(journeys(rng, world, people, dates, scenario, every_days))
    happened = np.concatenate([part.events for part in parts])
    rng = np.random.default_rng([seed, 2])
    deliveries = deliver(rng, happened, scenario, dates.shift_ms)
    parameters = f"{leads} {seed} {scenario!r} {days} {iso(to_us(start))}"
    tag = blake2b(parameters.encode(), digest_size=3).hexdigest()
    truth = _joined([part.truth for part in parts])
    return Simulation(tag, world, dates, deliveries, truth, hard=scenario.hard > 0)


def _joined(parts: list[Truth]) -> Truth:
    return Truth(
        person=np.concatenate([part.person for part in parts]),
        day=np.concatenate([part.day for part in parts]),
        probability=np.concatenate([part.probability for part in parts]),
    )


def _check(leads: int, seed: int, days: int, start: datetime, every_days: int) -> None:
    if leads < 1:
        raise BadInput(f"leads == {leads}, must be >= 1", rule="simulation-leads")
    if seed < 0:
        raise BadInput(f"seed == {seed}, must be >= 0", rule="simulation-seed")
    if days < 28:
        raise BadInput(f"days == {days}, must be >= 28", rule="simulation-days")
    if not 1 <= every_days <= days:
        raise BadInput(
            f"every_days == {every_days}, must be in 1..{days}", rule="simulation-every-days"
        )
    if start.utcoffset() is None or start.astimezone(UTC).time() != time(0):
        raise BadInput("start is not midnight in UTC", rule="simulation-start")
