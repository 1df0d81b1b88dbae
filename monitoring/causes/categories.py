"""New categories: texts that the version never saw, beyond those that always come."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring.causes.cause import Cause, CauseKind
from monitoring.causes.cohort import Cohort
from monitoring.causes.shares import Shares, Units, chance_above, one_share

TOLERANCE = 0.01
"""New texts of so small a share of the companies are no segment."""


def new_categories(
    cohort: Cohort, known: Mapping[str, frozenset[str]], level: float
) -> Iterator[Cause]:
    """Columns of texts of which more are new than usual.

    `known` lists what training saw of each column; where it doesn't list a column, its reference
    does. A column in which new texts keep coming, such as one of free texts, lets expect them: by
    the share of the companies whose text no other has (Good 1953).
    """
    reference = cohort.reference
    names = [name for name in cohort.coded if reference.cells[name].edges is None]
    for name in names:
        other = len(reference.cells[name].texts)
        unlisted = cohort.coded[name].codes == other
        if _weight(cohort.units, unlisted) <= TOLERANCE:
            continue
        here, there = cohort.values(name)
        seen = frozenset(there.dropna().unique()) | known.get(name, frozenset())
        is_new = unlisted & ~here.isin(seen).to_numpy()
        share, usual = _weight(cohort.units, is_new), _usually_new(there, cohort.reference_units)
        chance = float(chance_above(one_share(share, cohort.units), usual, TOLERANCE)[0])
        if chance <= level / len(names):
            texts = here[is_new & (cohort.units.weight > 0)].nunique()
            yield _cause(name, texts, share, usual, chance, level / len(names))


def _weight(units: Units, rows: NDArray[np.bool_]) -> float:
    total = float(units.weight.sum())
    return float(units.weight[rows].sum()) / total if total > 0 else 0.0


def _cause(
    name: str, texts: int, share: float, usual: Shares, chance: float, level: float
) -> Cause:
    before = float(usual.values[0])
    what = "a value" if texts == 1 else f"{texts:,} values"
    return Cause(
        kind=CauseKind.NEW_CATEGORY,
        about=name,
        text=f"{name} has {what} that training never saw, for {share:.1%} of the companies",
        value=share,
        usual=before,
        tolerance=TOLERANCE,
        chance=chance,
        level=level,
        action="retrain",
    )


def _usually_new(there: pd.Series, units: Units) -> Shares:
    """The share of companies whose text no other company of the reference has."""
    present = there.notna().to_numpy()
    pairs = pd.DataFrame({"text": there.to_numpy()[present], "of": units.account[present]})
    once = pairs.drop_duplicates().groupby("text")["of"].transform("count") == 1
    alone = pairs.drop_duplicates().loc[once]
    weight = np.bincount(units.account, units.weight)
    total = float(weight.sum())
    share = float(weight[alone["of"].unique()].sum()) / total if total > 0 else 0.0
    return one_share(min(share, 1.0), units)
