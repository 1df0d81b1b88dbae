"""The leakage guard: leaks of every kind are named with their rule, honest columns are not."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.clock import DAY
from domain.errors import Refused
from training.config import Waiver
from training.data.dataset import Dataset
from training.data.leakage import MOST_ROWS, Suspect, screen, waived

ROWS = 4_000


def rows(seed: int = 1, count: int = ROWS) -> tuple[Dataset, NDArray[np.int64]]:
    """A fair number, a noisy one, a category that tells; a fifth positive, more in the end."""
    random = np.random.default_rng(seed)
    fair = random.normal(size=count)
    texts = random.choice(np.array(["a", "b", "c", ""], dtype=object), (count, 1))
    chance = 1 / (1 + np.exp(2.0 - fair - (texts[:, 0] == "a")))
    labels = (random.random(count) < chance).astype(np.int64)
    eventual = np.maximum(labels, random.random(count) < 0.1).astype(np.int64)
    noise = np.where(random.random(count) < 0.3, np.nan, random.normal(size=count))
    data = Dataset(
        ("fair", "noise", "kind"),
        ("kind",),
        np.column_stack([fair, noise]),
        texts,
        labels,
        np.sort(random.integers(0, 200, count)) * DAY,
        random.integers(-(2**62), 2**62, count),
        np.ones(count),
    )
    return data, eventual


def with_number(data: Dataset, column: NDArray[np.float64]) -> Dataset:
    return replace(
        data,
        features=("new", *data.features),
        numbers=np.column_stack([column, data.numbers]),
    )


def with_text(data: Dataset, column: NDArray[np.object_]) -> Dataset:
    return replace(
        data,
        features=(*data.features, "new"),
        categories=(*data.categories, "new"),
        texts=np.column_stack([data.texts, column]).astype(object),
    )


def named(data: Dataset, eventual: NDArray[np.int64]) -> dict[str, str]:
    return {suspect.feature: suspect.rule for suspect in screen(data, eventual)}


@pytest.mark.parametrize("seed", range(6))
def test_honest_columns_are_not_named(seed: int) -> None:
    assert named(*rows(seed)) == {}


def test_a_number_that_ranks_too_well_is() -> None:
    data, eventual = rows()
    noise = np.random.default_rng(2).normal(size=ROWS)
    assert named(with_number(data, noise + 3 * data.labels), eventual) == {"new": "too-good"}
    # whichever way it points, and where it is no line
    assert named(with_number(data, noise - 3 * data.labels), eventual) == {"new": "too-good"}
    bent = np.where(data.labels == 1, noise / 10, 2 + noise / 10) * np.sign(noise)
    assert named(with_number(data, bent), eventual) == {"new": "too-good"}
    assert named(with_number(data, noise + 0.8 * data.labels), eventual) == {}


def test_one_good_slice_of_time_is_not_enough() -> None:
    data, eventual = rows()
    noise = np.random.default_rng(2).normal(size=ROWS)
    late = np.where(np.arange(ROWS) < 0.8 * ROWS, noise, noise + 3 * data.labels)
    assert named(with_number(data, late), eventual) == {}


def test_a_column_filled_in_for_winners_is_though_few_have_it() -> None:
    """As the deal's columns are: for those who won, within the horizon or after."""
    data, eventual = rows()
    some = np.random.default_rng(3).random(ROWS) < 0.1
    filled = np.where((eventual == 1) & some, 1.0, np.nan)
    found = screen(with_number(data, filled), eventual)
    assert [(s.feature, s.rule) for s in found] == [("new", "presence")]
    assert "100.0%" in found[0].evidence
    text = np.where((eventual == 1) & some, "won deal", "").astype(object)
    assert named(with_text(data, text), eventual) == {"new": "presence"}
    anyone = np.where(some, 1.0, np.nan)
    assert named(with_number(data, anyone), eventual) == {}


def test_a_verdict_is_named_for_settling_the_outcome_both_ways() -> None:
    data, eventual = rows()
    random = np.random.default_rng(4)
    told = random.random(ROWS) < 0.3
    verdict = np.where(told, np.where(data.labels == 1, "good", "bad"), "unsure").astype(object)
    assert named(with_text(data, verdict), eventual) == {"new": "settled"}
    one_way = np.where(told & (data.labels == 1), "good", "unsure").astype(object)
    assert named(with_text(data, one_way), eventual) == {}  # honest columns can be so


def test_identifiers_are_named() -> None:
    data, eventual = rows()
    numbers = np.array([f"id{i}" for i in range(ROWS)], dtype=object)
    assert named(with_text(data, numbers), eventual) == {"new": "identifier"}
    # a thousand values, each of some companies that reach the outcome together
    order = np.argsort(data.labels, kind="stable")
    shared = np.empty(ROWS, dtype=object)
    shared[order] = [f"v{i // 4}" for i in range(ROWS)]
    assert named(with_text(data, shared), eventual) == {"new": "identifier"}
    drawn = np.array([f"v{i}" for i in np.random.default_rng(5).integers(0, 1000, ROWS)])
    assert named(with_text(data, drawn.astype(object)), eventual) == {}


def test_many_values_that_companies_share_are_no_identifiers() -> None:
    """As the last two steps of small companies: nearly as many pairs as companies."""
    data, eventual = rows(count=400)
    drawn = np.random.default_rng(6).zipf(1.3, 400) % 10_000
    steps = np.array([f"s{i}" for i in drawn], dtype=object)
    assert len(set(steps)) > 80
    assert named(with_text(data, steps), eventual) == {}


def test_a_large_data_set_is_sampled_and_the_same_is_found_again() -> None:
    data, eventual = rows(count=MOST_ROWS + 10_000)
    leak = with_number(data, data.labels.astype(np.float64))
    assert screen(leak, eventual) == screen(leak, eventual)
    assert named(leak, eventual) == {"new": "too-good"}


def test_too_few_companies_say_nothing() -> None:
    data, eventual = rows()
    few = replace(with_number(data, data.labels.astype(np.float64)), groups=np.arange(ROWS) % 15)
    assert named(few, eventual) == {}


def test_a_suspect_without_a_waiver_is_refused() -> None:
    found = [Suspect("tags", "too-good", "AUROC 0.95"), Suspect("id", "identifier", "9 values")]
    why = Waiver(feature="tags", reason="known at the time")
    with pytest.raises(Refused) as caught:
        waived(found, [why])
    assert caught.value.rule == "leakage"
    assert "id: 9 values" in str(caught.value)
    assert "tags" not in str(caught.value)
    assert "`waivers`" in caught.value.todo
    said = waived(found, [why, Waiver(feature="id", reason="a test")])
    assert ["known at the time" in said[0], "a test" in said[1]] == [True, True]
    assert waived([], [why]) == []
