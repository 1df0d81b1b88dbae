"""Decisions joined with outcomes: what counts, what does not yet, what never does."""

from domain.errors import UnknownLead
from monitoring.outcomes import JoinRule, OutcomeTable, join
from tests.monitoring.records import DAY_US, record

T = 20_000 * DAY_US
RULE = JoinRule(outcome="won", horizon_days=30, closing=("won", "lost"))
AFTER = T + 30 * DAY_US


def joined(happened: dict[str, list[tuple[str, int]]], watermark: int = AFTER) -> OutcomeTable:
    return join([record("a", T, 0.3)], happened, RULE, watermark_us=watermark)


def test_the_horizon_ends_with_its_last_moment() -> None:
    assert joined({"a": [("won", AFTER)]}).y.tolist() == [1]
    assert joined({"a": [("won", AFTER + 1)]}, AFTER + 1).y.tolist() == [0]
    assert joined({"a": [("won", T + 1)]}).y.tolist() == [1]
    assert joined({"a": [("lost", T + 1)]}).y.tolist() == [0]


def test_it_matures_when_the_horizon_has_passed_and_not_before() -> None:
    assert joined({}, AFTER).matured.tolist() == [True]
    early = joined({"a": [("won", T + 1)]}, AFTER - 1)
    assert early.matured.tolist() == [False]
    assert early.counts.early_positives == 1


def test_a_lead_that_was_decided_is_left_out() -> None:
    table = joined({"a": [("lost", T)]})
    assert len(table) == 0
    assert table.counts.closed == 1


def test_the_first_decision_of_a_day_counts() -> None:
    records = [record("a", T + 5, 0.9), record("a", T, 0.1), record("a", T + DAY_US, 0.5)]
    table = join(records, {}, RULE, watermark_us=AFTER + DAY_US)
    assert table.score.tolist() == [0.1, 0.5]
    assert table.counts.repeats == 1


def test_leads_that_were_merged_are_one() -> None:
    records = [record("old", T, 0.2), record("new", T + 1, 0.4)]
    table = join(
        records,
        {"new": [("won", T + 9)]},
        RULE,
        watermark_us=AFTER + 1,
        canonical={"old": "new", "new": "new"}.__getitem__,
    )
    assert table.lead_ids == ("new",)
    assert table.y.tolist() == [1]


def test_a_lead_that_is_gone_is_counted() -> None:
    def nobody(_lead: str) -> str:
        raise UnknownLead("gone", rule="unknown-lead")

    table = join([record("a", T, 0.2)], {}, RULE, watermark_us=AFTER, canonical=nobody)
    assert (len(table), table.counts.unknown) == (0, 1)


def test_scores_of_both_versions_are_found_wherever_they_stand() -> None:
    records = [
        record("a", T, 0.1, model="lead-1", shadow={"lead-2": 0.2}),
        record("b", T, 0.4, model="lead-2", shadow={"lead-1": 0.3}),
    ]
    table = join(records, {}, RULE, watermark_us=AFTER)
    assert table.scores_of("lead-1").tolist() == [0.1, 0.3]
    assert table.scores_of("lead-2").tolist() == [0.2, 0.4]
