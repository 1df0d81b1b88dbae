"""The tools of the workflow and of backtests: what they answer, whom they refuse, what is kept."""

from typing import Any

import pytest

from domain.errors import Missing, Refused
from jobs.assistants.caller import ToolCaller
from jobs.assistants.journal import open_journal
from jobs.decisions.backtest import BacktestRequest, backtest
from jobs.workflow.arrivals import move
from jobs.workflow.home import open_leads
from tests.assistants.conftest import Desk
from tests.assistants.homes import READER

OWNERS = "version: 1\nowners: {anna: {}}\npools: {all: {owners: [anna]}}\notherwise: all\n"
WORKER = ToolCaller("key:0123456789abcdef", frozenset({"work"}), "http")


def call(desk: Desk, name: str, caller: ToolCaller = WORKER, **arguments: Any) -> Any:
    return desk.desk.call(name, arguments, caller)


def test_a_lead_is_accepted_in_the_callers_name(own_desk: Desk) -> None:
    settings = own_desk.settings
    with pytest.raises(Missing, match="workflow yet"):
        call(own_desk, "workflow_status")
    (settings.home / "owners.yaml").write_text(OWNERS)
    (settings.home / "workflow.yaml").write_text(EVERYBODY)
    move(settings)
    lead = own_desk.leads[0]
    status = call(own_desk, "workflow_status", lead_id=lead, within_hours=1000)
    assert status.overview.states["offered"] == len(own_desk.leads)
    assert status.lead.actions == ("accept", "reject")
    assert status.overview.owners[0].leads == len(own_desk.leads)

    standing = call(own_desk, "accept_lead", lead_id=lead, reason="I know them", request_id="1")
    assert standing.state == "accepted"
    entry = open_leads(settings).history(lead, 1)[0]
    assert (entry.event.by, entry.event.reason) == (WORKER.credential, "I know them")
    with pytest.raises(Refused):
        call(own_desk, "accept_lead", lead_id=lead, reason="again", request_id="2")
    other = own_desk.leads[1]
    assert call(own_desk, "reject_lead", lead_id=other, reason="no fit").state == "rejected"
    kept = open_journal(settings).entries(4)
    assert [one.tool for one in kept][:2] == ["reject_lead", "accept_lead"]


EVERYBODY = """
version: 1
name: everybody
initial: new
events:
  decided: {source: decision}
  accept: {source: person}
  reject: {source: person}
states:
  new:
    transitions: {decided: [{to: offering}]}
  offering:
    assign: true
    transitions: {assigned: [{to: offered}]}
  offered:
    owned: true
    timers: {late: {after: {hours: 4}}}
    transitions: {accept: [{to: accepted}], reject: [{to: rejected}], late: [{to: rejected}]}
  accepted: {final: true}
  rejected: {final: true}
"""


def test_only_who_works_leads_acts_and_only_by_name(desk: Desk) -> None:
    nameless = ToolCaller("here", frozenset({"admin"}), "http", named=False)
    for caller, rule in ((READER, "scope"), (nameless, "credential-named")):
        with pytest.raises(Refused) as refused:
            call(desk, "accept_lead", caller, lead_id=desk.leads[0], reason="r")
        assert refused.value.rule == rule


def test_a_policy_is_backtested_as_the_command_does(desk: Desk) -> None:
    answer = call(desk, "policy_backtest", READER, policy="generic")
    result = backtest(desk.settings, BacktestRequest(now="generic"))
    assert (answer.was, answer.now) == ("decided", "generic-1")
    assert (answer.moved, answer.decisions) == (result.moved, result.decisions)
    assert [one.was for one in answer.moves] == [str(one.was) for one in result.moves]
    assert not answer.value_tells
    same = call(desk, "policy_backtest", READER, policy="generic", against="generic", newest=3)
    assert same.moved == 0
    assert 3 <= same.decisions <= result.decisions  # those of one moment come together
    with pytest.raises(Missing):
        call(desk, "policy_backtest", READER, policy="/etc/passwd")
