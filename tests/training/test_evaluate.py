"""The evaluation: against independent implementations, on weights and slices, beside rivals."""

from dataclasses import replace

import msgspec
import numpy as np
import pandas as pd
import pytest
from dcurves import dca
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)
from statsmodels.stats.weightstats import DescrStatsW

from measures.calibration import bins_of
from tests.training import worlds
from training.data.dataset import Dataset
from training.evaluation.baselines import Scores
from training.evaluation.evaluate import BINS, evaluate
from training.evaluation.results import Evaluation

GRADES = (("A", 0.8), ("B", 0.5), ("C", 0.2), ("D", 0.0))


def told(data: Dataset, noise: float = 0.3) -> np.ndarray:
    random = np.random.default_rng(3)
    return np.clip(0.5 + 0.2 * (data.labels - 0.5) + random.normal(0, noise, len(data)), 0.01, 0.99)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return worlds.dataset(900, 2)


@pytest.fixture(scope="module")
def found(data: Dataset) -> Evaluation:
    rivals = [
        Scores("prior", np.full(len(data), 0.4), "a rate"),
        Scores("same", told(data), "the very same"),
        Scores("champion", None, "there is no champion"),
    ]
    return evaluate(data, told(data), rivals, seed=7, grades=GRADES, draws=100)


def test_metrics_equal_scikit_learn(data: Dataset, found: Evaluation) -> None:
    y, p, w = data.labels, told(data), data.weights
    expected = {
        "auroc": roc_auc_score(y, p, sample_weight=w),
        "average_precision": average_precision_score(y, p, sample_weight=w),
        "brier": brier_score_loss(y, p, sample_weight=w),
        "log_loss": log_loss(y, p, sample_weight=w),
    }
    for name, value in expected.items():
        assert found.metrics[name].value == pytest.approx(value, abs=1e-9)
        assert found.metrics[name].low < value < found.metrics[name].high


def test_reliability_equals_scikit_learn(data: Dataset) -> None:
    flat = replace(data, weights=np.ones(len(data)))
    got = evaluate(flat, told(data), seed=7, draws=10)
    rate, mean = calibration_curve(data.labels, told(data), n_bins=BINS, strategy="quantile")
    np.testing.assert_allclose([b.predicted for b in got.reliability], mean, atol=1e-9)
    np.testing.assert_allclose([b.observed.value for b in got.reliability], rate, atol=1e-9)


def test_decision_curve_equals_dcurves(data: Dataset) -> None:
    frame = pd.DataFrame({"y": data.labels, "p": told(data)})
    got = evaluate(replace(data, weights=np.ones(len(data))), told(data), seed=7, draws=10)
    cuts = got.benefit.thresholds
    theirs = dca(data=frame, outcome="y", modelnames=["p"], thresholds=cuts)
    for name, mine in (("p", [i.value for i in got.benefit.score]), ("all", got.benefit.everyone)):
        expected = theirs[theirs["model"] == name].sort_values("threshold")["net_benefit"]
        np.testing.assert_allclose(mine, expected.to_numpy(), atol=1e-9)


def test_bands_add_up_to_all(data: Dataset, found: Evaluation) -> None:
    y = DescrStatsW(data.labels, weights=data.weights).mean
    p = DescrStatsW(told(data), weights=data.weights).mean
    for bands in (found.tenths, found.reliability, found.grades):
        assert sum(b.share for b in bands) == pytest.approx(1.0)
        assert sum(b.share * b.observed.value for b in bands) == pytest.approx(y)
        assert sum(b.share * b.predicted for b in bands) == pytest.approx(p)
        assert sum(b.share * b.lift for b in bands) == pytest.approx(1.0)
    assert [b.name for b in found.grades] == ["A", "B", "C", "D"]
    assert found.tenths[0].name == "90 to 100%"
    assert found.tenths[0].predicted > found.tenths[-1].predicted


def test_a_grade_holds_what_reaches_its_least_probability(data: Dataset) -> None:
    chance = np.where(np.arange(len(data)) < 450, 0.5, 0.49999)
    got = evaluate(data, chance, seed=7, grades=GRADES, draws=10).grades
    assert [(b.name, round(b.predicted, 5)) for b in got] == [("B", 0.5), ("C", 0.49999)]


def test_the_brier_score_is_the_sum_of_its_parts(data: Dataset, found: Evaluation) -> None:
    parts = found.brier
    total = parts["reliability"] - parts["resolution"] + parts["uncertainty"] + parts["within"]
    assert total == pytest.approx(found.metrics["brier"].value, abs=1e-12)
    place = bins_of(told(data), data.weights, BINS)
    assert len(found.reliability) == len(np.unique(place))


def test_differences_to_rivals_are_paired(found: Evaluation) -> None:
    prior, same, champion = found.rivals
    assert all((i.value, i.low, i.high) == (0, 0, 0) for i in same.over.values())
    assert prior.metrics["auroc"].value == 0.5
    assert prior.over["auroc"].value == pytest.approx(found.metrics["auroc"].value - 0.5)
    assert (prior.over["auroc"].low > 0) == (found.metrics["auroc"].low > 0.5)
    assert not champion.over
    assert champion.note == "there is no champion"


def test_slices_cut_the_tests_time_and_keep_moments_whole(data: Dataset, found: Evaluation) -> None:
    assert sum(s.rows for s in found.slices) == len(data)
    assert sum(s.positives for s in found.slices) == data.labels.sum()
    begins = [s.begins for s in found.slices]
    assert begins == sorted(set(begins))
    assert len(found.slices) == 6


def test_of_one_moment_there_is_one_slice(data: Dataset) -> None:
    still = replace(data, moments=np.zeros(len(data), dtype=np.int64))
    assert len(evaluate(still, told(data), seed=7, draws=5).slices) == 1


def test_it_is_the_same_each_time_and_can_be_read_back(data: Dataset, found: Evaluation) -> None:
    again = evaluate(data, told(data), seed=7, grades=GRADES, draws=100)
    assert again.metrics == found.metrics
    assert again.slices == found.slices
    read = msgspec.json.decode(msgspec.json.encode(found), type=Evaluation)
    assert read.metrics == found.metrics


def test_a_part_of_one_class_has_no_auroc_and_can_be_read_back(data: Dataset) -> None:
    early = data.moments <= np.quantile(data.moments, 0.2)
    got = evaluate(
        replace(data, labels=np.where(early, 0, data.labels)), told(data), seed=1, draws=5
    )
    assert got.slices[0].auroc is None
    assert got.slices[-1].auroc is not None
    assert msgspec.json.decode(msgspec.json.encode(got), type=Evaluation).slices == got.slices
