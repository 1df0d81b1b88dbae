"""The explanation table against CatBoost's own SHAP values, and against its raw scores."""

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from catboost import CatBoostClassifier, Pool, sum_models
from numpy.typing import NDArray

from domain.errors import Refused
from domain.versions.explanation_table import ExplanationTable, load_table
from training.model.shap_table import build_table, check_table

NAMES = ("a", "b", "c", "d", "two", "twelve", "thirty")
CATS = [4, 5, 6]
Rows = NDArray[np.object_]


def rows(n: int, seed: int, *, unseen: bool = False) -> tuple[Rows, NDArray[np.int64]]:
    """Four numbers, a fifth of them missing, and categories of 2, 12 and 30 values."""
    random = np.random.default_rng(seed)
    x = np.empty((n, 7), dtype=object)
    numbers = random.normal(size=(n, 4))
    score = numbers[:, 0] - 0.5 * numbers[:, 1] * numbers[:, 2]
    numbers[random.random((n, 4)) < 0.2] = np.nan
    x[:, :4] = numbers
    for at, values in zip(CATS, (2, 12, 30), strict=True):
        codes = random.integers(0, values, n)
        score += np.where(codes % 3 == 1, 0.8, -0.2)
        x[:, at] = codes.astype(str)
    if unseen:
        x[: n // 5, 6] = "never seen"
        x[n // 5 : n // 4, 4] = "nor this"
    return x, (random.random(n) < 1 / (1 + np.exp(0.5 - score))).astype(np.int64)


def fit(n: int, seed: int, **changes: Any) -> CatBoostClassifier:
    x, y = rows(n, seed)
    settings = {
        "iterations": 20,
        "depth": 4,
        "max_ctr_complexity": 1,
        "one_hot_max_size": 4,
        "random_seed": seed,
        "cat_features": CATS,
        "thread_count": 1,
        "verbose": False,
        "allow_writing_files": False,
    }
    return CatBoostClassifier(**(settings | changes)).fit(x, y)


def pool(n: int, seed: int) -> Pool:
    return Pool(rows(n, seed, unseen=True)[0], cat_features=CATS)


def gap_to_raw(table: ExplanationTable, model: CatBoostClassifier, data: Pool) -> float:
    total = table.explain(model.calc_leaf_indexes(data)).sum(axis=1) + table.bias
    return float(np.max(np.abs(total - model.predict(data, prediction_type="RawFormulaVal"))))


def test_equals_catboost_with_categories_unseen_ones_and_missing_values(tmp_path: Path) -> None:
    model = fit(3000, 1, iterations=100, depth=6)
    table = build_table(model, NAMES)
    data = pool(1500, 2)
    theirs = np.asarray(model.get_feature_importance(data, type="ShapValues"))
    ours = table.explain(model.calc_leaf_indexes(data))
    assert np.max(np.abs(ours - theirs[:, :-1])) < 1e-9
    assert np.max(np.abs(table.bias - theirs[:, -1])) < 1e-9
    assert np.all(np.abs(theirs[:, :-1]).max(axis=0) > 0), "a feature that no tree uses"
    assert check_table(table, model, data) < 1e-9
    table.save(tmp_path / "table.npz")
    assert check_table(load_table(tmp_path / "table.npz"), model, data) < 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_equals_catboost_on_small_random_models(seed: int) -> None:
    # few rows and deep trees: most leaves are never reached in training
    random = np.random.default_rng(seed)
    changes: dict[str, Any] = {
        "iterations": int(random.integers(1, 12)),
        "depth": int(random.integers(1, 8)),
        "one_hot_max_size": int(random.choice([1, 4, 20])),
        "learning_rate": float(random.uniform(0.05, 0.9)),
        "boost_from_average": bool(random.integers(2)),
        "leaf_estimation_iterations": int(random.integers(1, 4)),
    }
    if random.integers(2):
        changes["class_weights"] = [1, 7]
    model = fit(int(random.integers(30, 300)), seed, **changes)
    table = build_table(model, NAMES)
    assert check_table(table, model, pool(300, seed + 100)) < 1e-9


@pytest.mark.parametrize(
    "changes",
    [
        {"monotone_constraints": {0: 1, 1: -1}},
        {"monotone_constraints": {0: 1}, "class_weights": [1, 5], "depth": 6},
        {"langevin": True, "iterations": 40},
        {"model_shrink_rate": 0.1},
        {"auto_class_weights": "Balanced"},
        {"simple_ctr": ["Buckets", "BinarizedTargetMeanValue", "Counter"]},
        {"nan_mode": "Max"},
    ],
)
def test_equals_catboost_under_other_training(changes: dict[str, Any]) -> None:
    model = fit(80, 3, **changes)
    table = build_table(model, NAMES)
    assert check_table(table, model, pool(500, 4)) < 1e-9


def test_leaves_that_training_never_reached_may_hold_values() -> None:
    model = fit(60, 3, monotone_constraints={0: 1, 1: -1}, depth=5)
    assert np.any((model.get_leaf_weights() == 0) & (model.get_leaf_values() != 0))
    table = build_table(model, NAMES)
    everyone = pool(1000, 5)
    assert gap_to_raw(table, model, everyone) < 1e-9
    assert check_table(table, model, everyone) < 1e-9
    # CatBoost's own values depend on the rows it is asked about; the table's do not
    x, _ = rows(1000, 5, unseen=True)
    some = Pool(x[:10], cat_features=CATS)
    theirs = model.get_feature_importance(everyone, type="ShapValues")[:10]
    assert np.max(np.abs(theirs - model.get_feature_importance(some, type="ShapValues"))) > 1e-6
    assert check_table(table, model, some) < 1e-9
    bad = replace(table, values=table.values * 1.001)
    with pytest.raises(Refused):
        check_table(bad, model, some)
    with pytest.raises(Refused):
        check_table(build_table(fit(60, 4), NAMES), model, some)


def test_weighted_rows_are_counted_as_catboost_counts_them() -> None:
    x, y = rows(80, 6)
    weights = np.where(np.arange(80) < 25, 0.0, 1.5)
    model = fit(80, 6)
    again = CatBoostClassifier(**model.get_params()).fit(x, y, sample_weight=weights)
    random = np.random.default_rng(7)
    data = Pool(rows(200, 7)[0], cat_features=CATS, weight=random.exponential(size=200))
    assert check_table(build_table(again, NAMES), again, data) < 1e-9


def test_one_tree_a_tree_without_levels_and_a_shifted_bias() -> None:
    one = fit(200, 8, iterations=1)
    assert check_table(build_table(one, NAMES), one, pool(100, 9)) < 1e-9
    # monotone constraints leave trees that have no split
    bare = fit(60, 1, monotone_constraints={0: 1, 1: -1}, iterations=40, depth=5)
    assert 1 in bare.get_tree_leaf_counts()
    assert check_table(build_table(bare, NAMES), bare, pool(100, 9)) < 1e-9
    one.set_scale_and_bias(1.0, 0.75)
    assert check_table(build_table(one, NAMES), one, pool(100, 9)) < 1e-9


def test_a_sum_of_models() -> None:
    both = sum_models([fit(100, 10), fit(100, 10, random_seed=3)], weights=[0.3, 0.7])
    assert check_table(build_table(both, NAMES), both, pool(100, 11)) < 1e-9


def test_arrays_will_do_for_rows() -> None:
    model = fit(200, 12)
    assert check_table(build_table(model, NAMES), model, rows(50, 13)[0]) < 1e-9


@pytest.mark.parametrize("what", ["value", "bias", "column", "nan", "other model"])
def test_a_wrong_table_is_refused(what: str) -> None:
    model = fit(300, 14)
    table = build_table(model, NAMES)
    values = table.values.copy()
    match what:
        case "value":
            reached = table.starts[0] + model.calc_leaf_indexes(pool(100, 15))[0, 0]
            values[reached, :2] += [1e-6, -1e-6]  # their sum is right all the same
            table = replace(table, values=values)
        case "bias":
            table = replace(table, bias=table.bias + 1e-6)
        case "column":
            table = replace(table, columns=np.roll(table.columns, 1, axis=1))
        case "nan":
            table = replace(table, values=values * np.nan)
        case "other model":
            table = build_table(fit(300, 16, random_seed=1), NAMES)
    with pytest.raises(Refused) as caught:
        check_table(table, model, pool(100, 15))
    assert caught.value.rule == "explanation-exact"


def test_no_rows_prove_nothing() -> None:
    model = fit(100, 17)
    with pytest.raises(Refused) as caught:
        check_table(build_table(model, NAMES), model, pool(10, 1).slice([]))
    assert caught.value.rule == "explanation-exact"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"max_ctr_complexity": 3, "iterations": 80}, "explanation-single-features"),
        ({"grow_policy": "Depthwise"}, "explanation-oblivious-trees"),
        ({"grow_policy": "Lossguide"}, "explanation-oblivious-trees"),
    ],
)
def test_models_without_an_exact_table_are_refused(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(Refused) as caught:
        build_table(fit(400, 18, **changes), NAMES)
    assert caught.value.rule == rule


def test_other_columns_classes_scales_and_kinds_are_refused() -> None:
    model = fit(100, 19, iterations=2)
    settings = {"iterations": 2, "verbose": False, "allow_writing_files": False}
    random = np.random.default_rng(1)
    three = CatBoostClassifier(**settings).fit(random.random((60, 2)), np.arange(60) % 3)
    words = np.array([[1.0, "a b"], [2.0, "b c"], [3.0, "a"], [4.0, "c b"]] * 20, dtype=object)
    text = CatBoostClassifier(text_features=[1], **settings).fit(words, np.arange(80) % 2)
    cases = [
        (model, NAMES[:-1], "explanation-features"),
        (three, ("a", "b"), "explanation-one-score"),
        (text, ("a", "b"), "explanation-columns"),
        (CatBoostClassifier(), ("a",), "explanation-columns"),
    ]
    for refused, names, rule in cases:
        with pytest.raises(Refused) as caught:
            build_table(refused, names)
        assert caught.value.rule == rule
    x = random.normal(size=(2000, 12))
    deep = CatBoostClassifier(depth=11, **settings).fit(x, x.sum(axis=1) > 0)
    assert deep.get_tree_leaf_counts().max() > 1024
    with pytest.raises(Refused) as caught:
        build_table(deep, tuple("abcdefghijkl"))
    assert caught.value.rule == "explanation-depth"
    model.set_scale_and_bias(2.0, 0.0)
    with pytest.raises(Refused) as caught:
        build_table(model, NAMES)
    assert caught.value.rule == "explanation-scale"


def test_400_trees_of_depth_6_take_no_time() -> None:
    model = fit(1000, 20, iterations=400, depth=6, thread_count=2)
    begun = perf_counter()
    build_table(model, NAMES)
    assert perf_counter() - begun < 5  # about 0.3 s; room for a busy machine
