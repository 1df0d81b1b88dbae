"""The rows of one training run: cut by time into those fitted, the search's folds and the test."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.config import TrainingConfig
from training.data import data_warnings
from training.data.account_weights import bounded
from training.data.dataset import Dataset
from training.data.scored_leads import lead_rows
from training.data.split import folds, split_by_time
from training.data.unlearnable import RemovedRows, require_both_classes

Pair = tuple[Dataset, Dataset]
"""Rows to learn from, and later ones to be judged on."""


@dataclass(frozen=True, slots=True)
class RunRows:
    """The rows of a run.

    `fitted` are all before the test, for the final fit; `folds` cut them by time, for the search.
    No company weighs more than its bound in any of them. `embargoed` and `parted` rows were left
    out between `fitted` and `test`. `test_numbers` [test rows] tell rows of the test apart.
    `leads` are rows as a version would score them, the test's time beginning at `test_us`: see
    `training.data.scored_leads`.
    """

    test: Dataset
    fitted: Dataset
    folds: tuple[Pair, ...]
    embargoed: int
    parted: int
    stand_for: NDArray[np.float64]
    test_numbers: NDArray[np.int64]
    leads: Dataset
    test_us: int


def split_rows(data: Dataset, numbers: NDArray[np.int64], config: TrainingConfig) -> RunRows:
    """Cut all rows by time; `numbers` [rows] tell them apart.

    Raises what says that a part cannot be learnt from: it lacks one of the outcomes, or is of one
    company.
    """
    share, embargo = config.split.test_share, config.embargo_days
    outer = split_by_time(data.moments, share, embargo, data.groups)
    most = config.max_account_share
    before = data.take(outer.earlier, outer.earlier_weights)
    test = data.take(outer.later, outer.later_weights)
    cut = folds(before.moments, config.split.folds, embargo, before.groups)
    took = RemovedRows(outer.embargoed, outer.parted)
    if not cut:
        require_both_classes(before.take(np.arange(0)), "training", data, took)
    each = [
        (
            bounded(before.take(one.earlier, one.earlier_weights), most),
            bounded(before.take(one.later, one.later_weights), most),
        )
        for one in cut
    ]
    train, valid = each[-1]
    inner = RemovedRows(cut[-1].embargoed, cut[-1].parted)
    require_both_classes(train, "training", before, inner)
    require_both_classes(valid, "validation", before, inner)
    require_both_classes(test, "test", data, took)
    data_warnings.refuse_one_company(test)
    sound = tuple(pair for pair in each if all(len(np.unique(p.labels)) == 2 for p in pair))
    test_us = int(test.moments.min())
    return RunRows(
        test=test,
        fitted=bounded(before, most),
        folds=sound,
        embargoed=outer.embargoed,
        parted=outer.parted,
        stand_for=outer.later_weights,
        test_numbers=numbers[outer.later],
        leads=data.take(lead_rows(data.moments, test_us, config.seed)),
        test_us=test_us,
    )
