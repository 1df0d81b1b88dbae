"""Every tool on a real home: what it answers, whom it refuses, what the journal keeps of it."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.clock import DAY, to_us
from domain.decisions import DecisionChange, DecisionRecord
from domain.errors import BadInput, LeadscoreError, Missing, Refused, UnknownLead
from domain.versions.manifest import Stage
from jobs.assistants.caller import ToolCaller
from jobs.assistants.journal import open_journal
from jobs.assistants.resolutions import accept, refuse
from jobs.assistants.tools import TOOLS
from jobs.decisions.overrides import set_override
from jobs.models.promote import approve
from tests.assistants.conftest import NAMES, Desk
from tests.assistants.homes import ADDRESS, ADMIN, PERSONAL, PROPOSER, READER, scored
from tests.commands import leadscore
from tests.conftest import ROOT
from wiring.clock import clock_of
from wiring.decisions import open_trail
from wiring.registry import open_kind, open_registry
from wiring.serving import open_runtime
from wiring.signals import open_signals

STANDARD = json.loads((ROOT / "decisions" / "policies" / "standard.json").read_text())


def call(desk: Desk, name: str, caller: ToolCaller = READER, **arguments: Any) -> Any:
    return desk.desk.call(name, arguments, caller)


def newest(desk: Desk) -> DecisionRecord:
    return open_trail(desk.settings).of_lead(desk.leads[0], 1)[0]


def test_a_lead_is_found_by_id_and_by_identifiers(desk: Desk) -> None:
    by_key = call(desk, "find_lead", identifiers={"crm_id": "T-0"})
    assert by_key == call(desk, "find_lead", lead_id=by_key.lead_id)
    assert by_key.lead_id == desk.leads[0]
    assert by_key.newest.decision_id == newest(desk).answer.decision_id
    assert {one.kind for one in by_key.identifiers} >= {"crm_id", "email"}


def test_personal_data_is_shown_to_who_may_see_it_alone(desk: Desk) -> None:
    for caller in (READER, ADMIN):
        masked = call(desk, "find_lead", caller, lead_id=desk.leads[0])
        assert all(one.value is None for one in masked.identifiers)
        assert ADDRESS[4:] not in msgspec.json.encode(masked).decode()
    shown = call(desk, "find_lead", PERSONAL, lead_id=desk.leads[0])
    values = {one.kind: one.value for one in shown.identifiers}
    assert values["crm_id"] == "T-0"
    assert values["email"].endswith(ADDRESS[2:])


def test_a_score_is_explained_as_it_was_recorded(desk: Desk) -> None:
    record = newest(desk)
    explained = call(desk, "explain_score", lead_id=desk.leads[0])
    assert explained.score == record.answer.score
    assert explained.reasons == record.answer.reasons
    assert explained.decision == record.answer.decision
    assert explained == call(desk, "explain_score", decision_id=record.answer.decision_id)


def test_an_override_is_explained_with_what_the_policy_decided(own_desk: Desk) -> None:
    lead, settings = own_desk.leads[0], own_desk.settings
    plain = call(own_desk, "explain_score", lead_id=lead)
    assert plain.override is None
    entry = set_override(
        settings,
        lead=lead,
        account=None,
        change=DecisionChange(queue="partners"),
        until_us=to_us(clock_of(settings, open_signals(settings).directory).now()) + DAY,
        reason="a partner brought them",
        by="jo",
        credential="key:jo",
    )
    runtime = open_runtime(settings)  # the desk's own follows within a second
    try:
        assert scored(runtime, NAMES[:1]) == [lead]
    finally:
        runtime.close()
    explained = call(own_desk, "explain_score", lead_id=lead)
    assert explained.decision.queue == "partners"
    assert explained.override.number == entry.sequence
    assert explained.override.reason == "a partner brought them"
    assert explained.override.instead_of == plain.decision


def test_a_question_records_no_decision(desk: Desk) -> None:
    head = open_trail(desk.settings).head()
    answer = call(desk, "what_if", lead_id=desk.leads[0], changes={"employees": 900})
    assert [(one.feature, one.now) for one in answer.changes] == [("employees", 900.0)]
    call(desk, "next_leads")
    assert open_trail(desk.settings).head() == head


def test_leads_come_by_score_a_page_at_a_time(desk: Desk) -> None:
    pages, cursor = [], None
    while True:
        page = call(desk, "next_leads", limit=3, **({"cursor": cursor} if cursor else {}))
        pages += [one.newest.score for one in page.leads]
        assert len(page.leads) <= 3
        if (cursor := page.next_cursor) is None:
            break
    assert pages == sorted(pages, reverse=True)
    assert len(pages) == len(desk.leads)


def test_what_keeps_a_lead_from_a_grade(desk: Desk) -> None:
    shortfall = call(desk, "why_not", lead_id=desk.leads[0], grade="A")
    with desk.runtime.here() as scoring:
        assert shortfall.needed == dict(scoring.policy().champion.grades)["A"]
    assert shortfall.short_by == max(0.0, shortfall.needed - shortfall.score)
    assert all(reason.contribution < 0 for reason in shortfall.against)


def test_scores_over_time_end_with_the_newest(desk: Desk) -> None:
    compared = call(desk, "compare_over_time", lead_id=desk.leads[0])
    assert compared.scores[-1].decision_id == newest(desk).answer.decision_id
    assert compared.change == compared.scores[-1].score - compared.scores[0].score


def test_a_decision_is_made_again(desk: Desk) -> None:
    again = call(desk, "replay_decision", decision_id=newest(desk).answer.decision_id)
    assert (again.same, again.differences) == (True, ())
    with pytest.raises(Missing):
        call(desk, "replay_decision", decision_id="none")


def test_policies_are_compared_by_name_and_never_by_path(desk: Desk, tmp_path: Path) -> None:
    assert call(desk, "policy_diff", policy="standard").rows == 0
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(STANDARD))
    for name in (str(path), "../decisions/policies/standard", "standard.json"):
        with pytest.raises(Missing) as refused:
            call(desk, "policy_diff", policy=name)
        assert refused.value.rule == "policy-file"


def test_rollouts_and_their_evidence(desk: Desk) -> None:
    status = call(desk, "rollout_status")
    assert status.champion_model == "lead-1"
    (rollout,) = status.rollouts
    assert (rollout.challenger, rollout.weight) == ("lead-2", 0.5)
    assert call(desk, "rollout_status", kind="policy").rollouts == ()
    assert call(desk, "canary_evidence").steps == ()


def test_a_card_tells_of_a_version(desk: Desk) -> None:
    card = call(desk, "model_card")
    manifest = open_registry(desk.settings).fetch("lead-1")[1]
    assert (card.version, card.stage) == ("lead-1", "champion")
    assert card.metrics == manifest.metrics
    assert card.card.startswith("#")
    assert call(desk, "model_card", version="lead-2").stage == "challenger"


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_needs_its_scope(desk: Desk, name: str) -> None:
    scopes = frozenset({"read", "score", "propose", "ingest", "approve"}) - {TOOLS[name].scope}
    with pytest.raises(Refused) as refused:
        call(desk, name, ToolCaller("key:x", scopes, "test"))
    assert refused.value.rule == "scope"
    assert name not in {tool.name for tool in desk.desk.tools(ToolCaller("x", scopes, "test"))}


@pytest.mark.parametrize(
    ("name", "arguments", "rule"),
    [
        ("no_such_tool", {}, "tool-known"),
        ("find_lead", {}, "one-of"),
        ("find_lead", {"lead_id": "lead_1", "identifiers": {"crm_id": "1"}}, "one-of"),
        ("find_lead", {"lead_id": 7}, "arguments-valid"),
        ("find_lead", {"secret.person@example.com": 1}, "arguments-valid"),
        ("next_leads", {"limit": 51}, "arguments-valid"),
        ("next_leads", {"limit": 0}, "arguments-valid"),
        ("compare_over_time", {"lead_id": "l", "limit": 1_000}, "arguments-valid"),
        ("what_if", {"lead_id": "l", "changes": {}}, "arguments-valid"),
        ("explain_score", {"lead_id": "secret.person@example.com"}, "unknown-lead"),
    ],
)
def test_what_cannot_be_answered_is_refused_without_what_was_sent(
    desk: Desk, name: str, arguments: dict[str, Any], rule: str
) -> None:
    with pytest.raises(LeadscoreError) as refused:
        desk.desk.call(name, arguments, READER)
    assert refused.value.rule == rule
    assert "secret.person" not in str(refused.value)


def test_a_lead_without_a_score_is_told_so(desk: Desk) -> None:
    with desk.runtime.here() as scoring:
        seen = set(desk.leads)
        other = next(one for one in scoring.plane.directory.all() if one.lead_id not in seen)
    with pytest.raises(Missing) as refused:
        call(desk, "explain_score", lead_id=other.lead_id)
    assert refused.value.rule == "lead-scored"
    with pytest.raises(UnknownLead):
        call(desk, "why_not", lead_id="lead_nobody")


def test_every_call_is_in_the_journal_before_it_is_answered(desk: Desk) -> None:
    journal = open_journal(desk.settings)
    before = journal.verify().count
    call(desk, "find_lead", identifiers={"email": "t-0" + ADDRESS[2:]})
    with pytest.raises(BadInput):
        call(desk, "find_lead", lead_id="x", identifiers={"email": ADDRESS})
    refused, answered = journal.entries(2)
    assert journal.verify().count == before + 2
    assert (answered.tool, answered.outcome, answered.caller) == ("find_lead", "ok", "key:reader")
    assert answered.arguments == {"identifiers": ["email"]}
    assert refused.outcome == "one-of"
    assert not answered.personal
    assert ADDRESS[4:] not in msgspec.json.encode([refused, answered]).decode()


def test_an_outcome_waits_for_a_person(own_desk: Desk) -> None:
    desk, settings = own_desk, own_desk.settings
    lead = desk.leads[1]
    proposal = call(
        desk, "record_outcome", PROPOSER, lead_id=lead, outcome="won", reason="signed today"
    )
    directory = open_signals(settings).directory
    assert directory.outcomes([lead]) == [""]
    journal = open_journal(settings)
    assert [one.sequence for one in journal.pending(10)] == [proposal.number]
    sentence = accept(settings, journal, proposal.number, by="ann", reason="I saw the contract")
    assert lead in sentence
    assert directory.outcomes([lead]) == ["won"]
    assert journal.pending(10) == []
    with pytest.raises(Refused) as again:
        accept(settings, journal, proposal.number, by="ann", reason="again")
    assert again.value.rule == "proposal-open"


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"outcome": "ate"}, "outcome-known"),
        ({"outcome": "won", "at": "2999-01-01T00:00:00Z"}, "outcome-time"),
        ({"outcome": "won", "at": "yesterday !"}, "rfc-3339"),
        ({"outcome": "won", "lead_id": "lead_nobody"}, "unknown-lead"),
    ],
)
def test_an_outcome_that_cannot_be_is_refused(
    desk: Desk, arguments: dict[str, Any], rule: str
) -> None:
    sent = {"lead_id": desk.leads[2], "reason": "r", **arguments}
    with pytest.raises(LeadscoreError) as refused:
        desk.desk.call("record_outcome", sent, PROPOSER)
    assert refused.value.rule == rule


def test_a_policy_waits_for_a_person(own_desk: Desk) -> None:
    desk, settings = own_desk, own_desk.settings
    policy = {**STANDARD, "name": "routing", "grades": {"A": 0.9, "B": 0.5, "C": 0.1}}
    proposal = call(desk, "propose_policy", PROPOSER, policy=policy, reason="A is rarer")
    assert proposal.changes > 0
    assert open_kind(settings, "policy").versions() == []
    journal = open_journal(settings)
    refuse(journal, proposal.number, by="ann", reason="not now")
    second = call(desk, "propose_policy", PROPOSER, policy=policy, reason="now?")
    assert "routing-1" in accept(settings, journal, second.number, by="ann", reason="yes")
    (version,) = open_kind(settings, "policy").versions()
    assert version.stage == Stage.CANDIDATE
    assert [one.outcome for one in journal.entries(10, kind="resolution")] == [
        "accepted",
        "refused",
    ]


def test_a_policy_that_is_none_is_refused(desk: Desk) -> None:
    for policy in ({}, {"name": "x"}, {**STANDARD, "description": "x" * 300_000}):
        with pytest.raises(LeadscoreError):
            call(desk, "propose_policy", PROPOSER, policy=policy, reason="r")
    assert open_journal(desk.settings).pending(10) == []


GATES = """
version: 1
challenger:
  - {rule: at_least, name: some_positives, count: test_positives, limit: 1}
champion:
  - {rule: at_least, name: some_positives, count: test_positives, limit: 1}
policy:
  challenger:
    - {rule: at_most, name: golden_rows_hold, count: golden_broken, limit: 0}
  champion:
    - {rule: at_most, name: golden_rows_hold, count: golden_broken, limit: 0}
"""


def test_a_promotion_waits_for_another_credential(own_desk: Desk) -> None:
    desk, settings = own_desk, own_desk.settings
    (settings.home / "gates.yaml").write_text(GATES)
    request = call(
        desk, "request_promotion", PROPOSER, version="lead-2", kind="model", reason="it is better"
    )
    assert request.gates == {"some_positives": True}
    registry = open_registry(settings)
    assert registry.standing().champion == "lead-1"
    entry = registry.ledger.entries()[-1]
    assert (entry.kind, entry.credential) == ("requested", PROPOSER.credential)
    approve(settings, "lead-2", by="ann", reason="I looked at it")
    assert open_registry(settings).standing().champion == "lead-2"


def test_a_promotion_whose_gates_fail_is_not_even_requested(desk: Desk) -> None:
    with pytest.raises(Refused) as refused:
        call(desk, "request_promotion", PROPOSER, version="lead-2", kind="model", reason="please")
    assert refused.value.rule == "gates-passed"
    assert open_registry(desk.settings).standing().requests == {}


def test_nobody_proposes_without_a_name(desk: Desk) -> None:
    nameless = ToolCaller("here", frozenset({"admin"}), "http", named=False)
    with pytest.raises(Refused) as refused:
        call(desk, "record_outcome", nameless, lead_id="l", outcome="won", reason="r")
    assert refused.value.rule == "credential-named"


def test_the_command_line_shows_calls_and_resolves_proposals(own_desk: Desk) -> None:
    home, lead = own_desk.settings.home, own_desk.leads[3]
    proposal = call(
        own_desk, "record_outcome", PROPOSER, lead_id=lead, outcome="lost", reason="no budget"
    )
    listed = json.loads(leadscore(home, "proposals", "list", "--json").stdout)
    assert [one["sequence"] for one in listed] == [proposal.number]
    shown = json.loads(leadscore(home, "proposals", "show", str(proposal.number)).stdout)
    assert shown["document"]["lead_id"] == lead
    number = str(proposal.number)
    refused = leadscore(home, "proposals", "refuse", number, "--reason", "wrong lead")
    assert refused.returncode == 0, refused.stderr
    assert leadscore(home, "proposals", "show", number).returncode == 1
    calls = json.loads(leadscore(home, "audit", "calls", "--json").stdout)
    assert [one["kind"] for one in calls[:3]] == ["resolution", "call", "proposal"]
    verified = leadscore(home, "audit", "verify")
    assert "assistants" in verified.stdout, verified.stderr
