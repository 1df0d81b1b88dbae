"""Reports on made-up rows: a reference, what was scored of late, and what became of it."""

from pathlib import Path

import numpy as np
import pandas as pd

from domain.scores import logistic
from monitoring.causes.concept import Matured, Segment
from monitoring.causes.diagnosis import Known
from monitoring.reports.outcome_figures import MaturedRows
from monitoring.reports.report import ReportContext, ReportEvidence, WrittenReport, write_files
from monitoring.reports.summary import Meta
from monitoring.reports.traffic_figures import RecentTraffic

SEGMENTS = (Segment("all leads"), Segment("country DE", "country", "DE"))
CONTEXT = ReportContext(known=Known(segments=SEGMENTS, importance={"steady": 1.0}))


def leads(seed: int, rows: int = 1_500) -> pd.DataFrame:
    """Features, scores that are calibrated, and a company for every two leads."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-1.5, 1, rows)
    return pd.DataFrame(
        {
            "steady": rng.normal(size=rows),
            "country": rng.choice(["DE", "FR"], rows),
            "score": logistic(truth),
            "account": np.arange(rows) // 2,
        }
    )


def outcomes(now: pd.DataFrame, odds: float, seed: int = 5) -> Matured:
    """What became of leads that convert at `odds` times the odds that were predicted."""
    rng = np.random.default_rng(seed)
    score = now["score"].to_numpy()
    told = odds * score / (1 - score + odds * score)
    return Matured(
        days=np.arange(len(now)) // 50,
        leads=np.arange(len(now)),
        accounts=now["account"].to_numpy(),
        score=score,
        label=(rng.random(len(now)) < told).astype(float),
        texts={"country": now["country"].to_numpy(dtype=object)},
    )


def written(
    folder: Path,
    *,
    made: str = "2026-03-01T00:00:00Z",
    odds: float = 1.0,
    model: str = "lead-1",
    degraded: float = 0.0,
) -> WrittenReport:
    """A report on leads that are like the reference, and convert at so many times the odds."""
    now = leads(2)
    matured = outcomes(now, odds)
    rows = MaturedRows(matured.score, matured.label, matured.accounts)
    arm = np.where(np.arange(len(now)) % 4 == 0, "challenger", "champion")
    traffic = RecentTraffic(
        arm=arm,
        staleness_s=np.full(len(now), 60.0),
        degraded=np.arange(len(now)) < degraded * len(now),
        feature_rows=len(now),
        missing={"steady": 0.0, "country": 0.0},
        outside={"steady": 0.001},
        usually_missing={"steady": 0.0, "country": 0.0},
    )
    evidence = ReportEvidence(
        leads(1).drop(columns="account"),
        now,
        rows,
        matured=matured,
        arms=(rows, arm),
        traffic=traffic,
    )
    meta = Meta(model=model, home="h", made=made, decisions=len(now), immature=0)
    return write_files(evidence, meta, folder, CONTEXT)
