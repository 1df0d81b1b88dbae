"""Baselines: what they know and do not know, and what a champion that cannot be scored is told."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from domain.definition import ProfileAttribute
from domain.scores import Calibrator
from domain.versions.manifest import MANIFEST, MODEL_FILE, Manifest, seal
from measures.ranking import auroc
from tests.training import worlds
from training.data.dataset import Dataset, columns
from training.evaluation.baselines import Champion, prior, reigning, scorecard, static
from training.model import fit
from training.model.profile_only_model import fit_profile

PARAMETERS = {"iterations": 20, "depth": 3}
DEFINITION = msgspec.structs.replace(
    worlds.DEFINITION,
    attributes=(
        ProfileAttribute(name="z", kind="number", types=("crm.lead_updated",), field="z"),
        ProfileAttribute(name="c", kind="text", types=("crm.lead_updated",), field="c"),
    ),
)


@pytest.fixture(scope="module")
def parts() -> tuple[Dataset, Dataset, Dataset]:
    return worlds.dataset(800, 1), worlds.dataset(300, 2), worlds.dataset(900, 3)


def test_the_prior_is_the_rate_by_weight(parts: tuple[Dataset, Dataset, Dataset]) -> None:
    train, _, test = parts
    told = prior(train, test)
    assert told.chance is not None
    assert set(told.chance) == {np.average(train.labels, weights=train.weights)}


def test_the_scorecard_learns_and_bears_what_it_never_saw(
    parts: tuple[Dataset, Dataset, Dataset],
) -> None:
    train, _, test = parts
    texts = test.texts.copy()
    texts[:20] = "never seen"
    numbers = test.numbers.copy()
    numbers[:20] = 1e9
    told = scorecard(train, replace(test, texts=texts, numbers=numbers)).chance
    assert told is not None
    assert ((told > 0) & (told < 1)).all()
    assert auroc(test.labels[20:], told[20:]) > 0.7
    assert abs(told.mean() - train.labels.mean()) < 0.05
    empty = replace(train, numbers=np.full_like(train.numbers, np.nan))
    assert scorecard(empty, test).chance is not None


def test_static_knows_the_profile_alone(parts: tuple[Dataset, Dataset, Dataset]) -> None:
    train, _, test = parts
    made = fit_profile(DEFINITION, train, PARAMETERS, 7, 0.0)
    told = static(made, test)
    assert told.chance is not None
    assert "z, c" in told.note
    changed = replace(test, numbers=np.column_stack([test.numbers[:, :2] * 9, test.numbers[:, 2]]))
    again = static(made, changed).chance
    np.testing.assert_array_equal(told.chance, again)  # x and y, which it must not know
    nothing = msgspec.structs.replace(DEFINITION, attributes=())
    none = fit_profile(nothing, train, PARAMETERS, 7, 0.0)
    assert static(none, test).chance is None


def test_columns_are_chosen_in_the_models_order(parts: tuple[Dataset, Dataset, Dataset]) -> None:
    data = parts[0]
    some = columns(data, ["z", "x", "c"])
    assert some.features == ("z", "x", "c")
    assert some.categories == ("c",)
    np.testing.assert_array_equal(some.numbers, data.numbers[:, [2, 0]])
    assert columns(data, ["y"]).texts.shape == (len(data), 0)


def sealed(folder: Path, train: Dataset, **changes: object) -> Champion:
    """A champion's folder, as far as it is read."""
    folder.mkdir()
    some = columns(train, ["y", "x", "c"])
    fit.fit(some, PARAMETERS, 1).save_model(str(folder / MODEL_FILE))
    for name in Manifest.required:
        if name != MODEL_FILE:
            (folder / name).write_text("x")
    document = {
        "name": "lead",
        "created": "2026-01-01T00:00:00Z",
        "metrics": {"auroc": {"value": 0.7, "low": 0.6, "high": 0.8}},
        "counts": {"test_rows": 1},
        "definition": DEFINITION,
        "features": some.features,
        "categories": some.categories,
        "calibrator": Calibrator(kind="platt", coefficients=(0.5, -1.0)),
        "quantiles": tuple(i / 100 for i in range(101)),
        "outcome": "won",
        "horizon_days": 10.0,
        "lineage": {
            "watermark_us": 0,
            "events": 1,
            "log_hash": "l",
            "configuration": {},
            "configuration_hash": "c",
            "seed": 1,
            "commit": "",
            "lock_hash": "",
        },
        **changes,
    }
    seal(folder, msgspec.convert(msgspec.to_builtins(document), Manifest))
    assert (folder / MANIFEST).is_file()
    return Champion("lead-3", folder)


def test_the_champion_is_scored_as_it_serves(
    parts: tuple[Dataset, Dataset, Dataset], tmp_path: Path
) -> None:
    train, _, test = parts
    champion = sealed(tmp_path / "v", train)
    told = reigning(champion, DEFINITION, test, "won", 10.0)
    model = fit.fit(columns(train, ["y", "x", "c"]), PARAMETERS, 1)
    margins = fit.margins(model, columns(test, ["y", "x", "c"]))
    assert told.chance is not None
    np.testing.assert_allclose(told.chance, 1 / (1 + np.exp(1 - 0.5 * margins)), atol=1e-9)
    assert told.note == "lead-3, as it serves"


@pytest.mark.parametrize(
    ("changes", "lacks", "said"),
    [
        ({"horizon_days": 30.0}, "", "another question: `won` within 30 days"),
        ({"outcome": "lost"}, "", "another question: `lost`"),
        ({}, "x", "its x is not here"),
        ({"definition": worlds.DEFINITION}, "", "defined otherwise"),
    ],
)
def test_a_champion_that_cannot_be_scored_says_why(
    parts: tuple[Dataset, Dataset, Dataset],
    tmp_path: Path,
    changes: dict[str, object],
    lacks: str,
    said: str,
) -> None:
    train, _, test = parts
    champion = sealed(tmp_path / "v", train, **changes)
    kept = [name for name in test.features if name != lacks]
    told = reigning(champion, DEFINITION, columns(test, kept), "won", 10.0)
    assert told.chance is None
    assert said in told.note
    gone = reigning(Champion("lead-3", None), DEFINITION, test, "won", 10.0)
    assert gone.note == "the files of lead-3 are not whole"
    assert reigning(None, DEFINITION, test, "won", 10.0).note == "there is no champion"


def test_a_champion_that_may_have_seen_the_test_is_marked(
    parts: tuple[Dataset, Dataset, Dataset], tmp_path: Path
) -> None:
    train, _, test = parts
    lineage = {"watermark_us": int(test.moments.max()), "events": 1, "log_hash": "l", "seed": 1}
    more = {"configuration": {}, "configuration_hash": "c", "commit": "", "lock_hash": ""}
    champion = sealed(tmp_path / "v", train, lineage={**lineage, **more})
    assert "may have been made from" in reigning(champion, DEFINITION, test, "won", 10.0).note
