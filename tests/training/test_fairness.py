"""The audit of groups: against fairlearn, honest about chance, and clear about who is too few."""

from dataclasses import replace

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    selection_rate,
    true_positive_rate,
    true_positive_rate_difference,
)
from numpy.typing import NDArray

from measures.resampling import ResampledMeasure
from tests.training import worlds
from training.config import Audit, Fairness
from training.data.audit_groups import groups_of
from training.data.dataset import Dataset
from training.evaluation.fairness import FairnessReport, audit, greatest, threshold
from training.report.fairness_page import audit_page

Array = NDArray[np.float64]
ASKED = Fairness(groups=(Audit(feature="region"),), top_share=0.3, min_rows=20)


def world(rows: int, seed: int, unfair: float = 0.0) -> tuple[Dataset, Array]:
    """Rows of three regions; `unfair` lowers the told probability in one of them."""
    random = np.random.default_rng(seed)
    region = random.choice(np.array(["north", "south", "west"], dtype=object), rows)
    data = replace(worlds.dataset(rows, seed), aside={"region": region})
    chance = 1 / (1 + np.exp(0.5 - np.nan_to_num(data.numbers[:, 0]) - (data.texts[:, 0] == "a")))
    return data, np.clip(chance - unfair * (region == "west"), 0.01, 0.99)


def audited(data: Dataset, chance: Array, asked: Fairness = ASKED) -> FairnessReport:
    return audit(asked, data, chance, seed=7, draws=200)


def test_points_equal_fairlearn() -> None:
    data, chance = world(900, 1, unfair=0.15)
    report = audited(data, chance)
    y, picked, region = data.labels, chance >= report.threshold, data.aside["region"]
    frame = MetricFrame(
        metrics={"selection": selection_rate, "found": true_positive_rate},
        y_true=y,
        y_pred=picked,
        sensitive_features=region,
        sample_params={m: {"sample_weight": data.weights} for m in ("selection", "found")},
    )
    (one,) = report.features
    for group in one.groups:
        told = frame.by_group.loc[group.name]
        assert group.selection is not None
        assert group.found is not None
        assert group.selection.value == pytest.approx(told["selection"], abs=1e-9)
        assert group.found.value == pytest.approx(told["found"], abs=1e-9)
        assert group.selection.low < group.selection.value < group.selection.high
    given = {"sensitive_features": region, "sample_weight": data.weights}
    gap = demographic_parity_difference(y, picked, **given)
    assert one.gaps["selection"].value == pytest.approx(gap, abs=1e-9)
    gap = true_positive_rate_difference(y, picked, **given)
    assert one.gaps["found"].value == pytest.approx(gap, abs=1e-9)


def test_an_unfair_version_is_shown_to_be() -> None:
    metrics = audited(*world(3000, 2, unfair=0.3)).metrics()
    assert metrics["fairness_selection_gap"].low > 0.1
    assert metrics["fairness_found_gap"].low > 0.1
    assert metrics["fairness_calibration_gap"].low > 0.15


def test_of_a_fair_version_low_ends_are_0_as_often_as_promised() -> None:
    lows = []
    for seed in range(40):
        data, chance = world(400, seed)
        report = audit(ASKED, data, chance, seed=1, draws=100)
        lows.append([g.low for g in report.features[0].gaps.values()])
    assert (np.array(lows) > 0).mean(axis=0).max() <= 0.175  # 0.05 promised, of 40
    assert np.array(lows).shape == (40, 3)


def test_the_greatest_of_differences_holds_the_truth() -> None:
    inside = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        true = np.array([0.0, 0.1, -0.2, 0.05])
        rows = true + random.normal(0, 0.5, (200, 4))
        picks = random.integers(0, 200, (200, 200))
        drawn = rows[picks].mean(axis=1)
        compared = [
            ResampledMeasure(float(v), d) for v, d in zip(rows.mean(axis=0), drawn.T, strict=True)
        ]
        got = greatest(compared, 0.95)
        inside += got.low <= 0.2 <= got.high
    assert inside >= 90


def test_groups_too_small_are_shown_and_not_judged() -> None:
    data, chance = world(600, 3)
    region = data.aside["region"].copy()
    region[:5] = "tiny"
    report = audited(replace(data, aside={"region": region}), chance)
    tiny = next(g for g in report.features[0].groups if g.name == "tiny")
    assert tiny.rows == 5
    assert tiny.judged == ()
    without = audited(replace(data, aside={"region": region}).take(np.arange(5, 600)), chance[5:])
    assert report.features[0].gaps.keys() == without.features[0].gaps.keys()
    page = audit_page("v", report)
    assert page.count(" *") >= 3
    assert "| tiny |" in page


def test_a_feature_that_is_not_there_is_named() -> None:
    data, chance = world(300, 4)
    asked = Fairness(groups=(Audit(feature="planet"), Audit(feature="region")), min_rows=20)
    report = audited(data, chance, asked)
    assert report.features[0].note
    assert "Not measured: there is no feature of that name" in audit_page("v", report)
    assert report.metrics()["fairness_selection_gap"].level == pytest.approx(0.975)


def test_everyone_and_one_group_have_no_gap() -> None:
    data, chance = world(300, 5)
    alike = replace(data, aside={"region": np.full(300, "north", dtype=object)})
    gaps = audited(alike, chance).features[0].gaps
    assert set(gaps) == {"calibration"}


def test_arms_whose_treatment_works_are_shown_and_gate_nothing() -> None:
    random = np.random.default_rng(11)
    arm = random.choice(np.array(["call", "none"], dtype=object), 4000)
    chance = np.where(arm == "call", 0.4, 0.1)
    data = replace(worlds.dataset(4000, 11), labels=(random.random(4000) < chance).astype(int))
    data = replace(data, aside={"arm": arm, "region": random.choice(["north", "south"], 4000)})
    protected, arms = Audit(feature="region"), Audit(feature="arm", kind="arm")
    report = audited(data, chance, Fairness(groups=(protected, arms), min_rows=20))
    shown = {group.name: group for group in report.features[1].groups}
    over = shown["call"].over or shown["none"].over
    assert over is not None
    assert 0.2 < abs(over.value) < 0.4
    assert not over.low <= 0 <= over.high
    assert [shown[n].rate is not None for n in ("call", "none")] == [True, True]
    assert report.metrics()["fairness_selection_gap"].low < 0.1
    assert report.metrics()["fairness_selection_gap"].level == pytest.approx(0.95)
    assert "no gate looks at them" in audit_page("v", report)
    alone = audited(data, chance, Fairness(groups=(arms,), min_rows=20))
    assert alone.metrics() == {}
    gated = audited(data, chance, Fairness(groups=(Audit(feature="arm"),), min_rows=20))
    assert gated.metrics()["fairness_selection_gap"].low > 0.9


def test_numbers_are_cut_into_declared_bins() -> None:
    values = np.array([0.0, 49.9, 50.0, 499.0, 500.0, np.nan])
    told = groups_of(values, (50, 500)).tolist()
    expected = ["below 50", "below 50", "50 to below 500", "50 to below 500", "500 and more"]
    assert told == [*expected, "missing"]
    words = np.array(["DE", None, ""], dtype=object)
    assert groups_of(words, ()).tolist() == ["DE", "missing", "missing"]


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.99])
def test_the_best_share_is_selected(share: float) -> None:
    data, chance = world(500, 6)
    asked = Fairness(top_share=share)
    least = threshold(asked, chance, data.weights)
    taken = data.weights[chance >= least].sum() / data.weights.sum()
    assert share <= taken + 1e-12 < share + data.weights.max() / data.weights.sum() + 1e-9
    assert threshold(Fairness(threshold=0.4), chance, data.weights) == 0.4
