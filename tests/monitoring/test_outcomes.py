"""Decisions joined with outcomes: what counts, what does not yet, what never does."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from domain.decisions import DecisionRecord
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


LEADS = ["a", "b", "c", "former", "gone"]
MOMENTS = st.integers(0, 40).map(lambda quarter: T + quarter * DAY_US // 4)
RECORDS = st.lists(
    st.builds(
        record,
        st.sampled_from(LEADS),
        MOMENTS,
        st.sampled_from([0.1, 0.5, 0.9]),
        model=st.sampled_from(["lead-1", "lead-2"]),
        shadow=st.sampled_from([{}, {"lead-2": 0.3}]),
        account=st.sampled_from(["", "x", "y"]),
    ),
    max_size=25,
    unique_by=lambda one: one.answer.decision_id,
)
HAPPENED = st.dictionaries(
    st.sampled_from(LEADS), st.lists(st.tuples(st.sampled_from(["won", "lost"]), MOMENTS))
)


def current(lead: str) -> str:
    if lead == "gone":
        raise UnknownLead("gone", rule="unknown-lead")
    return "a" if lead == "former" else lead


@given(RECORDS, HAPPENED, st.integers(0, 60), st.sampled_from([0.25, 1.0, 3.0]))
def test_columns_say_what_plain_loops_say(
    records: list[DecisionRecord],
    happened: dict[str, list[tuple[str, int]]],
    days: int,
    every: float,
) -> None:
    rule = JoinRule(outcome="won", horizon_days=5, repeat_days=every, closing=("lost",))
    until = T + days * DAY_US // 4
    table = join(records, happened, rule, watermark_us=until, canonical=current)
    expected, counts = plain(records, happened, rule, until)
    rows = zip(
        table.decision_ids,
        [table.lead_ids[at] for at in table.lead],
        table.y.tolist(),
        table.matured.tolist(),
        table.model.tolist(),
        [records[at].answer.decision_id for at in table.place],
        strict=True,
    )
    assert list(rows) == [(d, lead, y, ripe, m, d) for d, lead, y, ripe, m, _ in expected]
    clusters = [cluster for *_, cluster in expected]
    assert table.account.tolist() == [sorted({*clusters}).index(c) for c in clusters]
    assert (table.counts.unknown, table.counts.closed, table.counts.repeats) == counts
    assert table.counts.decisions == len(records)
    other = table.shadow.get("lead-2", np.full(len(table), np.nan))
    told = [records[at].shadow.get("lead-2", np.nan) for at in table.place]
    np.testing.assert_array_equal(other, told)


def plain(
    records: list[DecisionRecord],
    happened: dict[str, list[tuple[str, int]]],
    rule: JoinRule,
    until: int,
) -> tuple[list[tuple[str, str, int, bool, str, str]], tuple[int, int, int]]:
    """The join by the words of `JoinRule`, a decision at a time."""
    known = [r for r in records if r.answer.lead_id != "gone"]
    known.sort(
        key=lambda r: (
            *(r.as_of_us, current(r.answer.lead_id), r.decided_us),
            *(r.answer.versions.model, r.answer.decision_id),
        )
    )
    clusters: dict[str, str] = {}
    for r in known:
        lead = current(r.answer.lead_id)
        if r.account_id or lead not in clusters:
            clusters[lead] = f"account {r.account_id}" if r.account_id else f"lead {lead}"
    seen, rows, closed, repeats = set(), [], 0, 0
    for r in known:
        lead = current(r.answer.lead_id)
        events = [
            one
            for name, of in happened.items()
            if name != "gone" and current(name) == lead
            for one in of
            if one[1] <= until
        ]
        if any(name == "lost" and at <= r.as_of_us for name, at in events):
            closed += 1
            continue
        period = lead, r.as_of_us // round(rule.repeat_days * DAY_US)
        if period in seen:
            repeats += 1
            continue
        seen.add(period)
        end = r.as_of_us + round(rule.horizon_days * DAY_US)
        won = any(name == "won" and r.as_of_us < at <= end for name, at in events)
        ids = r.answer.decision_id, lead
        rows.append((*ids, int(won), end <= until, r.answer.versions.model, clusters[lead]))
    return rows, (len(records) - len(known), closed, repeats)
