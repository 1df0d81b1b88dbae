"""Policies' arms, rehearsed: looked at every few days until the last horizon has passed.

Accounts arrive for two months, a fifth of them, then half, with the challenger; an account that
converts does so after an exponential time.
"""

from collections.abc import Iterator

import numpy as np

from monitoring.canary_rule import CanaryRule
from monitoring.policy_canary import compare_policies
from tests.monitoring.records import DAY_US
from tests.monitoring.test_policy_canary import LABELS, LEARNT, T, world

ACCOUNTS, MONTHS = 2_000, 3.0
EVERY_DAYS, LAST_DAY = 3, 95
WORSE, BETTER = frozenset({"worse"}), frozenset({"better"})
PASSES = BETTER | {"no_worse"}
RATE = float(-np.expm1(-30 / (30 * MONTHS)))
"""The share of the champion's accounts that convert within the horizon."""


def ratio_of(share: float) -> float:
    """The ratio of hazards by which a challenger converts so many times the champion's share."""
    return float(np.log1p(-share * RATE) / np.log1p(-RATE))


def verdicts(seed: int, ratio: float, rule: CanaryRule) -> list[tuple[int, str]]:
    """The verdict at each look, with its day."""
    records, outcomes = world(seed, ratio, accounts=ACCOUNTS, months=MONTHS)
    moments = [one.decided_us for one in records]
    looks: list[tuple[int, str]] = []
    for day in range(EVERY_DAYS, LAST_DAY + 1, EVERY_DAYS):
        now = round(T + day * DAY_US)
        known = records[: int(np.searchsorted(moments, now, side="right"))]
        found = compare_policies(
            known, outcomes, "rollout-9", LABELS, LEARNT, rule, watermark_us=now
        )
        looks.append((day, found.verdict))
    return looks


def policies(runs: int, rule: CanaryRule) -> Iterator[str]:
    """Rows of Markdown: what each challenger was ever called, over so many rollouts."""
    yield "| challenger | ever called worse | ever better | ever better or no worse | median day |"
    yield "|---|---|---|---|---|"
    margin = rule.conversion_margin
    for name, share, wanted in (
        ("equal", 1.0, PASSES),
        (f"{margin:.0%} fewer accounts convert: the margin", 1 - margin, WORSE),
        ("30% fewer", 0.7, WORSE),
        ("70% fewer", 0.3, WORSE),
        ("30% more", 1.3, PASSES),
    ):
        looks = [verdicts(seed, ratio_of(share), rule) for seed in range(runs)]
        cells = [
            f"{np.mean([any(v in ever for _, v in one) for one in looks]):.1%}"
            for ever in (WORSE, BETTER, PASSES)
        ]
        first = [next((day for day, v in one if v in wanted), np.inf) for one in looks]
        median = float(np.median(first))
        days = f"{median:.0f}" if np.isfinite(median) else "–"
        yield f"| {' | '.join([name, *cells, days])} |"
