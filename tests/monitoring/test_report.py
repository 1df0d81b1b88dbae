"""The report: drift where it was planted, measures as measured, a page that opens."""

import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from domain.scores import logistic
from measures.calibration import brier
from measures.ranking import auroc
from monitoring.causes.cause import CauseKind
from monitoring.causes.diagnosis import Known
from monitoring.outcomes import JoinRule, join
from monitoring.reports.report import ReportContext, build_report
from monitoring.reports.summary import Meta, Summary
from tests.monitoring.records import DAY_US, record

META = Meta(model="lead-1", home="h", made="2025-01-01T00:00:00Z", decisions=0, immature=0)


def frame(seed: int, rows: int = 1500) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = rng.normal(-1.5, 1, rows)
    return pd.DataFrame(
        {
            "steady": rng.normal(size=rows),
            "sparse": np.where(rng.random(rows) < 0.5, np.nan, rng.normal(size=rows)),
            "flat": np.zeros(rows),
            "country": rng.choice(["DE", "FR", ""], rows),
            "score": logistic(truth),
            "label": (rng.random(rows) < logistic(truth)).astype(float),
            "account": np.arange(rows) // 2,
        }
    )


def report(current: pd.DataFrame, folder: Path) -> Summary:
    return build_report(frame(1).drop(columns="account"), current, META, folder)


@pytest.fixture(scope="module")
def drifted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, pd.DataFrame, Path]:
    folder = tmp_path_factory.mktemp("report")
    current = frame(2)
    current["steady"] += 1.0
    current["sparse"] = np.nan
    current["country"] = "US"
    return report(current, folder), current, folder


def test_nothing_drifts_where_nothing_moved(tmp_path: Path) -> None:
    summary = report(frame(2), tmp_path)
    assert [d.column for d in summary.columns if d.drifted] == []
    assert not summary.drift
    assert summary.causes == ()
    assert summary.score_drift is not None
    assert not summary.score_drift.drifted


def test_what_moved_is_found(drifted: tuple[Summary, pd.DataFrame, Path]) -> None:
    summary = drifted[0]
    found = {d.column: d for d in summary.columns}
    assert {name for name, d in found.items() if d.drifted} == {"steady", "sparse", "country"}
    assert abs(found["steady"].distance - 0.38) < 0.05
    assert found["sparse"].emptied
    assert not found["steady"].emptied
    assert [(c.kind, c.about) for c in summary.causes] == [(CauseKind.NEW_CATEGORY, "country")]
    assert summary.drift
    assert summary.drift_share == 0.0, "no feature is known to move scores"


def test_features_that_move_scores_are_a_cause(tmp_path: Path) -> None:
    current = frame(2)
    current["steady"] += 1.0
    context = ReportContext(known=Known(importance={"steady": 0.9, "country": 0.1}))
    summary = build_report(frame(1).drop(columns="account"), current, META, tmp_path, context)
    assert [cause.kind for cause in summary.causes] == [CauseKind.POPULATION_SHIFT]
    assert summary.drift
    assert summary.drift_share == pytest.approx(0.9)


def test_measures_are_those_of_the_measures(
    drifted: tuple[Summary, pd.DataFrame, Path],
) -> None:
    summary, current, folder = drifted
    y, s = current["label"].to_numpy(), current["score"].to_numpy()
    assert summary.measures["auroc"].value == pytest.approx(auroc(y, s), abs=1e-12)
    assert summary.measures["brier"].value == pytest.approx(brier(y, s), abs=1e-12)
    written = msgspec.json.decode((folder / "report.json").read_bytes(), type=Summary)
    assert written == summary


def test_without_matured_decisions_there_is_drift_alone(tmp_path: Path) -> None:
    current = frame(2)
    current["label"] = np.nan
    summary = report(current, tmp_path)
    assert (summary.matured, summary.measures) == (0, {})
    assert "Gains" not in (tmp_path / "report.html").read_text()


def test_the_page_needs_no_network(drifted: tuple[Summary, pd.DataFrame, Path]) -> None:
    page = (drifted[2] / "report.html").read_text()
    assert not re.findall(r"<(?:script|link)[^>]+(?:src|href)=[\"']https?://", page)


def test_the_page_shows_what_it_is_about(
    drifted: tuple[Summary, pd.DataFrame, Path], tmp_path: Path
) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path}",
        "--virtual-time-budget=15000",
        "--dump-dom",
    ]
    shown = subprocess.run(
        [chromium, *flags, (drifted[2] / "report.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    for text in (
        "lead-1",
        "features drifted",
        "Calibration of matured decisions",
        "Look at these first",
        "Gains",
        "sparse",
        "score: no drift",
    ):
        assert text in shown, text


def of_decisions(seed: int) -> pd.DataFrame:
    """Recent decisions of a home: the same ones of every seed, whose ids and order it draws."""
    made, drawn = np.random.default_rng(3), np.random.default_rng(seed)
    leads, now = 400, 20_000 * DAY_US
    told, won = made.random(leads), made.random(leads)
    records = []
    for i in drawn.permutation(leads):
        one = record(f"lead-{i}", now, float(told[i]), account=f"acct-{i % 90}")
        named = msgspec.structs.replace(one.answer, decision_id=drawn.bytes(8).hex())
        records.append(msgspec.structs.replace(one, answer=named))
    outcomes = {f"lead-{i}": [("won", now + 1)] for i in np.flatnonzero(won < told / 2)}
    rule = JoinRule(outcome="won", horizon_days=30)
    table = join(records, outcomes, rule, watermark_us=now + 30 * DAY_US)
    return pd.DataFrame(
        {
            "steady": [float(feature_of(table.lead_ids[at])) for at in table.lead],
            "score": table.score,
            "label": table.y.astype(float),
            "account": table.account,
        }
    )


def feature_of(lead: str) -> int:
    return int(lead.removeprefix("lead-")) * 7919 % 1000


def test_homes_made_alike_report_the_same_to_the_last_bit(tmp_path: Path) -> None:
    """Ids of decisions are drawn and the trail's order is chance: neither may show."""
    reference = of_decisions(0).drop(columns="account")
    one, other = (
        build_report(reference, of_decisions(seed), META, tmp_path / str(seed)) for seed in (1, 2)
    )
    assert one.measures
    assert one == other
