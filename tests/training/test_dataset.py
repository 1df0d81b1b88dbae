"""The data set: rows as asked, constant features left out, groups by account."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from domain.errors import Missing
from feature_repo.catalogue import category_names, number_names
from tests.training.worlds import DEFINITION, START, dataset
from training.data.cutoffs import Cutoff
from training.data.dataset import build
from training.data.reference_sample import fair_rows, percentiles, reference_frame
from training.model import fit

NUMBERS, TEXTS = number_names(DEFINITION), category_names(DEFINITION)
CUTOFFS = [
    Cutoff("l1", "acct_x", "l9", START, 0),
    Cutoff("l2", "acct_x", "l2", START + 1, 1),
    Cutoff("l3", "", "l9", START + 2, 0),
    Cutoff("l4", "", "l9", START + 2, 1),
    Cutoff("l5", "", "l5", START + 3, 1),
]


def frame_of(rows: int) -> pd.DataFrame:
    frame = pd.DataFrame({n: np.zeros(rows) for n in NUMBERS} | {n: [""] * rows for n in TEXTS})
    frame["size"] = [1.0, 2.0, np.nan, 1.0, 1.0][:rows]
    frame["events"] = [5.0, np.nan, 5.0, 5.0, 5.0][:rows]  # missing once, else constant: it varies
    frame["country"] = ["DE", None, "FR", "DE", "DE"][:rows]
    return frame


def history(
    leads: Sequence[str], accounts: Sequence[str], moments_us: Sequence[int]
) -> pd.DataFrame:
    assert list(leads) == [c.lead_id for c in CUTOFFS]  # by the id that it had then
    assert list(accounts) == [c.account_id for c in CUTOFFS]
    assert list(moments_us) == [c.moment_us for c in CUTOFFS]
    return frame_of(len(leads))


def test_rows_come_as_the_cutoffs_do_without_constant_features() -> None:
    data = build(DEFINITION, CUTOFFS, history)
    assert data.features == ("events", "size", "country")
    assert data.categories == ("country",)
    np.testing.assert_array_equal(data.numbers[:, 1], [1.0, 2.0, np.nan, 1.0, 1.0])
    assert data.texts.tolist() == [["DE"], [""], ["FR"], ["DE"], ["DE"]]
    assert data.labels.tolist() == [0, 1, 0, 1, 1]
    assert data.moments.tolist() == [c.moment_us for c in CUTOFFS]
    assert data.groups[0] == data.groups[1] != data.groups[4]
    assert data.groups[0] == data.groups[2] == data.groups[3]  # of a lead that came to the account
    np.testing.assert_allclose(data.weights / data.weights[0], [1, 1, 1 / 2, 1 / 3, 1])
    assert data.weights.mean() == pytest.approx(1.0)
    part = data.take(np.array([2, 0]))
    assert (len(part), part.labels.tolist(), part.texts.tolist()) == (2, [0, 0], [["FR"], ["DE"]])


def test_features_may_be_excluded() -> None:
    data = build(DEFINITION, CUTOFFS, history, exclude=("size", "country"))
    assert (data.features, data.categories) == (("events",), ())
    assert data.texts.shape == (5, 0)


def test_no_feature_left_is_missing() -> None:
    with pytest.raises(Missing) as caught:
        build(DEFINITION, CUTOFFS, history, exclude=("size", "country", "events"))
    assert caught.value.rule == "features-left"


def test_a_model_takes_numbers_alone_and_categories_alone() -> None:
    data = dataset(120, 1)
    only = data.take(np.arange(120))
    numbers = type(only)(
        only.features[:3],
        (),
        only.numbers,
        only.texts[:, :0],
        only.labels,
        only.moments,
        only.groups,
        only.weights,
    )
    texts = type(only)(
        ("c",),
        ("c",),
        only.numbers[:, :0],
        only.texts,
        only.labels,
        only.moments,
        only.groups,
        only.weights,
    )
    for part in (numbers, texts):
        model = fit.fit(part, {"iterations": 5}, 1)
        assert fit.margins(model, part).shape == (120,)
        assert tuple(model.feature_names_) == part.features


def test_the_reference_holds_features_scores_and_labels() -> None:
    data = dataset(90, 2)
    scores = np.linspace(0, 1, 90)
    frame = reference_frame(data, scores, seed=1)
    assert list(frame.columns) == [*data.features, "score", "label", "account"]
    np.testing.assert_array_equal(frame[["x", "y", "z"]].to_numpy(), data.numbers)
    assert frame["c"].tolist() == data.texts[:, 0].tolist()
    same = frame["account"].to_numpy()[:, None] == frame["account"].to_numpy()
    np.testing.assert_array_equal(same, data.groups[:, None] == data.groups)
    large = dataset(6000, 3)
    sample = reference_frame(large, np.arange(6000.0), seed=1)
    assert len(sample) == 5000
    np.testing.assert_array_equal(sample["label"], large.labels[sample["score"].astype(int)])
    pd.testing.assert_frame_equal(sample, reference_frame(large, np.arange(6000.0), seed=1))


def test_percentiles_are_a_hundred_and_one() -> None:
    np.testing.assert_allclose(percentiles(np.arange(101.0)), np.arange(101.0), rtol=1e-12)


def test_a_fair_sample_has_as_much_of_each_as_there_was() -> None:
    stands_for = np.repeat([1.0, 4.0], [8_000, 2_000])
    rows = fair_rows(stands_for, 1)
    assert np.sum(rows >= 8_000) == 2_000
    assert np.sum(rows < 8_000) == pytest.approx(2_000, rel=0.1)
    np.testing.assert_array_equal(rows, fair_rows(stands_for, 1))
    assert len(fair_rows(np.ones(50), 1)) == 50
