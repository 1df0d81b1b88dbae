"""A CatBoost model's trees as arrays, read from its JSON export."""

from dataclasses import dataclass
from math import nan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.errors import Refused


@dataclass(frozen=True, slots=True)
class Forest:
    """Oblivious trees. `levels` holds per tree the column that each level splits on.

    Level i decides bit i of a leaf's index; the root is the last. Of a number it asks whether it is
    above the level's border, and what is missing answers as `missing` says; `borders` of categories
    are NaN. `values` and `weights` [leaves] are those of all trees, one after the other; `starts`
    [trees] is where each tree's begin.
    """

    levels: tuple[tuple[int, ...], ...]
    borders: tuple[tuple[float, ...], ...]
    missing: tuple[tuple[bool, ...], ...]
    starts: NDArray[np.int64]
    values: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: float

    @property
    def valued_unreached(self) -> bool:
        """Whether a leaf without weight has a value; CatBoost takes less than 1e-9 for none."""
        return bool(np.any((self.weights == 0) & (np.abs(self.values) >= 1e-9)))


class _Split(msgspec.Struct):
    split_type: str
    split_index: int
    float_feature_index: int = -1
    cat_feature_index: int = -1
    border: float = nan


class _Tree(msgspec.Struct):
    splits: list[_Split] | None = None


class _Column(msgspec.Struct):
    feature_index: int
    flat_feature_index: int
    borders: list[float] | None = None
    values: list[int] | None = None
    nan_value_treatment: str = "AsIs"


class _Element(msgspec.Struct):
    combination_element: str
    cat_feature_index: int = -1


class _Ctr(msgspec.Struct):
    borders: list[float]
    elements: list[_Element]


class _Features(msgspec.Struct):
    float_features: list[_Column] = []
    categorical_features: list[_Column] = []
    ctrs: list[_Ctr] = []


class _Export(msgspec.Struct):
    features_info: _Features
    oblivious_trees: list[_Tree] | None = None


def read_forest(model: Any, columns: int) -> Forest:
    """The trees of a fitted model that takes so many columns.

    Raises Refused where the trees are not oblivious, or not of one raw score from single numeric
    or categorical columns, unscaled.
    """
    export = _export(model)
    if len(model.feature_names_) != columns:
        raise Refused(
            f"{columns} names for the {len(model.feature_names_)} columns of the model",
            rule="explanation-features",
        )
    scale, bias = model.get_scale_and_bias()
    values = np.asarray(model.get_leaf_values(), dtype=np.float64)
    counts = np.asarray(model.get_tree_leaf_counts(), dtype=np.int64)
    if len(values) != counts.sum() or isinstance(bias, list):
        raise Refused("the model has more than one raw score", rule="explanation-one-score")
    if scale != 1:
        raise Refused(f"the model's scale is {scale}, must be 1", rule="explanation-scale")
    return Forest(
        levels=_levels(export),
        borders=tuple(tuple(s.border for s in splits) for splits in _splits(export)),
        missing=_missing(export),
        starts=np.cumsum(counts) - counts,
        values=values,
        weights=np.asarray(model.get_leaf_weights(), dtype=np.float64),
        bias=float(bias),
    )


def _export(model: Any) -> _Export:
    from catboost import CatBoostError

    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        try:
            model.save_model(str(path), format="json")
        except CatBoostError as bad:
            raise Refused(
                "the model is not fitted, has text or embedding columns, or an infinite border",
                rule="explanation-columns",
            ) from bad
        export = msgspec.json.decode(path.read_bytes(), type=_Export)
    if export.oblivious_trees is None:
        raise Refused(
            "the trees are not oblivious",
            rule="explanation-oblivious-trees",
            todo="Train with grow_policy SymmetricTree.",
        )
    return export


def _levels(export: _Export) -> tuple[tuple[int, ...], ...]:
    info = export.features_info
    numbers = {c.feature_index: c.flat_feature_index for c in info.float_features}
    texts = {c.feature_index: c.flat_feature_index for c in info.categorical_features}
    # Splits are numbered: borders of numbers, then one-hot values, then borders of CTRs.
    before = sum(len(c.borders or ()) for c in info.float_features)
    before += sum(len(c.values or ()) for c in info.categorical_features)
    ctrs = [ctr for ctr in info.ctrs for _ in ctr.borders]

    def column(split: _Split) -> int:
        match split.split_type:
            case "FloatFeature":
                return numbers[split.float_feature_index]
            case "OneHotFeature":
                return texts[split.cat_feature_index]
            case "OnlineCtr":
                return _only(ctrs[split.split_index - before], texts)
        raise Refused(
            f"a split is of the unknown type {split.split_type!r}", rule="explanation-columns"
        )

    return tuple(tuple(map(column, splits)) for splits in _splits(export))


def _splits(export: _Export) -> list[list[_Split]]:
    return [tree.splits or [] for tree in export.oblivious_trees or []]


def _missing(export: _Export) -> tuple[tuple[bool, ...], ...]:
    """Whether what is missing counts as more than any border. As it is, NaN is never more."""
    more = {
        c.feature_index: c.nan_value_treatment == "AsTrue"
        for c in export.features_info.float_features
    }
    return tuple(
        tuple(more.get(split.float_feature_index, False) for split in splits)
        for splits in _splits(export)
    )


def _only(ctr: _Ctr, texts: dict[int, int]) -> int:
    """The one column that a CTR is made of."""
    first = ctr.elements[0]
    if len(ctr.elements) > 1 or first.combination_element != "cat_feature_value":
        raise Refused(
            "a split combines several features",
            rule="explanation-single-features",
            todo="Train with max_ctr_complexity=1.",
        )
    return texts[first.cat_feature_index]
