"""Builds the explanation table of a CatBoost model, and checks it against CatBoost's own values.

An oblivious tree asks the same question at every node of a level, so a leaf fixes the answer to
each of them and with it the SHAP values of every row that reaches it. What a tree expects when
some features are missing is its leaf values averaged down the tree, from the deepest level up,
each child by its share of its parent's weight (path-dependent TreeSHAP: Lundberg et al. 2020).
The Shapley value is then a weighted sum over all subsets of the tree's few distinct features.

Leaves that no training row reached have weight 0. As in CatBoost they count for nothing where
features are missing. A row that reaches such a leaf all the same shares its value out in equal
parts among the tree's features: contributions and bias add up to the raw score for every row.
Most often the value is 0 and both agree. Monotone constraints and sample weights of 0 leave
other values there; CatBoost then adds the rows it is asked about to the weights, so that its
answer depends on them. The table never does; `check_table` allows for the difference.
"""

from collections import defaultdict
from dataclasses import replace
from math import factorial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from domain.errors import Refused
from domain.versions.explanation_table import ExplanationTable
from training.model.catboost_trees import Forest, read_forest

if TYPE_CHECKING:
    from catboost import CatBoostClassifier

DEEPEST = 10
"""Deeper trees are refused: a tree's work and memory grow with 4 to the power of its depth."""

CELLS = 1 << 22
"""Cells [trees, subsets, leaves] worked on at a time: bounds memory."""

Array = NDArray[np.float64]


def build_table(model: "CatBoostClassifier", features: tuple[str, ...]) -> ExplanationTable:
    """The table of a fitted two-class model whose columns are `features`, in its order.

    Raises Refused for a model that no exact table can be made of: asymmetric trees, trees deeper
    than DEEPEST, text or embedding columns, more than two classes, a scale other than 1, splits
    on combinations of features (train with max_ctr_complexity=1), or other columns.
    """
    return _assemble(read_forest(model, len(features)), features)


def check_table(
    table: ExplanationTable, model: "CatBoostClassifier", data: Any, *, tolerance: float = 1e-9
) -> float:
    """The largest absolute difference between the table and the model on some rows.

    `data` is a catboost Pool, or an array or frame of the model's columns. Compared are
    contributions and bias with `get_feature_importance(type="ShapValues")`, and their sum with
    the raw score. Where CatBoost adds the rows to its weights (see above), it is compared with a
    table of those weights, and the table with the one built anew. Raises Refused with rule
    `explanation-exact` above the tolerance, where a value is not finite, or without rows.
    """
    from catboost import Pool

    pool = (
        data if isinstance(data, Pool) else Pool(data, cat_features=model.get_cat_feature_indices())
    )
    if pool.num_row() == 0:
        raise Refused("no rows to compare the table on", rule="explanation-exact")
    forest = read_forest(model, len(table.features))
    if not _fits(table, forest):
        raise Refused("the explanation table belongs to another model", rule="explanation-exact")
    leaves = np.asarray(model.calc_leaf_indexes(pool), dtype=np.int64)
    gaps = [_gap_to_raw(table, model, pool, leaves)]
    reference = table
    if forest.valued_unreached:
        gaps.append(_gap_between(table, _assemble(forest, table.features)))
        weights = np.asarray(pool.get_weight(), dtype=np.float64)
        reference = _assemble(_with_rows(forest, leaves, weights), table.features)
    gaps.append(_gap_to_shap(reference, model, pool, leaves))
    worst = float(np.max(gaps))
    if not worst <= tolerance:
        raise Refused(
            f"the explanation table is off by {worst:.3g}, must be <= {tolerance:.3g}",
            rule="explanation-exact",
            todo="Build the table from this model.",
        )
    return worst


def _fits(table: ExplanationTable, forest: Forest) -> bool:
    """Whether the table has a row for each leaf, and columns for each tree."""
    return (
        np.array_equal(table.starts, forest.starts)
        and table.columns.shape == (len(forest.levels), table.values.shape[1])
        and len(table.values) == len(forest.values)
        and bool(np.all((table.columns >= 0) & (table.columns <= len(table.features))))
    )


def _gap_to_raw(table: ExplanationTable, model: Any, pool: Any, leaves: NDArray[np.int64]) -> float:
    raw = np.asarray(model.predict(pool, prediction_type="RawFormulaVal"), dtype=np.float64)
    return float(np.max(np.abs(table.explain(leaves).sum(axis=1) + table.bias - raw)))


def _gap_to_shap(
    table: ExplanationTable, model: Any, pool: Any, leaves: NDArray[np.int64]
) -> float:
    theirs = np.asarray(model.get_feature_importance(pool, type="ShapValues"), dtype=np.float64)
    ours = np.column_stack([table.explain(leaves), np.full(len(leaves), table.bias)])
    return float(np.max(np.abs(ours - theirs)))


def _gap_between(a: ExplanationTable, b: ExplanationTable) -> float:
    if a.values.shape != b.values.shape or not np.array_equal(a.columns, b.columns):
        return np.inf
    return float(max(abs(a.bias - b.bias), np.max(np.abs(a.values - b.values), initial=0.0)))


def _with_rows(forest: Forest, leaves: NDArray[np.int64], weights: Array) -> Forest:
    """The forest whose leaf weights count these rows too."""
    at = (leaves + forest.starts).ravel()
    each = np.repeat(weights, leaves.shape[1])
    return replace(forest, weights=forest.weights + np.bincount(at, each, len(forest.weights)))


def _assemble(forest: Forest, features: tuple[str, ...]) -> ExplanationTable:
    deepest = max((len(levels) for levels in forest.levels), default=0)
    if deepest > DEEPEST:
        raise Refused(
            f"a tree has {deepest} levels, must be <= {DEEPEST}",
            rule="explanation-depth",
            todo="Train with a smaller depth.",
        )
    values = np.zeros((len(forest.values), max(deepest, 1)))
    columns = np.full((len(forest.levels), max(deepest, 1)), len(features), dtype=np.int64)
    bias = forest.bias
    for pattern, trees in _by_pattern(forest).items():
        coefficients = _coefficients(pattern)
        for part in _parts(trees, len(pattern)):
            at = forest.starts[part][:, None] + np.arange(1 << len(pattern))
            expected, means = _expected(len(pattern), forest.values[at], forest.weights[at])
            values[at, : len(coefficients)] = np.swapaxes(coefficients @ expected, 1, 2)
            bias += float(means.sum())
        for tree in trees:
            distinct = tuple(dict.fromkeys(forest.levels[tree]))
            columns[tree, : len(distinct)] = distinct
    levels = np.full_like(columns, len(features))
    borders = np.full(columns.shape, np.nan, dtype=np.float32)
    missing = np.zeros(columns.shape, dtype=np.bool_)
    for tree, levels_of_tree in enumerate(forest.levels):
        levels[tree, : len(levels_of_tree)] = levels_of_tree
        borders[tree, : len(levels_of_tree)] = forest.borders[tree]
        missing[tree, : len(levels_of_tree)] = forest.missing[tree]
    return ExplanationTable(
        features, bias, forest.starts, columns, values, levels, borders, missing
    )


def _by_pattern(forest: Forest) -> dict[tuple[int, ...], list[int]]:
    """Trees by which of their levels share a feature: (0, 1, 0) where the first and third do."""
    groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for tree, levels in enumerate(forest.levels):
        order = {feature: k for k, feature in enumerate(dict.fromkeys(levels))}
        groups[tuple(order[feature] for feature in levels)].append(tree)
    return groups


def _parts(trees: list[int], depth: int) -> list[list[int]]:
    size = max(1, CELLS >> (2 * depth))
    return [trees[at : at + size] for at in range(0, len(trees), size)]


def _coefficients(pattern: tuple[int, ...]) -> Array:
    """Shapley's coefficients [distinct features, subsets of levels], zero for other subsets."""
    count = max(pattern, default=-1) + 1
    coefficients = np.zeros((count, 1 << len(pattern)))
    for subset in range(1 << count):
        mask = sum(1 << level for level, k in enumerate(pattern) if subset >> k & 1)
        size = subset.bit_count()
        for k in range(count):
            without = size - (subset >> k & 1)
            share = factorial(without) * factorial(count - without - 1) / factorial(count)
            coefficients[k, mask] = share if without < size else -share
    return coefficients


def _expected(depth: int, values: Array, weights: Array) -> tuple[Array, Array]:
    """What each tree expects when some levels are known, and its mean [trees] when none is.

    Of the first [trees, 2^depth subsets of levels, leaves], bit i of a subset says that level i,
    which is bit i of the leaf's index, is known.
    """
    trees = len(values)
    weighted = np.where(weights > 0, values, 0.0)[:, None, :]
    for level in range(depth):
        children = weights.reshape(trees, -1, 2)
        weights = children.sum(axis=2)
        parent = weights[:, :, None]
        shares = np.divide(children, parent, out=np.zeros_like(children), where=parent > 0)
        split = weighted.reshape(trees, 1 << level, -1, 2, 1 << level)
        mean = (split * shares[:, None, :, :, None]).sum(axis=3, keepdims=True)
        unknown = np.broadcast_to(mean, split.shape).reshape(weighted.shape)
        weighted = np.concatenate([unknown, weighted], axis=1)
    means = weighted[:, 0, 0].copy()
    weighted[:, -1, :] = values
    return weighted, means
