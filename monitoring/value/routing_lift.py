"""The lift of routing: what the policy's own routings win beside ones drawn at random."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.measurement import Interval, together
from measures.confidence_sequences import FEWEST, effective_units
from measures.off_policy import crossed_ridge, mean_bounds
from monitoring.decision_columns import Floats
from monitoring.value.drawn_leads import MaturedLeads

MOST_GROUPS = 40
"""Of grades and rules each, those with the most leads."""


class RoutingLift(msgspec.Struct, frozen=True, kw_only=True):
    """Conversions per lead that the policy's own routing adds to a routing drawn at random.

    Of all leads, a grade or a rule. `own` and `random` are conversions per lead of each; `lift`
    is None where too few accounts tell. Bounds hold at all looks, and of all groups of a kind
    together.
    """

    by: str
    name: str
    leads: int
    accounts: int
    own: float
    random: float
    lift: Interval | None


def routing_lifts(
    leads: MaturedLeads,
    grades: Sequence[str],
    rules: Sequence[tuple[str, ...]],
    *,
    level: float = 0.95,
) -> tuple[RoutingLift, ...]:
    """The lift of all, by grade and by rule; `grades` and `rules` are of all decisions."""
    leads = leads.where(leads.figures["open"] > 0)
    if not len(leads):
        return ()
    own, random = _weights(leads)
    design = np.stack([np.ones(len(leads)), leads.score], axis=1)
    (expected,) = crossed_ridge(design, leads.converted, leads.account, (design,))
    terms = (own - random) * (leads.converted - expected)
    groups = list(_groups(leads, grades, rules))
    lifts: list[RoutingLift] = []
    for kind in ("all", "grade", "rule"):
        some = [
            _lift(by, name, rows, leads, (own, random, terms), level)
            for by, name, rows in groups
            if by == kind
        ]
        known = [one.lift for one in some if one.lift is not None]
        wide = iter(together(known))
        lifts += [
            one if one.lift is None else msgspec.structs.replace(one, lift=next(wide))
            for one in some
        ]
    return tuple(lifts)


def _weights(leads: MaturedLeads) -> tuple[Floats, Floats]:
    """Importance weights [n] of the policy's own routing, and of a draw among all possible."""
    figures = leads.figures
    return figures["is_own"] / figures["routed"], figures["uniform"] / figures["routed"]


def _groups(
    leads: MaturedLeads, grades: Sequence[str], rules: Sequence[tuple[str, ...]]
) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
    yield "all", "all", np.arange(len(leads))
    for by in ("grade", "rule"):
        rows: dict[str, list[int]] = {}
        for at, place in enumerate(leads.place.tolist()):
            for name in (grades[place],) if by == "grade" else rules[place]:
                rows.setdefault(name, []).append(at)
        largest = sorted(rows, key=lambda name: (-len(rows[name]), name))[:MOST_GROUPS]
        for name in sorted(largest) if by == "grade" else largest:
            yield by, name, np.array(rows[name], dtype=np.int64)


def _lift(
    by: str,
    name: str,
    rows: NDArray[np.int64],
    leads: MaturedLeads,
    parts: tuple[Floats, Floats, Floats],
    level: float,
) -> RoutingLift:
    own, random, terms = (part[rows] for part in parts)
    account, y = leads.account[rows], leads.converted[rows]
    drawn = leads.figures["routed"][rows] < 1 - 1e-12
    enough = effective_units(account[drawn]) >= FEWEST if drawn.any() else False
    return RoutingLift(
        by=by,
        name=name,
        leads=len(rows),
        accounts=len(np.unique(account)),
        own=_ratio(own, y),
        random=_ratio(random, y),
        lift=mean_bounds(terms, account, level) if enough else None,
    )


def _ratio(weight: Floats, y: Floats) -> float:
    total = float(weight.sum())
    return float((weight * y).sum()) / total if total > 0 else 0.0
