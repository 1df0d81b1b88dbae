"""Versions are compared on rows of both their tests, or not at all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domain.errors import Refused
from measures.bootstrap import paired_bootstrap
from measures.ranking import auroc
from tests.training.worlds import START, dataset
from training.data.cutoffs import Cutoff
from training.evaluation.tested_rows import common_rows, measured, row_numbers, write_test_rows


def folder_of(place: Path, rows: slice, noise: float) -> Path:
    """A version's folder: what it says of some rows of one world, the worse the more noise."""
    data = dataset(1200, 3)
    told = np.nan_to_num(data.numbers[:, 0]) + (data.texts[:, 0] == "a") - 0.5
    told = told + np.random.default_rng(4).normal(0, noise, len(data)) if noise else told
    mine = np.arange(len(data))[rows]
    place.mkdir()
    one = replace(data.take(mine), weights=np.ones(len(mine)))
    write_test_rows(mine, one, 1 / (1 + np.exp(-told[mine])), place)
    return place


def test_only_common_rows_count_and_differences_are_paired(tmp_path: Path) -> None:
    one = folder_of(tmp_path / "one", slice(0, 900), 0.0)
    other = folder_of(tmp_path / "other", slice(300, 1200), 2.0)
    rows = common_rows(one, other)
    assert len(rows) == 600
    found = measured(rows, seed=7)
    labels, groups = rows["label"].to_numpy(), rows["company"].to_numpy()
    a, b = rows["chance"].to_numpy(), rows["chance_other"].to_numpy()
    expected = paired_bootstrap(auroc, labels, a, b, groups, draws=500, seed=7)
    assert found["auroc"][0].value == pytest.approx(auroc(labels, a))
    assert found["auroc"][2].value == pytest.approx(expected.value)
    assert found["auroc"][2].low == pytest.approx(expected.low)
    assert found["auroc"][2].high < 0 < found["brier"][2].low


@pytest.mark.parametrize("apart", [900, 894])
def test_other_windows_are_refused(tmp_path: Path, apart: int) -> None:
    one = folder_of(tmp_path / "one", slice(0, 900), 0.0)
    other = folder_of(tmp_path / "other", slice(apart, 1200), 0.0)
    with pytest.raises(Refused, match="in common") as caught:
        common_rows(one, other)
    assert caught.value.exit_code == 1


def test_a_version_that_kept_no_rows_is_refused(tmp_path: Path) -> None:
    one = folder_of(tmp_path / "one", slice(0, 900), 0.0)
    (tmp_path / "old").mkdir()
    for pair in ((one, tmp_path / "old"), (tmp_path / "old", one)):
        with pytest.raises(Refused, match="same-test-rows"):
            common_rows(*pair)


def test_a_row_has_its_number_in_every_run() -> None:
    cutoffs = [Cutoff(name, "", name, START + day, 0) for name in ("a", "b") for day in (0, 1)]
    numbers = row_numbers(cutoffs)
    assert len(set(numbers.tolist())) == 4
    assert row_numbers(cutoffs[::-1]).tolist() == numbers.tolist()[::-1]
