"""Agents keep the contract and their budgets; what they saw and did is kept; people decide."""

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.settings import Settings
from domain.clock import SystemClock
from domain.errors import BadConfiguration
from jobs.agents.rules import load_agents
from jobs.agents.run_agents import AgentWork, agent_runs, open_agent_home, run_agents
from jobs.agents.views import WITHHELD, category
from jobs.assistants.journal import open_journal
from jobs.operate import agents as job
from jobs.operate.job import JobRun
from jobs.operate.rules import load_rules
from jobs.workflow.home import open_leads
from tests.agents.homes import agents_home, arrive, configure_agents, facts, model_at
from tests.agents.model_server import ModelServer, proposals
from tests.commands import leadscore
from tests.effects.receivers import server
from wiring.workflow import open_workflow
from workflow.agents.budget import AgentBudget, BudgetSpent
from workflow.agents.contract import (
    KINDS,
    ROLES,
    AgentOptions,
    AgentProposal,
    AgentRole,
    AgentTask,
    AgentView,
    AskFor,
    Assess,
    Escalate,
    Explain,
    RouteTo,
)
from workflow.agents.gate import judge
from workflow.agents.rule_agents import RuleAgent
from workflow.chart.facts import LeadFacts
from workflow.chart.guards import Guard
from workflow.chart.lead_state import WorkflowEvent
from workflow.outbox.effect_desk import EffectDesk

STEWARD = {"states": ["qualified"], "connector": "team", "action": "escalate"}
COLLECTOR = {
    "states": ["qualified"],
    "connector": "crm",
    "action": "ask",
    "signals": ["employees", "industry"],
}
VIEW = AgentView(
    state="qualified",
    state_hours=3.0,
    owned=False,
    attempts=3,
    eligible=True,
    action="contact",
    next_best_action="call",
    queue="inside",
    priority=1,
    grade="A",
    score=0.4,
    attributes={"employees": None, "industry": None, "country": "DE"},
    reasons=("recency of visits raises the odds by 20%",),
    due_hours={"acceptance": -1.0, "forgotten": 900.0},
)
OPTIONS = AgentOptions(
    signals=("employees", "industry", "country"), queues=("inside", "field"), owners=("owner-1",)
)
ALWAYS, GOOD = Guard("true", "when"), LeadFacts(eligible=True, grade="A", score=0.4)


def task(role: AgentRole, **changes: Any) -> AgentTask:
    view = msgspec.structs.replace(VIEW, **changes)
    return AgentTask(role=role, at_us=0, view=view, options=OPTIONS)


def verdict(role: AgentRole, proposal: AgentProposal, **more: Any) -> tuple[str, str]:
    values = {"facts": GOOD, "approval": "guard", "guard": ALWAYS, **more}
    judged = judge(proposal, task(role), **values)
    return judged.verdict, judged.rule


@pytest.mark.parametrize("role", ROLES)
def test_every_role_proposes_its_own_kind_and_passes_the_gate(role: AgentRole) -> None:
    made = RuleAgent(role).propose(task(role), AgentBudget(5, 1))
    assert made
    assert {type(one) for one in made} == {KINDS[role]}
    assert made == RuleAgent(role).propose(task(role), AgentBudget(5, 1)), "the same again"
    for one in made:
        assert msgspec.convert(msgspec.to_builtins(one), KINDS[role]) == one
        assert verdict(role, one)[0] in ("done", "waits", "noted")


@pytest.mark.parametrize(
    ("role", "changes"),
    [
        ("collector", {"attributes": {"employees": 5.0, "industry": "x", "country": "DE"}}),
        ("router", {"attempts": 0}),
        ("explainer", {"reasons": ()}),
        ("steward", {"due_hours": {"forgotten": 900.0}}),
    ],
)
def test_where_nothing_is_to_be_done_nothing_is_proposed(
    role: AgentRole, changes: dict[str, Any]
) -> None:
    assert RuleAgent(role).propose(task(role, **changes), AgentBudget(5, 1)) == ()


@pytest.mark.parametrize(
    ("role", "proposal", "expected"),
    [
        ("router", RouteTo(queue="field", why="w"), ("done", "agent-guard")),
        ("router", RouteTo(queue="field", owner="owner-1", why="w"), ("done", "agent-guard")),
        ("router", RouteTo(queue="moon", why="w"), ("refused", "queue-listed")),
        ("router", RouteTo(queue="field", owner="bob", why="w"), ("refused", "owner-listed")),
        ("router", AskFor(signals=("employees",), why="w"), ("refused", "role-proposes")),
        ("router", Assess(verdict="agree", why="w"), ("refused", "role-proposes")),
        ("collector", AskFor(signals=("employees",), why="w"), ("done", "agent-guard")),
        ("collector", AskFor(signals=("password",), why="w"), ("refused", "signals-listed")),
        ("collector", AskFor(signals=("country",), why="w"), ("refused", "signals-listed")),
        ("evaluator", Assess(verdict="agree", why="w"), ("noted", "agrees")),
        ("evaluator", Assess(verdict="review", why="w"), ("done", "agent-guard")),
        ("explainer", Explain(text="t", why="w"), ("waits", "needs-person")),
        ("steward", Escalate(timer="acceptance", why="w"), ("done", "agent-guard")),
        ("steward", Escalate(timer="tea", why="w"), ("refused", "timer-runs")),
    ],
)
def test_what_the_gate_makes_of_a_proposal(
    role: AgentRole, proposal: AgentProposal, expected: tuple[str, str]
) -> None:
    assert verdict(role, proposal) == expected
    if expected[0] == "done":
        assert verdict(role, proposal, approval="person") == ("waits", "needs-person")
        closed = LeadFacts(eligible=False, grade="A")
        assert verdict(role, proposal, facts=closed) == ("refused", "lead-eligible")
        poor = Guard("grade in ['B']", "when")
        assert verdict(role, proposal, guard=poor) == ("refused", "agent-guard")


def test_a_budget_is_kept() -> None:
    moments = iter([0.0, 1.0, 2.0, 11.0, 11.0])
    budget = AgentBudget(10, 3, lambda: next(moments))
    assert budget.attempt() > 0
    with pytest.raises(BudgetSpent, match="seconds"):
        budget.attempt()
    with pytest.raises(BudgetSpent, match="attempts"):
        AgentBudget(10, 0).attempt()


def effects(settings: Settings) -> list[tuple[str, str]]:
    desk = EffectDesk(open_workflow(settings), SystemClock())
    return [(row.lead_id, row.action) for row in desk.rows(100) if not row.key.startswith("wf-")]


def test_rules_look_once_and_leave_a_trace_of_what_they_saw(tmp_path: Path) -> None:
    settings = agents_home(tmp_path, {"collector": {**COLLECTOR, "approval": "guard"}})
    profile = {"employees": None, "industry": "steel", "contact": "jo@example.com"}
    arrive(settings, {"lead_1": "qualified", "lead_2": "new"}, {"lead_1": profile})
    (counts,) = run_agents(settings)
    assert (counts.looked, counts.done) == (1, 1)
    assert run_agents(settings)[0].looked == 0
    assert effects(settings) == [("lead_1", "ask")]
    (entry,) = agent_runs(settings, 10)
    document = entry.document
    assert (entry.by, entry.subject) == ("rules-1", f"collector:lead_1:{document['revision']}")
    seen = document["task"]["view"]["attributes"]
    assert seen == {"employees": None, "industry": "steel", "contact": WITHHELD}
    assert document["proposals"][0]["signals"] == ["employees"]
    assert document["verdicts"] == [["done", "agent-guard"]]
    assert document["leads_to"] == [f"agent:{entry.subject}:0"]
    store = open_leads(settings)
    again = WorkflowEvent(
        id="d2",
        lead_id="lead_1",
        name="decided",
        facts=facts("qualified", score=0.3),
        facts_us=9**20,
    )
    store.take([again], entry.at_us + 1)
    assert run_agents(settings)[0].looked == 1, "a lead that moved is looked at anew"


def test_a_person_decides_what_waits(tmp_path: Path) -> None:
    settings = agents_home(tmp_path, {"collector": COLLECTOR})
    arrive(
        settings,
        {f"lead_{n}": "qualified" for n in range(3)},
        {key: {"employees": None} for key in [f"lead_{n}" for n in range(3)]},
    )
    assert run_agents(settings)[0].waits == 3
    assert effects(settings) == []
    home = settings.home
    accepted = leadscore(home, "proposals", "accept", "1", "--reason", "worth it", "--by", "ann")
    assert "waits for delivery" in accepted.stdout, accepted.stderr
    assert effects(settings) == [("lead_0", "ask")]
    twice = leadscore(home, "proposals", "accept", "1", "--reason", "again", "--by", "ann")
    assert (twice.returncode, "proposal-open" in twice.stderr) == (1, True)
    refused = leadscore(home, "proposals", "refuse", "2", "--reason", "no", "--by", "ann")
    assert refused.returncode == 0
    store = open_leads(settings)
    closed = WorkflowEvent(
        id="no", lead_id="lead_2", name="decided", facts=LeadFacts(grade="A"), facts_us=9**20
    )
    store.take([closed], open_agent_home(settings).now_us())
    late = leadscore(home, "proposals", "accept", "3", "--reason", "x", "--by", "ann")
    assert (late.returncode, "lead-eligible" in late.stderr) == (1, True)
    assert effects(settings) == [("lead_0", "ask")]
    assert len(open_journal(settings).pending(10)) == 1


def test_effects_of_one_run_are_bounded(tmp_path: Path) -> None:
    rule = {**COLLECTOR, "approval": "guard", "effects": 2}
    settings = agents_home(tmp_path, {"collector": rule})
    leads = {f"lead_{n}": "qualified" for n in range(5)}
    arrive(settings, leads, {key: {"employees": None} for key in leads})
    assert [run_agents(settings)[0].done for _ in range(4)] == [2, 2, 1, 0]
    assert len(effects(settings)) == 5


class Odd:
    """An agent that does what it should not."""

    label = "odd"

    def __init__(self, what: str) -> None:
        self.what = what
        self.free = threading.Event()

    def propose(self, task: AgentTask, budget: AgentBudget) -> tuple[AgentProposal, ...]:
        if self.what == "hangs":
            self.free.wait(30)
        if self.what == "raises":
            raise RuntimeError("jo@example.com")
        while self.what == "tries":
            budget.attempt()
        return (Escalate(timer="x", why="w"),) * 1_000


@pytest.mark.parametrize(
    ("what", "rule"),
    [("hangs", "agent-budget"), ("raises", "agent-sound"), ("tries", "agent-budget")],
)
def test_an_agent_that_fails_does_nothing_and_is_tried_again_so_often(
    what: str, rule: str, tmp_path: Path
) -> None:
    settings = agents_home(tmp_path, {"steward": {**STEWARD, "seconds": 0.3, "attempts": 2}})
    arrive(settings, {"lead_1": "qualified"})
    odd, own = Odd(what), load_agents(settings).agents["steward"]
    for failed in (1, 1, 0):
        counts = AgentWork(open_agent_home(settings), "steward", own, odd).run()
        assert (counts.failed, counts.done, counts.waits) == (failed, 0, 0)
    odd.free.set()
    entries = agent_runs(settings, 10)
    assert [entry.document["failure"] for entry in entries] == [rule, rule]
    assert "jo@" not in str(entries)


def test_more_than_a_few_proposals_are_not_looked_at(tmp_path: Path) -> None:
    settings = agents_home(tmp_path, {"steward": STEWARD})
    arrive(settings, {"lead_1": "qualified"})
    own = load_agents(settings).agents["steward"]
    counts = AgentWork(open_agent_home(settings), "steward", own, Odd("many")).run()
    assert (counts.refused, counts.looked) == (5, 1)


def test_a_model_is_an_agent_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = proposals({"type": "ask_for", "signals": ["employees"], "why": "size is not known"})
    model = ModelServer(lambda _: good)
    model.broken = [(200, {}, {"choices": []}), (500, {}, {})]
    monkeypatch.setenv("MODEL_KEY", model.key)
    settings = agents_home(tmp_path, {})
    arrive(settings, {"lead_1": "qualified"}, {"lead_1": {"employees": None}})
    rule = {**COLLECTOR, "by": "model", "approval": "guard", "attempts": 3}
    with server(model.answer) as address:
        configure_agents(settings, {"collector": rule}, model=model_at(address))
        (counts,) = run_agents(settings)
    assert (counts.done, len(model.asked)) == (1, 3)
    (entry,) = agent_runs(settings, 10)
    assert (entry.by, entry.document["attempts"]) == ("model scripted", 3)
    assert effects(settings) == [("lead_1", "ask")]
    read = msgspec.json.decode(model.asked[-1]["messages"][1]["content"])
    assert read["options"]["signals"] == ["employees", "industry"]
    assert "lead_1" not in model.read


@pytest.mark.parametrize(
    "said",
    [
        *("", "I cannot help", "{}", '{"proposals": 7}', '{"proposals": [{"type": "route_to"}]}'),
        proposals({"type": "ask_for", "signals": [], "why": "w"}),
        proposals({"type": "ask_for", "signals": ["employees"], "why": "w", "extra": 1}),
        "x" * 70_000,
    ],
)
def test_a_model_that_answers_otherwise_says_nothing(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ModelServer(lambda _: said)
    monkeypatch.setenv("MODEL_KEY", model.key)
    settings = agents_home(tmp_path, {})
    arrive(settings, {"lead_1": "qualified"}, {"lead_1": {"employees": None}})
    rule = {**COLLECTOR, "by": "model", "attempts": 2}
    with server(model.answer) as address:
        configure_agents(settings, {"collector": rule}, model=model_at(address))
        (counts,) = run_agents(settings)
    assert (counts.failed, len(model.asked)) == (1, 2)
    assert agent_runs(settings, 1)[0].document["failure"] == "model-schema"


def test_a_key_is_never_shown_and_a_wrong_one_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ModelServer(lambda _: "")
    monkeypatch.setenv("MODEL_KEY", "wr0ng-key")
    settings = agents_home(tmp_path, {})
    arrive(settings, {"lead_1": "qualified"})
    with server(model.answer) as address:
        configure_agents(
            settings, {"collector": {**COLLECTOR, "by": "model"}}, model=model_at(address)
        )
        outputs = [leadscore(settings.home, "agents", *w) for w in (("run",), ("list", "--json"))]
        monkeypatch.delenv("MODEL_KEY")
        missing = leadscore(settings.home, "agents", "run")
    told = "".join(one.stdout + one.stderr for one in [*outputs, missing])
    assert "wr0ng" not in told
    assert "example.com" not in told
    assert "the model's server answered 401" in outputs[1].stdout
    assert (missing.returncode, "MODEL_KEY holds no key" in missing.stderr) == (3, True)


def test_the_operating_loop_lets_them_look(tmp_path: Path) -> None:
    settings = agents_home(tmp_path, {})
    run = JobRun(settings, load_rules(settings), 0, 0, lambda: None)
    assert job.look(run).outcome == "idle"
    arrive(settings, {"lead_1": "qualified"}, {"lead_1": {"employees": None}})
    configure_agents(settings, {"collector": COLLECTOR})
    result = job.look(run)
    assert result.outcome == "done"
    assert result.notes == (
        "collector: 1 leads, 0 done, 1 wait for a person, 0 refused, 0 without an answer",
    )
    assert job.look(run).outcome == "idle"


@pytest.mark.parametrize(
    ("agents", "more", "where"),
    [
        ({"collector": {**COLLECTOR, "by": "model"}}, {}, "by"),
        ({"collector": {**COLLECTOR, "when": "score >"}}, {}, "when"),
        ({"collector": {**COLLECTOR, "when": "salary > 3"}}, {}, "when"),
        ({"barista": COLLECTOR}, {}, "agents"),
        ({"collector": {**COLLECTOR, "states": []}}, {}, "states"),
        ({}, {"model": {"address": "ftp://x", "name": "m"}}, "address"),
    ],
)
def test_a_file_that_cannot_be_meant_so_is_refused(
    tmp_path: Path, agents: dict[str, Any], more: dict[str, Any], where: str
) -> None:
    settings = agents_home(tmp_path, agents, **more)
    with pytest.raises(BadConfiguration) as raised:
        load_agents(settings)
    assert raised.value.where.startswith("agents.yaml"), where


@pytest.mark.parametrize("text", ["software", "Machine tools", "10-50", "R&D, other", "IT (EU)"])
def test_names_of_categories_are_shown(text: str) -> None:
    assert category(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("jo@acme.com", "+49 170 5550123", "a" * 25, "x\ny", "100%25", "<b>", "12345 67890"),
        *("so" + chr(0x200B) + "ft", "see https://evil.example", "x" * 61, "", "{}"),
    ],
)
def test_any_other_text_is_withheld(text: str) -> None:
    assert category(text) == WITHHELD
