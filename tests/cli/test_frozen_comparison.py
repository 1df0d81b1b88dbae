"""Comparisons on a frozen data set or as of a past moment, and their plan, by the command line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from domain.clock import from_us
from tests.commands import Answer, leadscore
from tests.conftest import Trained

CONFIG = "horizon_days: 21\ncutoffs: {rule: every, days: 7}\n"
RULE = "version: 9\nmargin: 0.9\nmin_matured: 50\nmin_positives: 5\nmin_accounts: 20\ndraws: 100\n"


@pytest.fixture(scope="module")
def home(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained home whose rule asks for little, and whose open leads were scored."""
    place = tmp_path_factory.mktemp("compared")
    folder = place / "home"
    shutil.copytree(trained.settings.home, folder)
    (folder / "canary.yaml").write_text(RULE)
    scored = leadscore(folder, "score", "--all", "--out", str(place / "scores.parquet"))
    assert scored.returncode == 0, scored.stderr
    return folder


@pytest.fixture(scope="module")
def frozen(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frozen")
    (folder / "training.yaml").write_text(CONFIG)
    path = folder / "rows.parquet"
    done = freeze(home, path, folder)
    assert done.returncode == 0, done.stderr
    return path


def freeze(home: Path, path: Path, folder: Path, *more: str) -> Answer:
    words = ["dataset", "--config", str(folder / "training.yaml"), "--out", str(path), "--json"]
    return leadscore(home, *words, *more)


def compare(home: Path, *words: str) -> tuple[int, dict[str, object]]:
    done = leadscore(home, "canary", "compare", "--json", *words)
    assert done.returncode in {0, 1}, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_same_log_freezes_the_same_rows(home: Path, frozen: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.parquet"
    described = json.loads(freeze(home, again, frozen.parent).stdout)
    rows, others = pd.read_parquet(frozen), pd.read_parquet(again)
    pd.testing.assert_frame_equal(rows, others)
    assert described["rows"] == len(rows)
    assert described["positives"] == rows["label"].sum() > 10
    middle = rows["cutoff"].iloc[len(rows) // 2]
    part = tmp_path / "part.parquet"
    assert freeze(home, part, frozen.parent, "--since", middle.isoformat()).returncode == 0
    assert len(pd.read_parquet(part)) == (rows["cutoff"] >= middle).sum()
    late = freeze(home, part, frozen.parent, "--since", "2100-01-01")
    assert (late.returncode, "dataset-cutoffs" in late.stderr) == (3, True)


def test_rows_that_a_version_learnt_from_are_left_out(home: Path, frozen: Path) -> None:
    code, verdict = compare(home, "--data", str(frozen))
    assert (code == 0) == (verdict["outcome"] == "pass")
    rows = pd.read_parquet(frozen)
    everything = compare(home, "--data", str(frozen), "--include-training")[1]
    assert everything["matured"] == len(rows)
    assert 50 < int(str(verdict["matured"])) < 0.5 * len(rows)
    source = str(verdict["source"])
    assert f"{len(rows) - int(str(verdict['matured'])):,} left out" in source
    assert "a version may have learnt from" in source


def test_a_version_scores_as_it_did_in_its_test(home: Path, frozen: Path) -> None:
    """Features at cutoffs are those of training: measures of the same rows agree."""
    from config.settings import Settings
    from jobs.models.compare_on_dataset import VersionFolder, unseen_from
    from scoring.mlflow_model import VersionModel
    from wiring.registry import open_registry

    folder, manifest = open_registry(Settings(home=home, clock="watermark")).fetch("lead-1")
    rows = pd.read_parquet(frozen)
    scores = VersionModel(folder).predict(rows)
    tested = pd.read_parquet(folder / "test_rows.parquet")
    begin = unseen_from(VersionFolder("lead-1", folder, manifest))
    assert begin == tested["moment_us"].min()
    assert np.isin(np.round(tested["chance"], 9), np.round(np.asarray(scores), 9)).all()


def test_what_cannot_be_compared_is_refused(home: Path, frozen: Path, tmp_path: Path) -> None:
    rows = pd.read_parquet(frozen)
    fewer = tmp_path / "fewer.parquet"
    feature = next(n for n in rows if n not in {"lead", "account", "cutoff", "label"})
    names = [n for n in rows if n in {"lead", "account", "cutoff", "label"}]
    rows[[*names, feature]].to_parquet(fewer)
    for words, code, rule in (
        (["--data", str(fewer)], 2, "dataset-features"),
        (["--data", str(tmp_path / "none.parquet")], 3, "dataset-file"),
        (["--data", str(frozen), "--champion", "lead-9"], 3, "lead-9"),
        (["--data", str(frozen), "--challenger", "lead-1"], 2, "canary-two-versions"),
        (["--data", str(frozen), "--horizon-days", "30"], 2, "dataset-outcome"),
        (["--data", str(frozen), "--as-of", "2026-01-01"], 2, "canary-as-of"),
        (["--include-training"], 2, "canary-data"),
        (["--as-of", "yesterday"], 2, "rfc-3339"),
    ):
        done = leadscore(home, "canary", "compare", *words)
        assert done.returncode == code, (words, done.stderr)
        assert rule in done.stderr


def test_a_past_moment_knows_only_what_was_decided_until_then(home: Path) -> None:
    from config.settings import Settings
    from wiring.decisions import open_trail

    moments = [r.decided_us for r in open_trail(Settings(home=home)).records()]
    before = from_us(min(moments) - 1).isoformat()
    now = from_us(max(moments)).isoformat()
    assert compare(home, "--as-of", before)[1]["paired"] == 0
    assert compare(home, "--as-of", now)[1]["paired"] == compare(home)[1]["paired"]
    assert int(str(compare(home)[1]["paired"])) > 0


def test_a_plan_names_traffic_and_what_its_spread_rests_on(home: Path) -> None:
    done = leadscore(home, "canary", "plan", "--difference", "20%", "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["difference"] == pytest.approx(plan["skill"] * 0.2)
    assert plan["traffic"]["decisions"] > 0
    assert "measured on" in plan["spread"] or "assumed" in plan["spread"]
    assert [v["verdict"] for v in plan["verdicts"]] == ["better or no worse", "no worse", "worse"]
    words = ["--difference", "0.02", "--decisions-a-day", "50"]
    page = leadscore(home, "canary", "plan", *words)
    assert "50.0 decisions a day" in page.stdout
    assert "| worse by 0.02 | worse |" in page.stdout
    for text in ("0", "2", "much", "-1%"):
        refused = leadscore(home, "canary", "plan", "--difference", text)
        assert (refused.returncode, "plan-difference" in refused.stderr) == (2, True)
