"""A backtest beside a policy and beside its editor: the figures of the command, on a page."""

import json

import pytest

from domain.clock import iso
from jobs.decisions.backtest import BacktestRequest, backtest
from tests.conftest import ROOT
from tests.console.conftest import Console
from tests.console.forms import fields_of
from wiring.decisions import open_trail

GENERIC = "/policies/generic-1"
EDIT = "/policies/standard-1/edit"


def test_a_policy_is_backtested_on_its_page(console: Console) -> None:
    found = backtest(console.settings, BacktestRequest(now="generic"))
    with console.owner() as client:
        action = f"/console{GENERIC}/backtest#backtest"
        fields = fields_of(client.get(GENERIC).text, action)
        answer = client.post(action.removeprefix("/console"), data=fields)
    assert answer.status_code == 200, answer.text
    assert f"{found.moved:,} of {found.decisions:,} decisions" in answer.text
    assert "The data cannot tell." in answer.text
    assert found.value.why[0] in answer.text
    for one in found.workloads:
        assert f"{one.was:,} → {one.now:,}" in answer.text


def test_a_draft_is_backtested_against_the_policy_in_force(console: Console) -> None:
    before = open_trail(console.settings).head()
    with console.owner() as client:
        fields = fields_of(client.get(EDIT).text, f"/console{EDIT}#looks")
        same = client.post(EDIT, data={**fields, "backtest": "yes", "against": "in force"})
        asked = {**fields, "backtest": "yes", "grade-A": "0.12", "capacity": "small_business=3"}
        moved = client.post(EDIT, data=asked)
        wrong = client.post(EDIT, data={**asked, "capacity": "small_business=many"})
        cell = next(name for name, value in fields.items() if value == "'closed'")
        broken = client.post(EDIT, data={**asked, cell: "= ="})
    assert "0 of " in same.text
    assert "Days over it" in moved.text
    assert "standard-1" in moved.text
    assert 'value="small_business=3"' in moved.text  # the form as it was sent
    assert (wrong.status_code, "capacity" in wrong.text) == (422, True)
    assert "thing found" in broken.text or "things found" in broken.text
    assert 'aria-label="Backtest"' not in broken.text
    assert open_trail(console.settings).head() == before


@pytest.mark.parametrize("newest", ["100", "500"])
def test_only_so_many_decisions_are_replayed(console: Console, newest: str) -> None:
    records = list(open_trail(console.settings).records())
    first = records[-int(newest)]
    with console.owner() as client:
        fields = fields_of(client.get(EDIT).text, f"/console{EDIT}#looks")
        answer = client.post(EDIT, data={**fields, "backtest": "yes", "newest": newest})
        beyond = client.post(EDIT, data={**fields, "backtest": "yes", "newest": "300001"})
    replayed = sum(one.decided_us >= first.decided_us for one in records)
    assert f"of {replayed:,} decisions" in answer.text
    assert iso(first.decided_us)[:16].replace("T", " ") in answer.text
    assert beyond.status_code == 422


def test_a_graph_is_backtested_as_it_was_sent(console: Console) -> None:
    file = (ROOT / "decisions/policies/standard.json").read_text()
    graph = json.loads(file.replace('\\"enterprise_emea\\"', '\\"enterprise_global\\"'))["decision"]
    with console.owner() as client:
        fields = fields_of(client.get(EDIT).text, f"/console{EDIT}#looks")
        asked = {**fields, "backtest": "yes", "decision": json.dumps(graph)}
        answer = client.post("/policies/standard-1/graph", data=asked)
    assert 'aria-label="Backtest"' in answer.text
    assert "contact, enterprise global, 1</td>" in answer.text
