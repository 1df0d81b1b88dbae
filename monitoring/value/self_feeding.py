"""Whether scores feed on themselves: working a lead raises its score more than its conversions.

What is done about a lead leaves signals: e-mails that are sent are opened. A model that takes them
for interest raises the score of whom we work, who is then worked more. Being worked is drawn with a
recorded chance; so among leads that were drawn to be worked, later scores less later conversions
must be what they are among the others. Where they are more, scores rest on our own actions.
"""

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from domain.clock import DAY
from domain.measurement import Interval
from measures.arrays import Array
from measures.confidence_sequences import FEWEST, effective_units
from measures.off_policy import mean_bounds
from monitoring.outcomes import OutcomeTable
from monitoring.value.drawn_leads import MaturedLeads

MARGIN = 0.01
"""So much of a probability may working add to later scores beyond conversions without alarm."""
LEAST_CHANCE = 0.02
LATER_US = DAY
"""A later decision is at least so long after the first."""


class SelfFeeding(msgspec.Struct, frozen=True, kw_only=True):
    """By how much being worked raises later scores beyond later conversions.

    `excess` is None where too few accounts tell; `alarm` where its lower bound, which holds at all
    looks together, lies above `margin`. `leads` were decided about again later, of `accounts`.
    """

    leads: int
    accounts: int
    excess: Interval | None
    margin: float
    alarm: bool
    why: str = ""


def self_feeding(
    score: ArrayLike,
    converted: ArrayLike,
    worked: ArrayLike,
    chance: ArrayLike,
    again: ArrayLike,
    accounts: ArrayLike,
    *,
    margin: float = MARGIN,
    level: float = 0.95,
) -> SelfFeeding:
    """Of leads [n] in the order of their first decisions, whose being worked was drawn.

    `score` and `converted` [n] are of a later decision, which only those `again` [n] have. Where
    scores are honest of leads that were worked and of others, the excess is 0, whatever working
    does, and whoever is left to be decided about again.
    """
    chances = np.asarray(chance, np.float64)
    later = np.asarray(again, np.bool_)
    over = np.where(later, np.asarray(score, np.float64) - np.asarray(converted, np.float64), 0.0)
    centred = np.where(later, over - _mean_before(over, later), 0.0)
    drawn = np.asarray(worked, np.bool_)
    terms = np.where(drawn, 1 / chances, -1 / (1 - chances)) * centred
    units = np.asarray(accounts)
    count, many = int(later.sum()), len(np.unique(units[later]))
    sides = [effective_units(units[later & side]) for side in (drawn, ~drawn)]
    if min(sides) < FEWEST / 2:
        return SelfFeeding(
            leads=count,
            accounts=many,
            excess=None,
            margin=margin,
            alarm=False,
            why=f"{sides[0]:.0f} accounts that were worked and {sides[1]:.0f} others were decided "
            f"about again and have matured, {FEWEST // 2} of each are needed",
        )
    excess = mean_bounds(terms, units, level)
    return SelfFeeding(
        leads=count, accounts=many, excess=excess, margin=margin, alarm=excess.low > margin
    )


def _mean_before(values: Array, some: NDArray[np.bool_]) -> Array:
    """The mean of the earlier values among some [n]; 0 of none."""
    total = np.concatenate([[0.0], np.cumsum(np.where(some, values, 0.0))[:-1]])[: len(values)]
    count = np.concatenate([[0.0], np.cumsum(some)[:-1]])[: len(values)]
    return np.asarray(total / np.maximum(count, 1))


def self_feeding_of(leads: MaturedLeads, table: OutcomeTable) -> SelfFeeding:
    """As `self_feeding`, of leads and all their decisions joined with outcomes.

    A lead's later decision is its last one within the horizon of the first that has matured.
    """
    chance = leads.figures["worked_chance"]
    some = leads.where((chance > LEAST_CHANCE) & (chance < 1 - LEAST_CHANCE))
    place = {int(at): row for row, at in enumerate(table.place.tolist())}
    first = np.array([place[at] for at in some.place.tolist()], dtype=np.int64)
    later = _later(table, first)
    again = later >= 0
    at = np.maximum(later, 0)
    return self_feeding(
        table.score[at] if len(table) else np.zeros(0),
        table.y[at].astype(np.float64) if len(table) else np.zeros(0),
        some.figures["worked"] > 0,
        some.figures["worked_chance"],
        again,
        some.account,
    )


def _later(table: OutcomeTable, first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the later decisions of leads, -1 where there is none; `first` are rows of theirs."""
    last = np.full(int(table.lead.max()) + 1 if len(table) else 0, -1, dtype=np.int64)
    begin = np.full(len(last), np.iinfo(np.int64).max)
    begin[table.lead[first]] = table.as_of_us[first]
    since = table.as_of_us - begin[table.lead] if len(table) else np.zeros(0, dtype=np.int64)
    horizon_us = round(table.rule.horizon_days * DAY)
    rows = np.flatnonzero((since >= LATER_US) & (since <= horizon_us) & table.matured)
    last[table.lead[rows]] = rows  # the newest stays
    return last[table.lead[first]]
