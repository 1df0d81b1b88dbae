"""When the hard cases of identity come: signals beside those of the journeys."""

import numpy as np
from numpy.typing import NDArray

from simulation.events import SimulatedEvents, rows
from simulation.hard_cases import DUPLICATES, OF_ANOTHER, Case, victim
from simulation.moments import NEVER, Moments
from simulation.seasons import DAY_MS, HOUR_MS
from simulation.vocabulary import SimulatedKind, Uses
from simulation.world import World

KINDS = {
    Case.TEAM_MAILBOX: SimulatedKind.FORM,
    Case.TEST_ADDRESS: SimulatedKind.FORM,
    Case.CONSTANT_COOKIE: SimulatedKind.FORM,
    Case.DEFAULT_PHONE: SimulatedKind.UPDATED,
    Case.KIOSK_DEVICE: SimulatedKind.FORM,
    Case.OVERWRITTEN_RECORD: SimulatedKind.UPDATED,
    Case.BORROWED_USER: SimulatedKind.TICKET,
    Case.SECOND_EMAIL: SimulatedKind.UPDATED,
    Case.SECOND_RECORD: SimulatedKind.CREATED,
    Case.SWITCHBOARD: SimulatedKind.UPDATED,
    Case.EXTENSION: SimulatedKind.UPDATED,
    Case.THIRD_RECORD: SimulatedKind.CREATED,
    Case.FOURTH_RECORD: SimulatedKind.CREATED,
    Case.FIFTH_RECORD: SimulatedKind.CREATED,
    Case.SHARED_DESK: SimulatedKind.UPDATED,
}
"""How each case shows itself."""

TEAMS_OF = 3
"""Every so many-th account has a mailbox of a team, which all its people use."""

OF_A_FIRM = {
    Case.TEAM_MAILBOX: (TEAMS_OF, 0),
    Case.SWITCHBOARD: (TEAMS_OF, 1),
    Case.EXTENSION: (TEAMS_OF, 2),
    Case.SHARED_DESK: (5, 3),
}
"""What all people of some accounts share: of every so many-th account, from which on."""


def confusion(
    rng: np.random.Generator, world: World, people: NDArray[np.int64], at: Moments, share: float
) -> list[SimulatedEvents]:
    """The hard cases of some people, each case of a `share` of them, once or a few times.

    They come once the person is in the CRM and before a decision.
    """
    return [_case(rng, world, people, at, case, share) for case in Case]


def _case(
    rng: np.random.Generator,
    world: World,
    people: NDArray[np.int64],
    at: Moments,
    case: Case,
    share: float,
) -> SimulatedEvents:
    count = len(people)
    wait = rng.exponential(6 * DAY_MS, (count, 2)).astype(np.int64) + HOUR_MS
    times = np.where(at.created < NEVER, at.created, 0)[:, None] + np.cumsum(wait, axis=1)
    meets = rng.random(count) < share
    if case in OF_A_FIRM:
        every, first = OF_A_FIRM[case]
        meets = (world.account[people] >= 0) & (world.account[people] % every == first)
    if case in DUPLICATES:
        meets = people % round(1 / share) == 0
    if case in OF_ANOTHER:
        meets[meets] = [victim(world, person) >= 0 for person in people[meets].tolist()]
    comes = (meets & (at.created < NEVER))[:, None] & (times < at.decided[:, None])
    comes[:, 1] &= rng.random(count) < 0.5
    if case is Case.SECOND_RECORD or case in DUPLICATES:
        comes[:, 1] = False
    who, turn = np.nonzero(comes)
    return rows(KINDS[case], times[who, turn], people[who], Uses.HARD, slot=int(case))
