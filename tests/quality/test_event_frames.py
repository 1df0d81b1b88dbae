"""A rolling profile as a pandera schema."""

import pandas as pd
import pytest

from domain.clock import DAY
from domain.errors import Refused
from domain.findings import Findings
from signals.quality.profile import Profile, merge, profile_of
from signals.quality.rules import BatchRules
from signals.quality.statistics import Seen, field_seen
from signals.quality_frame import check_events, event_schema

WARN = BatchRules()
STOP = BatchRules(null_rate="stop", unseen_values="stop")


def column(nulls: int, words: str = "abc", rows: int = 400) -> list[str | None]:
    return [None if i < nulls else words[i % len(words)] for i in range(rows)]


def profile() -> Profile:
    def one(day: int) -> Profile:
        held = field_seen(column(40 + day), category=True)
        return profile_of(Seen(400, 0, {"page": held}), day * DAY, whole=True)

    whole = one(0)
    for day in range(1, WARN.warm_up_batches):
        whole = merge(whole, one(day), 30.0 * DAY, WARN.most_values)
    return whole


def check(frame: pd.DataFrame, rules: BatchRules) -> dict[tuple[str, str], int]:
    found = Findings()
    check_events(frame, event_schema(profile(), rules), rules, found, "web/web.page_viewed")
    return {(f.rule, f.about): n for f, n in found.counts().items()}


def test_a_table_like_the_profile_breaks_nothing() -> None:
    assert check(pd.DataFrame({"page": column(44), "other": 1}), STOP) == {}


@pytest.mark.parametrize(
    ("frame", "rule"),
    [
        (pd.DataFrame({"page": column(200)}), "null-rate"),
        (pd.DataFrame({"other": range(400)}), "null-rate"),
        (pd.DataFrame({"page": column(44, "abxyz")}), "unseen-values"),
    ],
)
def test_each_rule_warns_or_stops(frame: pd.DataFrame, rule: str) -> None:
    assert check(frame, WARN) == {(rule, "web/web.page_viewed/page"): 1}
    with pytest.raises(Refused) as caught:
        check(frame, STOP)
    assert caught.value.rule == rule
    assert "\n" not in str(caught.value)
