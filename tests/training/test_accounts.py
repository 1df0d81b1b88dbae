"""One company of many leads does not rule what is said of all others."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.scores import logistic
from measures.ranking import auroc
from tests.training.worlds import dataset
from training.data.account_weights import LEAST, bounded, factors
from training.data.dataset import Dataset
from training.model import fit

SIZES = st.lists(st.integers(1, 400), min_size=1, max_size=40)


@given(SIZES, st.sampled_from([0.01, 0.02, 0.1, 0.5, 1.0]))
def test_no_company_weighs_more_than_its_bound(sizes: list[int], share: float) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    weights = np.random.default_rng(1).uniform(0.2, 2.0, len(groups))
    by = factors(groups, weights, share)
    left = np.bincount(groups, weights * by)
    bound = min(max(share, LEAST / len(sizes)), 1.0)
    assert left.max() <= bound * left.sum() * (1 + 1e-9)
    assert by.max() <= 1.0
    assert by.min() > 0
    held = by < 1 - 1e-12
    if held.any():  # those that are held weigh the same, and as much as they may
        assert np.ptp(left[np.unique(groups[held])]) == pytest.approx(0, abs=1e-6)
        assert left.max() == pytest.approx(bound * left.sum())


def with_one_large(rows: int, large: int, seed: int) -> Dataset:
    """A world, and in the middle of its time one company whose leads are as any, and all won."""
    one, other = dataset(rows, seed), dataset(large, seed + 1)
    days = np.sort(np.random.default_rng(seed).choice(one.moments[rows // 3 : rows // 2], large))
    moments = np.concatenate([one.moments, days])
    order = np.argsort(moments, kind="stable")

    def both(name: str) -> object:
        return np.concatenate([getattr(one, name), getattr(other, name)])[order]

    return Dataset(
        one.features,
        one.categories,
        both("numbers"),  # type: ignore[arg-type]
        both("texts"),  # type: ignore[arg-type]
        np.concatenate([one.labels, np.ones(large, dtype=np.int64)])[order],
        moments[order],
        np.concatenate([one.groups, np.full(large, 10**6)])[order],
        both("weights"),  # type: ignore[arg-type]
    )


def test_a_company_that_won_everything_does_not_destroy_what_is_said_of_others() -> None:
    data = with_one_large(3000, 1500, 3)
    fresh = dataset(3000, 9)
    learnt = bounded(data, 0.02)
    rest = data.take(np.flatnonzero(data.groups != 10**6))
    parameters = {"depth": 3, "iterations": 60, "learning_rate": 0.1}
    told = {
        name: fit.margins(fit.fit(rows, parameters, 7), fresh)
        for name, rows in (("rest", rest), ("bounded", learnt), ("free", data))
    }
    assert auroc(fresh.labels, told["bounded"]) > auroc(fresh.labels, told["rest"]) - 0.01
    off = {name: abs(float(logistic(m).mean() - fresh.labels.mean())) for name, m in told.items()}
    assert off["bounded"] < 0.03
    assert off["free"] > 0.08


def test_the_fold_that_holds_the_company_is_not_ruled_by_it() -> None:
    data = with_one_large(6000, 1500, 4)
    few = (data.labels == 0) | (data.groups == 10**6) | (np.arange(len(data)) % 8 == 0)
    data = data.take(np.flatnonzero(few))  # of the others one in eight wins
    half = len(data) // 3
    train, valid = data.take(np.arange(half)), data.take(np.arange(half, len(data)))
    parameters = {"depth": 3, "iterations": 150, "learning_rate": 0.03}
    free = fit.fit(train, parameters, 7, valid).tree_count_
    held = fit.fit(train, parameters, 7, bounded(valid, 0.02)).tree_count_
    assert free < 30 < held


def test_no_rows_have_no_weights() -> None:
    nothing = dataset(30, 1).take(np.arange(0))
    assert len(bounded(nothing, 0.02).weights) == 0


def test_small_companies_keep_their_weights() -> None:
    data = dataset(900, 5)
    assert np.array_equal(bounded(data, 0.02).weights, data.weights)
    alone = replace(data, groups=np.zeros(900, dtype=np.int64))
    assert np.array_equal(bounded(alone, 0.02).weights, data.weights)
