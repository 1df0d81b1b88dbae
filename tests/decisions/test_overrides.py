"""Overrides: recorded for good, in force until they end, replayed from the decision's record."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from decisions.audit.replay import differences
from decisions.overrides.in_force import NONE_IN_FORCE, in_force
from decisions.overrides.journal import OverrideDraft, OverrideEntry, OverrideJournal
from decisions.policy.zen_policy import ZenPolicy
from domain.clock import SystemClock
from domain.decisions import DecisionChange, DecisionRecord, Facts
from domain.errors import Missing, Refused
from registry.rollout_state import Rollout
from scoring.assignment import Plans, assign_all
from scoring.live_policy import LivePolicies
from scoring.routing import route
from tests.decisions.conftest import MakeRecord, connect

QUEUE = DecisionChange(queue="partners", priority=1)
HOLDOUT = Rollout(
    id="h", champion="a-1", challenger="", weight=0.0, mode="holdout", started="x", holdout=1.0
)


@pytest.fixture
def journal(tmp_path: Path) -> OverrideJournal:
    return OverrideJournal(connect(tmp_path / "audit.db"), SystemClock())


def draft(**changed: Any) -> OverrideDraft:
    fields: dict[str, Any] = {
        "of": "lead", "subjects": ("lead_1",), "change": QUEUE, "from_us": 10, "until_us": 20,
        "reason": "a partner brought them", "by": "jo",
    }  # fmt: skip
    return OverrideDraft(**(fields | changed))


def entry(number: int = 7, **changed: Any) -> OverrideEntry:
    return OverrideEntry(**msgspec.structs.asdict(draft(**changed)), sequence=number, at_us=1)


def test_what_is_set_is_in_force_until_it_ends_or_is_withdrawn(journal: OverrideJournal) -> None:
    first = journal.append(draft())
    second = journal.append(draft(of="account", subjects=("acct_1", "acct_2"), until_us=30))
    assert [e.sequence for e in journal.in_force(15)] == [1, 2]
    assert [e.sequence for e in journal.in_force(20)] == [2]
    journal.append(OverrideDraft(of="account", withdraws=2, reason="over", by="jo"))
    assert journal.in_force(15) == [first]
    assert journal.entry(2) == second
    assert journal.newest() == 3
    with pytest.raises(Refused, match="withdrawn already"):
        journal.append(OverrideDraft(of="account", withdraws=2, reason="over", by="jo"))
    with pytest.raises(Missing):
        journal.entry(9)


def test_one_subject_has_one_override(journal: OverrideJournal) -> None:
    journal.append(draft(of="account", subjects=("acct_1", "acct_2")))
    with pytest.raises(Refused, match="override 1 is in force for this account"):
        journal.append(draft(of="account", subjects=("acct_2", "acct_3")))
    journal.append(draft(of="lead", subjects=("acct_2",)))
    journal.append(draft(of="account", subjects=("acct_2",), from_us=20, until_us=40))


def test_nothing_is_changed_or_taken_away(journal: OverrideJournal, tmp_path: Path) -> None:
    for number in range(5):
        journal.append(draft(subjects=(f"lead_{number}",)))
    assert (journal.verify().count, journal.verify().fault) == (5, "")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'audit.db'}")
    with engine.begin() as connection:
        for statement in ("DELETE FROM override_journal", "UPDATE override_journal SET until_us=1"):
            with pytest.raises(sa.exc.IntegrityError, match="append-only"):
                connection.exec_driver_sql(statement)
        connection.exec_driver_sql("DROP TRIGGER override_journal_no_update")
        connection.exec_driver_sql("UPDATE override_journal SET until_us=99 WHERE sequence=3")
    assert "entry 3 differs from its columns" in journal.verify().fault


def test_the_lead_counts_before_its_account() -> None:
    account = entry(8, of="account", subjects=("acct_1",), until_us=40)
    now = in_force([entry(7), account])
    assert now.of("lead_1", "acct_1", 15) == entry(7)
    assert now.of("lead_1", "acct_1", 20) == account
    assert now.of("lead_1", "acct_1", 9) is None
    assert now.of("lead_2", "", 15) is None
    assert now.of("lead_1", "acct_1", 40) is None


def routed(
    policy: ZenPolicy, facts: Facts, plans: Plans | None = None, **changed: Any
) -> tuple[Any, OverrideEntry]:
    one = entry(**changed)
    assigned = assign_all("acct_1", plans or Plans())
    return route(LivePolicies(policy), assigned, facts, "acct_1", one), one


def test_nobody_is_marketed_to_against_the_policys_word(
    standard: ZenPolicy, make_record: MakeRecord
) -> None:
    facts = make_record().facts
    refused = msgspec.structs.replace(facts, profile={**facts.profile, "consent": "withdrawn"})
    answer, _ = routed(standard, refused)
    assert answer.override is None
    assert answer.decision == standard.decide(refused)
    taken, _ = routed(standard, facts, change=DecisionChange(eligible=False, action="none"))
    assert (taken.decision.eligible, taken.decision.action) == (False, "none")


def test_in_a_holdout_nothing_is_drawn_of_whom_an_override_is_about(
    standard: ZenPolicy, make_record: MakeRecord
) -> None:
    facts = make_record().facts
    answer, _ = routed(standard, facts, Plans(holdout=HOLDOUT))
    assert answer.drawn is None
    assert answer.decision.queue == "partners"
    plain = route(LivePolicies(standard), assign_all("acct_1", Plans(holdout=HOLDOUT)), facts, "a")
    assert plain.drawn is not None


CHANGES = st.builds(
    DecisionChange,
    eligible=st.sampled_from([None, False]),
    action=st.sampled_from([None, "call", "none"]),
    queue=st.sampled_from([None, "partners"]),
    priority=st.none() | st.integers(1, 5),
    next_best_action=st.sampled_from([None, "visit"]),
    owner_pool=st.sampled_from([None, "field"]),
    service_level_h=st.none() | st.floats(0.5, 100),
)


def overridden_record(
    make: MakeRecord, policy: ZenPolicy, change: DecisionChange
) -> DecisionRecord:
    record = make()
    answer, _ = routed(policy, record.facts, change=change)
    told = msgspec.structs.replace(record.answer, decision=answer.decision)
    made = msgspec.structs.replace(record, answer=told, override=answer.override)
    return msgspec.json.decode(msgspec.json.encode(made), type=DecisionRecord)


@given(change=CHANGES)
def test_a_record_replays_whatever_was_changed(
    standard: ZenPolicy, make_record: MakeRecord, change: DecisionChange
) -> None:
    record = overridden_record(make_record, standard, change)
    assert differences(record, standard) == []
    now = record.answer.decision
    assert {name: getattr(now, name) for name in change.changes()} == change.changes()
    assert now.rules[-1] == "override.7"


@pytest.mark.parametrize("part", ["decision", "change", "instead_of"])
def test_a_record_that_was_changed_says_so(
    standard: ZenPolicy, make_record: MakeRecord, part: str
) -> None:
    record = overridden_record(make_record, standard, QUEUE)
    override = record.override
    assert override is not None
    if part == "decision":
        decision = msgspec.structs.replace(record.answer.decision, queue="enterprise_emea")
        answer = msgspec.structs.replace(record.answer, decision=decision)
        forged = msgspec.structs.replace(record, answer=answer)
    elif part == "change":
        other = msgspec.structs.replace(override, change=DecisionChange(queue="mine", priority=1))
        forged = msgspec.structs.replace(record, override=other)
    else:
        was = msgspec.structs.replace(override.instead_of, queue="mine")
        forged = msgspec.structs.replace(
            record, override=msgspec.structs.replace(override, instead_of=was)
        )
    assert len(differences(forged, standard)) == 1


def test_a_record_from_before_is_read(make_record: MakeRecord, standard: ZenPolicy) -> None:
    """Neither `override` nor what later decisions hold was there."""
    document = msgspec.to_builtins(make_record())
    del document["override"]
    for name in ("owner_pool", "service_level_h", "because"):
        del document["answer"]["decision"][name]
    record = msgspec.convert(document, DecisionRecord)
    assert record.override is None
    assert record.answer.decision.because is None
    assert differences(record, standard) == []


def test_nobody_overridden_costs_nothing() -> None:
    assert NONE_IN_FORCE.of("lead_1", "acct_1", 5) is None
