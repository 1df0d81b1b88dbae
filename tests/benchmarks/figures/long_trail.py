"""How long `audit verify` takes on long trails, and how much memory: the figures of docs/audit.md.

Run `python -m tests.benchmarks.figures.long_trail 250000 1000000`. Each trail is written by the
product's own writer, anchored as it grows, in a home of its own that is removed at the end.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from config.settings import Settings
from decisions.audit.decision_id import new_decision_id
from decisions.policy.policy import load_policy
from domain.decisions import DecisionRecord, Facts, RequestKey
from domain.scores import Reason, ScoreAnswer, VersionSet
from wiring.decisions import POLICIES, open_trail

AT_ONCE = 1_000
"""Decisions of one commit."""
LEADS_SHARE = 10
"""So many decisions a lead."""
FEATURES, REASONS = 60, 5
START_US = 1_700_000_000_000_000


def pattern() -> DecisionRecord:
    """A decision by the policy that comes with the product, as large as those of a real home."""
    policy = load_policy(POLICIES / "standard.json")
    features: dict[str, float | str | None] = {
        f"feature_number_{n}": n / 7 for n in range(FEATURES)
    }
    profile: dict[str, str | float | None] = {"country": "DE", "employees": 250.0}
    facts = Facts(
        score=0.3,
        percentile=80.0,
        grade="B",
        account_known=True,
        profile=profile,
        features=features,
    )
    reasons = tuple(
        Reason(feature=f"feature_number_{n}", value=n / 7, contribution=0.1, text="Seen 12 times")
        for n in range(REASONS)
    )
    answer = ScoreAnswer(
        lead_id="",
        score=0.3,
        percentile=80.0,
        grade="B",
        reasons=reasons,
        decision=policy.decide(facts),
        versions=VersionSet(model="lead-1", feature_service="standard_v1", policy="standard-1"),
        arm="champion",
        features_as_of="2026-01-01T00:00:00Z",
        staleness_s=1.5,
        degraded=False,
        decision_id="",
        trace_id="0" * 32,
    )
    return DecisionRecord(
        decided_us=START_US,
        as_of_us=START_US,
        watermark_us=START_US,
        account_id="acct_0123456789abcdef",
        features=tuple(n / 7 for n in range(FEATURES)),
        texts=("DE", "individual"),
        margin=0.1,
        rollout="",
        shadow={},
        facts=facts,
        answer=answer,
    )


def write(settings: Settings, count: int) -> None:
    """A trail of so many decisions; every second one answered a request that may be sent again."""
    trail, like, chance = open_trail(settings), pattern(), random.Random(5)
    for first in range(0, count, AT_ONCE):
        trail.append([_decision(like, n, count, chance) for n in range(first, first + AT_ONCE)])


def _decision(
    like: DecisionRecord, number: int, count: int, chance: random.Random
) -> DecisionRecord:
    at, score = START_US + number * 1_000, chance.random()
    answer = msgspec.structs.replace(
        like.answer,
        lead_id=f"lead_{chance.randrange(max(1, count // LEADS_SHARE)):017x}",
        decision_id=new_decision_id(at, os.urandom),
        score=score,
    )
    key = f"{number:064x}"
    asked = RequestKey(key=key, asked=key) if number % 2 else None
    return msgspec.structs.replace(like, decided_us=at, answer=answer, request=asked)


def measured(settings: Settings) -> tuple[float, float, float]:
    """Seconds, seconds of processor, and the most memory, in MB, of the command by itself."""
    environment = {**os.environ, **settings.environment()}
    command = [sys.executable, "-m", "leadscore", "audit", "verify"]
    begin = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as running:
        said = running.stdout.read().decode() if running.stdout else ""
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - begin
    if running.returncode:
        raise SystemExit(said)
    return took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main(counts: list[int]) -> None:
    """Measure trails of these lengths, one after the other."""
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="long-trail-") as folder:
            settings = Settings(
                home=Path(folder) / "home", anchors=str(Path(folder) / "anchors.jsonl")
            )
            settings.home.mkdir()
            begin = time.monotonic()
            write(settings, count)
            wrote = time.monotonic() - begin
            size = (settings.home / "audit.db").stat().st_size >> 20
            took, busy, memory = measured(settings)
            sys.stdout.write(
                f"{count:,} decisions, {size} MB, written in {wrote:.0f} s: verified in "
                f"{took:.1f} s, {busy:.1f} s of them busy, {memory:.0f} MB at most\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1_000_000])
