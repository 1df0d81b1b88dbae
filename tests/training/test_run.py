"""A whole run on small data: repeatable, and clear where it cannot be."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostClassifier

from domain.clock import DAY, FixedClock
from domain.errors import Missing, Refused
from domain.journeys import Journeys
from domain.versions.explanation_table import load_table
from domain.versions.golden_rows import GOLDEN_FILE
from domain.versions.manifest import MODEL_FILE, REFERENCE_FILE, TABLE_FILE, Manifest, open_sealed
from feature_repo.catalogue import number_names
from tests.conftest import SilentProgress
from tests.training import worlds
from training.config import TrainingConfig, Waiver
from training.data.cutoffs import choose
from training.data.dataset import Dataset
from training.data.run_rows import RunRows
from training.model.fit import margins, pool
from training.model.studies import last_study
from training.run import Provenance, Studies, TrainingRun


def execute(
    folder: Path, journeys: Journeys | None = None, **changes: Any
) -> tuple[Path, Manifest]:
    config: TrainingConfig = msgspec.structs.replace(worlds.CONFIG, **changes)
    clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    run = TrainingRun(
        "small",
        config,
        worlds.DEFINITION,
        worlds.journeys() if journeys is None else journeys,
        worlds.history,
        clock,
    )
    place = folder / "version"
    manifest = run.execute(place, Studies(folder / "studies"), Provenance("", ""), SilentProgress())
    return place, manifest


Made = tuple[Path, Manifest]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return execute(tmp_path_factory.mktemp("one"))


def rows_of(folder: Path, manifest: Manifest) -> Dataset:
    """The reference sample as rows to score."""
    frame = pd.read_parquet(folder / REFERENCE_FILE)
    numbers = [f for f in manifest.features if f not in manifest.categories]
    zeros = np.zeros(len(frame), dtype=np.int64)
    return Dataset(
        manifest.features,
        manifest.categories,
        frame[numbers].to_numpy(dtype=np.float64),
        frame[list(manifest.categories)].to_numpy(dtype=object),
        zeros,
        zeros,
        zeros,
        np.ones(len(frame)),
    )


def model_of(folder: Path) -> CatBoostClassifier:
    model = CatBoostClassifier()
    model.load_model(str(folder / MODEL_FILE))
    return model


def test_the_same_seed_makes_the_same_version(made: Made, tmp_path: Path) -> None:
    folder, manifest = made
    again, other = execute(tmp_path)
    rows = rows_of(folder, manifest)
    np.testing.assert_array_equal(margins(model_of(folder), rows), margins(model_of(again), rows))
    same = msgspec.structs.replace(other, files=manifest.files)
    assert same == manifest
    assert manifest.blended is None, "it was not asked for a blend"
    for name in (REFERENCE_FILE, "card.md"):
        assert manifest.files[name] == other.files[name]


def test_where_the_rate_falls_the_level_is_recorded_and_made_again(tmp_path: Path) -> None:
    held = worlds.journeys(1500, falling=1.0)
    folder, manifest = execute(tmp_path / "one", held)
    assert manifest.calibrator.shift < -0.1
    assert manifest.calibrator_gains["level"].low > 0
    assert open_sealed(folder).calibrator == manifest.calibrator
    assert f"shifted by {manifest.calibrator.shift:+.3f}" in (folder / "card.md").read_text()
    _, other = execute(tmp_path / "two", held)
    assert other.calibrator == manifest.calibrator
    assert other.calibrator_gains == manifest.calibrator_gains
    for name in (REFERENCE_FILE, GOLDEN_FILE, "card.md"):
        assert manifest.files[name] == other.files[name]
    rows = rows_of(folder, manifest)
    chance = manifest.calibrator.apply(margins(model_of(folder), rows))
    np.testing.assert_allclose(
        pd.read_parquet(folder / REFERENCE_FILE)["score"], chance, atol=1e-12
    )
    assert manifest.metrics["explanation_error"].value <= 1e-9


def test_what_is_written_is_sealed_and_belongs_together(made: Made) -> None:
    folder, manifest = made
    assert msgspec.json.encode(open_sealed(folder)) == msgspec.json.encode(manifest)
    model, rows = model_of(folder), rows_of(folder, manifest)
    assert (
        tuple(model.feature_names_) == manifest.features == load_table(folder / TABLE_FILE).features
    )
    held = pd.read_parquet(folder / REFERENCE_FILE)
    chance = manifest.calibrator.apply(margins(model, rows))
    np.testing.assert_allclose(held["score"], chance, atol=1e-12)
    np.testing.assert_allclose(manifest.quantiles, np.quantile(chance, np.linspace(0, 1, 101)))
    assert manifest.counts["test_rows"] >= len(held) > 20
    assert manifest.counts["test_positives"] >= held["label"].sum() > 5
    assert manifest.metrics["explanation_error"].value <= 1e-9
    assert manifest.metrics["auroc"].value > 0.6  # `size` says something
    assert manifest.lineage.configuration_hash == worlds.CONFIG.digest()
    read = msgspec.convert(manifest.lineage.configuration, TrainingConfig)
    assert read.digest() == manifest.lineage.configuration_hash


def test_categories_alone_will_do(tmp_path: Path) -> None:
    folder, manifest = execute(tmp_path, exclude=number_names(worlds.DEFINITION))
    assert manifest.features == manifest.categories
    assert "country" in manifest.features
    table = load_table(folder / TABLE_FILE)
    rows = rows_of(folder, manifest)
    leaves = np.asarray(model_of(folder).calc_leaf_indexes(pool(rows)), dtype=np.int64)
    np.testing.assert_allclose(table.margins(leaves), margins(model_of(folder), rows), atol=1e-9)


@pytest.mark.parametrize(
    ("since", "until", "part"), [(190, 999, "training"), (0, 120, "validation"), (0, 175, "test")]
)
def test_one_class_is_missing_and_says_where(
    tmp_path: Path, since: int, until: int, part: str
) -> None:
    held = worlds.journeys()
    first, last = worlds.START + since * DAY, worlds.START + until * DAY
    wins = [o for o in held.outcomes if first <= o.happened_us < last]
    with pytest.raises(Missing) as caught:
        execute(tmp_path, replace(held, outcomes=wins))
    assert caught.value.rule == "both-classes"
    assert f"the {part} part has" in str(caught.value)
    assert "Ingest more history" in caught.value.todo
    assert not (tmp_path / "version").exists()


def test_a_history_of_a_few_days_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        execute(tmp_path, horizon_days=150.0)


def test_the_study_is_that_of_the_rows_and_the_settings() -> None:
    data = worlds.dataset(60, 1)
    test = worlds.dataset(30, 2)
    parts = RunRows(test, data, (), 0, 0, np.ones(30), np.arange(30), test, 0)
    names = set()
    clock, texts = FixedClock(datetime(2026, 1, 1, tzinfo=UTC)), data.texts.copy()
    texts[3] = "changed"
    changed = replace(data, texts=texts)
    for config in (worlds.CONFIG, msgspec.structs.replace(worlds.CONFIG, seed=1)):
        run = TrainingRun("n", config, worlds.DEFINITION, worlds.journeys(1), worlds.history, clock)
        names |= {run.study_name(parts), run.study_name(replace(parts, fitted=changed))}
        assert run.study_name(parts) == run.study_name(parts)
    assert len(names) == 4


class Hearing(SilentProgress):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def told(leads: Sequence[str], accounts: Sequence[str], moments_us: Sequence[int]) -> pd.DataFrame:
    """The history of the small world, with a number that was written when the lead was won."""
    frame = worlds.history(leads, accounts, moments_us)
    winners = {o.lead_id for o in worlds.journeys().outcomes}
    frame["size"] = [1.0 if lead in winners else np.nan for lead in leads]
    return frame


def test_a_leak_fails_the_run_unless_it_is_waived(tmp_path: Path) -> None:
    clock, heard = FixedClock(datetime(2026, 1, 1, tzinfo=UTC)), Hearing()

    def run(**changes: Any) -> TrainingRun:
        config = msgspec.structs.replace(worlds.CONFIG, **changes)
        return TrainingRun("small", config, worlds.DEFINITION, worlds.journeys(), told, clock)

    with pytest.raises(Refused) as caught:
        run().prepare(heard)
    assert caught.value.rule == "leakage"
    assert "size: 100.0% of those for whom it is filled in" in str(caught.value)
    assert run(exclude=("size",)).prepare(heard).warnings == ()
    why = Waiver(feature="size", reason="asked for by the sales team")
    prepared = run(waivers=(why,)).prepare(heard)
    assert prepared.warnings == tuple(heard.warnings)
    assert "asked for by the sales team" in heard.warnings[0]


def test_the_rows_of_a_run_add_up(made: Made) -> None:
    """Every row that was chosen is fitted, tested, or counted by the rule that removed it."""
    _, manifest = made
    clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    run = TrainingRun(
        "small", worlds.CONFIG, worlds.DEFINITION, worlds.journeys(), worlds.history, clock
    )
    parts = run.prepare(SilentProgress()).parts
    chosen = choose(worlds.journeys(), worlds.CONFIG, frozenset({"won"}))
    counts = manifest.counts
    rules = ("train_rows", "test_rows", "embargoed", "parted")
    assert sum(counts[name] for name in rules) == len(chosen.cutoffs)
    assert counts["parted"] > 0
    assert {f"removed_{rule}": n for rule, n in chosen.removed.items()}.items() <= counts.items()
    assert not set(parts.fitted.groups) & set(parts.test.groups)
    for train, valid in parts.folds:
        assert not set(train.groups) & set(valid.groups)
        assert train.moments.max() + 10 * DAY <= valid.moments.min()
    assert parts.fitted.moments.max() + 10 * DAY <= parts.test.moments.min()


def test_the_search_is_recorded_and_drawn(made: Made) -> None:
    folder, manifest = made
    found = manifest.lineage.searched
    assert found is not None
    assert found.warmed_by == ""
    assert {"depth", "iterations", "border_count"} <= found.parameters.keys()
    assert (folder / "plots" / "search_history.png").is_file()
    assert "plots/search_history.png" in manifest.files


def test_a_warm_run_says_what_warmed_it(made: Made, tmp_path: Path) -> None:
    folder, manifest = made
    warmth = last_study(folder.parent / "studies", "won")
    assert warmth is not None
    assert manifest.lineage.searched is not None
    assert warmth.study == manifest.lineage.searched.study
    clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    config = msgspec.structs.replace(worlds.CONFIG, seed=11)
    run = TrainingRun("small", config, worlds.DEFINITION, worlds.journeys(), worlds.history, clock)
    studies = Studies(tmp_path, warmth=warmth)
    searched = run.search_only(studies, SilentProgress())
    assert (searched.warmed_by, searched.warm_parameters) == (warmth.study, warmth.parameters)
    assert run.search_only(Studies(tmp_path), SilentProgress()) == searched  # resumed as it began
