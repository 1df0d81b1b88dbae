"""The gate at the model's input: against the training profile, on rows and on frames."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from domain.findings import QualityFindings
from domain.state import Matrix
from domain.versions.input_profile import (
    MOST_VALUES,
    InputProfile,
    profile_inputs,
    read_profile,
    write_profile,
)
from feature_repo.catalogue import category_names, number_names
from scoring.model.input_gate import InputGate, InputRules
from tests.training.worlds import DEFINITION

NAMES, TEXTS = number_names(DEFINITION), category_names(DEFINITION)
USED = (*NAMES[:10], "country")
"""A version takes some features only: training leaves out those that are constant."""
RULES = InputRules()
NONE: Mapping[str, float] = MappingProxyType({})


def training() -> tuple[Matrix, "np.ndarray[tuple[int, int], np.dtype[np.object_]]"]:
    random = np.random.default_rng(1)
    numbers = random.uniform(0.0, 10.0, (400, 10))
    numbers[0], numbers[1] = 0.0, 10.0
    numbers[random.random(numbers.shape) < 0.1] = np.nan
    numbers[:2] = np.nan_to_num(numbers[:2], nan=5.0)
    numbers[0], numbers[1] = 0.0, 10.0
    numbers[2, :4] = np.nan
    return numbers, random.choice(np.array(["DE", "FR", ""], dtype=object), (400, 1))


def profile() -> InputProfile:
    return profile_inputs(USED, *training())


def row(values: Mapping[str, float] = NONE, country: str = "DE") -> tuple[Matrix, list[list[str]]]:
    numbers = np.full((1, len(NAMES)), 5.0)
    for name, value in values.items():
        numbers[0, NAMES.index(name)] = value
    return numbers, [[country if name == "country" else "x" for name in TEXTS]]


def judged(
    numbers: Matrix, texts: list[list[str]]
) -> tuple[list[bool], dict[tuple[str, str], int]]:
    found = QualityFindings()
    degraded = InputGate(profile(), DEFINITION, RULES).degraded(numbers, texts, found)
    return degraded, {(f.rule, f.about): n for f, n in found.counts().items()}


def test_a_row_like_training_is_not_degraded() -> None:
    assert judged(*row()) == ([False], {})


@pytest.mark.parametrize("value", [0.0, 10.0, -1.0, 11.0, np.nan])
def test_the_range_and_its_slack_are_in_profile(value: float) -> None:
    assert judged(*row({NAMES[0]: value})) == ([False], {})


@pytest.mark.parametrize("value", [-1.01, 11.01, np.inf])
def test_one_number_out_of_range_is_counted_and_borne(value: float) -> None:
    assert judged(*row({NAMES[0]: value})) == ([False], {("out-of-range", NAMES[0]): 1})


def test_what_the_version_does_not_take_is_not_looked_at() -> None:
    assert judged(*row({NAMES[-1]: 1e9})) == ([False], {})


def test_a_category_never_seen_is_counted_and_a_missing_one_is_not() -> None:
    assert judged(*row(country="US")) == ([False], {("unseen-category", "country"): 1})
    assert judged(*row(country="")) == ([False], {})


def test_too_much_out_of_profile_degrades() -> None:
    far = dict.fromkeys(NAMES[:3], 50.0)
    degraded, counts = judged(*row(far))
    assert degraded == [True]
    assert counts == {("out-of-range", name): 1 for name in far}


def test_more_missing_than_in_any_training_row_degrades() -> None:
    most = profile().most_missing
    borne = dict.fromkeys(NAMES[: most + 1], np.nan)
    assert judged(*row(borne)) == ([False], {})
    lacking = dict.fromkeys(NAMES[: most + 2], np.nan)
    assert judged(*row(lacking)) == ([True], {("too-much-missing", ""): 1})


def test_rows_are_judged_one_by_one_or_together() -> None:
    one, other = row(), row(dict.fromkeys(NAMES[:3], 50.0))
    numbers = np.concatenate([one[0], other[0], one[0]])
    assert judged(numbers, one[1] + other[1] + one[1])[0] == [False, True, False]


def test_columns_of_many_rows_are_compared_with_training() -> None:
    numbers, texts = (np.repeat(row()[0], RULES.least_rows, axis=0), row()[1] * RULES.least_rows)
    assert judged(numbers, texts)[1] == {}
    numbers[: RULES.least_rows // 2, NAMES.index(NAMES[4])] = np.nan
    texts = [[""] * len(TEXTS) if i % 10 < 6 else t for i, t in enumerate(texts)]
    assert judged(numbers, texts)[1] == {("null-rate", NAMES[4]): 1, ("null-rate", "country"): 1}
    assert judged(numbers[1:], texts[1:])[1] == {}, "too few rows to say"


def test_a_profile_is_kept_beside_the_version(tmp_path: Path) -> None:
    assert read_profile(tmp_path) is None
    write_profile(profile(), tmp_path)
    assert read_profile(tmp_path) == profile()


def test_a_profile_bears_columns_without_values_and_with_too_many() -> None:
    numbers = np.full((MOST_VALUES + 1, 1), np.nan)
    texts = np.array([[f"v{i}"] for i in range(MOST_VALUES + 1)], dtype=object)
    made = profile_inputs((NAMES[0], "country"), numbers, texts)
    assert (made.numbers[0].low, made.numbers[0].missing) == (None, 1.0)
    assert made.categories[0].values is None
    found = QualityFindings()
    gate = InputGate(made, DEFINITION, RULES)
    assert not gate.degraded(*row({NAMES[0]: 1e9}, "never seen"), found)[0]
    assert found.counts() == {}
