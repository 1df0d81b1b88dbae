"""The reference weighted so that its leads are as old as those that were scored.

A version's reference holds open leads at moments of its test. Those that are scored later are open
leads too, but of other ages: a market grows older, a campaign brings new ones. Counts, recencies
and scores follow age, so that unlike ages would look like drift of everything. And who scores leads
when they do something scores them all just after an event, which a lead at any moment rarely is.
So the reference's companies are weighted to the scored ones' shares by class of both
(post-stratification, Holt and Smith 1979).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring.causes.shares import Floats, Units

AGE, SINCE = "tenure_d", "recency_d"
"""Features that say days since a lead was first, and last, seen."""

AGES = 12
"""Classes of age, of equal shares of the reference."""

JUST_NOW_D = 1 / 24
"""A lead seen within so many days is scored on what it did."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Which current rows [n] have their like in the reference; both sides' units.

    `unlike` is the share of the current companies that have none.
    """

    kept: NDArray[np.bool_]
    current: Units
    reference: Units
    unlike: float


def alike(
    reference: pd.DataFrame, reference_units: Units, current: pd.DataFrame, units: Units
) -> Alike:
    """Weight the reference by age to the current rows, as far as both tell their age."""
    edges = _edges(reference)
    classes = [_classes(side, edges) for side in (reference, current)]
    count = 2 * (len(edges) + 1)
    there, here = (
        np.bincount(code, kept_units.weight, count)
        for code, kept_units in zip(classes, (reference_units, units), strict=True)
    )
    oldest = float(reference[AGE].max()) if AGE in reference else np.inf
    kept = (there > 0)[classes[1]] & ~_older(current, oldest)
    here = np.bincount(classes[1][kept], units.weight[kept], count)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(there > 0, here / there, 0.0)
    weight = reference_units.weight * factor[classes[0]]
    kept_units = units.where(kept)
    lost = 1.0 - float(kept_units.weight.sum()) / max(float(units.weight.sum()), 1e-12)
    return Alike(kept, kept_units, Units(reference_units.account, weight), lost)


def _edges(reference: pd.DataFrame) -> Floats:
    if AGE not in reference or not reference[AGE].notna().any():
        return np.zeros(0)
    inner = np.linspace(0, 1, AGES + 1)[1:-1]
    return np.unique(np.quantile(reference[AGE].dropna(), inner))


def _classes(side: pd.DataFrame, edges: Floats) -> NDArray[np.int64]:
    age = np.zeros(len(side), dtype=np.int64)
    if len(edges):
        age = np.searchsorted(edges, side[AGE].to_numpy(dtype=np.float64), side="left")
    just_now = np.zeros(len(side), dtype=np.bool_)
    if SINCE in side:
        just_now = side[SINCE].to_numpy(dtype=np.float64) < JUST_NOW_D
    return np.asarray(2 * age + just_now, dtype=np.int64)


def _older(current: pd.DataFrame, oldest: float) -> NDArray[np.bool_]:
    if AGE not in current:
        return np.zeros(len(current), dtype=np.bool_)
    return np.asarray(current[AGE].to_numpy(dtype=np.float64) > oldest)
