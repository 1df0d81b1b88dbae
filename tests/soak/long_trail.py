"""A long audit trail, written by the trail itself, and the report on it, measured.

    python -m tests.soak.long_trail FOLDER DECISIONS

Prints seconds, the most memory, and figures beside those that plain arithmetic gives, as JSON. The
trail is written by a process of its own, whose memory does not count.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from config.settings import Settings
from domain.decisions import DecisionRecord, Facts
from domain.scores import Decision, Reason, ScoreAnswer, VersionSet
from monitoring.causes.diagnosis import Known
from monitoring.outcomes import JoinRule, join_columns
from monitoring.reports.report import ReportContext, write_files
from monitoring.reports.summary import Meta
from monitoring.reports.trail_pass import TrailPass, VersionFeatures
from tests.conftest import ROOT
from wiring.decisions import open_trail

DAY_US = 86_400_000_000
DAYS = 60
NUMBERS, TEXTS = 56, 4
START = 20_000 * DAY_US
NOW = START + (DAYS + 1) * DAY_US
AT_ONCE = 5_000
COUNTRIES = ("DE", "FR", "US", "GB")
REASONS = tuple(
    Reason(feature=f"number_{i}", value=1.5, contribution=0.12, text="a sentence of usual length")
    for i in range(5)
)
NOTHING = Decision(
    eligible=True,
    action="none",
    queue="none",
    priority=5,
    next_best_action="none",
    rules=("r",),
)


def lead_of(number: int) -> int:
    """Leads are scored about four times each, some companies far more often than others."""
    return int((number * 2_654_435_761) % 2**32 % 250_000 * (1 if number % 10 else 0))


def scores(start: int, size: int) -> np.ndarray:
    """What was told, by the number of the decision."""
    return np.random.default_rng(start).beta(1, 9, size)


def records(start: int, size: int, of: int) -> list[DecisionRecord]:
    """The decisions from a number on."""
    rng = np.random.default_rng(start + 1)
    values = np.round(rng.gamma(2, 10, (size, NUMBERS)), 6)
    missing = rng.random((size, NUMBERS)) < 0.2
    texts = rng.choice(COUNTRIES, (size, TEXTS)).tolist()
    return [
        _record(start + at, of, float(score), values[at].tolist(), missing[at].tolist(), texts[at])
        for at, score in enumerate(scores(start, size))
    ]


def _record(
    number: int,
    of: int,
    score: float,
    values: Sequence[float],
    missing: Sequence[bool],
    texts: Sequence[str],
) -> DecisionRecord:
    moment = START + int(number * DAYS * DAY_US / of)
    lead = lead_of(number)
    answer = ScoreAnswer(
        lead_id=f"lead_{lead:017x}",
        score=score,
        percentile=50.0,
        grade="D",
        reasons=REASONS,
        decision=NOTHING,
        versions=VersionSet(model="lead-1", feature_service="s_v1", policy="p-1"),
        arm="champion",
        features_as_of="2025-01-01T00:00:00Z",
        staleness_s=float(number % 1000),
        degraded=False,
        decision_id=f"{number:032x}",
        trace_id="",
    )
    facts = Facts(
        score=score, percentile=50.0, grade="D", account_known=True, profile={}, features={}
    )
    return DecisionRecord(
        decided_us=moment,
        as_of_us=moment,
        watermark_us=moment,
        account_id=f"account-{lead // 3}",
        features=tuple(None if gone else v for v, gone in zip(values, missing, strict=True)),
        texts=tuple(texts),
        margin=0.0,
        rollout="",
        shadow={},
        facts=facts,
        answer=answer,
    )


def write(home: Path, decisions: int) -> None:
    """Write a trail of so many decisions."""
    trail = open_trail(Settings(home=home, clock="watermark"))
    for start in range(0, decisions, AT_ONCE):
        trail.append(records(start, min(AT_ONCE, decisions - start), decisions))


def won(decisions: int) -> dict[str, list[tuple[str, int]]]:
    """Every eleventh lead converts on the 40th day."""
    leads = {lead_of(number) for number in range(decisions)}
    return {f"lead_{n:017x}": [("won", START + 40 * DAY_US)] for n in leads if n % 11 == 0}


def reference() -> pd.DataFrame:
    """Rows like those that are scored."""
    rng = np.random.default_rng(7)
    rows = 5_000
    frame = pd.DataFrame(
        rng.gamma(2, 10, (rows, NUMBERS)), columns=[f"number_{i}" for i in range(NUMBERS)]
    ).mask(rng.random((rows, NUMBERS)) < 0.2)
    for at in range(TEXTS):
        frame[f"text_{at}"] = rng.choice(COUNTRIES, rows)
    return frame.assign(score=rng.beta(1, 9, rows))


def report(
    home: Path, folder: Path, happened: dict[str, list[tuple[str, int]]]
) -> dict[str, float]:
    """The report on a trail, and what it says."""
    from jobs.models.report_evidence import evidence_of

    there, known = reference(), Known()
    numbers = [f"number_{i}" for i in range(NUMBERS)]
    features = VersionFeatures(
        label="lead-1",
        service="s_v1",
        numbers=tuple(numbers),
        number_places=tuple(range(NUMBERS)),
        texts=tuple(f"text_{at}" for at in range(TEXTS)),
        text_places=tuple(range(TEXTS)),
        lowest=there[numbers].min().to_numpy(),
        highest=there[numbers].max().to_numpy(),
    )
    trail = open_trail(Settings(home=home, clock="watermark"))
    passed = TrailPass.of(trail, features, NOW)
    rule = JoinRule(outcome="won", horizon_days=14)
    table = join_columns(passed.columns, happened, rule, watermark_us=NOW, canonical=list)
    evidence, immature = evidence_of(trail, passed, table, features, there, known)
    decisions = len(evidence.rows) + immature
    meta = Meta(
        model="lead-1",
        home="h",
        made="2024-12-03T00:00:00Z",
        decisions=decisions,
        immature=immature,
    )
    summary = write_files(evidence, meta, folder, ReportContext(known=known)).summary
    return {
        "decisions": len(passed.columns),
        "matured": summary.matured,
        "positives": summary.positives,
        "lift": round(summary.measures["lift_at_10pct"].value, 9),
        "page_bytes": (folder / "report.html").stat().st_size,
    }


def by_hand(decisions: int) -> dict[str, float]:
    """Matured decisions, positives and lift, a decision at a time."""
    seen, rows = set(), []
    score = np.concatenate(
        [scores(s, min(AT_ONCE, decisions - s)) for s in range(0, decisions, AT_ONCE)]
    )
    for number in range(decisions):
        moment = START + int(number * DAYS * DAY_US / decisions)
        lead = lead_of(number)
        if (lead, moment // DAY_US) in seen:
            continue
        seen.add((lead, moment // DAY_US))
        if moment + 14 * DAY_US <= NOW:
            wins = START + 40 * DAY_US
            y = lead % 11 == 0 and moment < wins <= moment + 14 * DAY_US
            rows.append((float(score[number]), y))
    rows.sort(reverse=True)
    best = rows[: -(-len(rows) // 10)]
    positives = sum(y for _, y in rows)
    lift = (sum(y for _, y in best) / len(best)) / (positives / len(rows))
    return {
        "matured_by_hand": len(rows),
        "positives_by_hand": positives,
        "lift_by_hand": round(lift, 9),
    }


def main() -> None:
    """Write a trail, report on it, and say what it took."""
    folder, decisions = Path(sys.argv[1]), int(sys.argv[2])
    home = folder / "home"
    if len(sys.argv) > 3:
        write(home, decisions)
        return
    if not home.exists():
        home.mkdir(parents=True)
        again = [sys.executable, "-m", "tests.soak.long_trail", *sys.argv[1:], "write"]
        subprocess.run(again, cwd=ROOT, check=True)
    happened = won(decisions)
    began, work = time.monotonic(), time.process_time()
    figures = report(home, folder / "report", happened)
    took = {"seconds": time.monotonic() - began, "processor_s": time.process_time() - work}
    most = {"mib": most_memory_mib()}
    sys.stdout.write(json.dumps(figures | took | most | by_hand(decisions)) + "\n")


def most_memory_mib() -> float:
    """The most memory that this program had; `getrusage` counts what started it, too."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
