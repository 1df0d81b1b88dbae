"""Agents look at the leads that are theirs, and what they propose goes through the gate."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from config.secret_places import SecretPlace
from config.settings import Settings
from decisions.audit.assistant_journal import AssistantJournal, JournalDraft
from domain.clock import SystemClock, to_us
from jobs.agents.rules import AgentRule, AgentRules, load_agents
from jobs.agents.views import NewestDecision, mask, owner_alias, task_of
from jobs.assistants.journal import open_journal
from jobs.assistants.resolutions import AGENT_EFFECT
from jobs.workflow.home import open_leads
from storage.sql import take_write_lock
from wiring.clock import moment_of
from wiring.decisions import open_trail
from wiring.integrity.journals import EVERY, note_journals
from wiring.workflow import open_workflow
from workflow.agents.budget import AgentBudget, BudgetSpent
from workflow.agents.contract import (
    MOST_PROPOSALS,
    Agent,
    AgentFailure,
    AgentProposal,
    AgentRole,
    AgentTask,
)
from workflow.agents.gate import JudgedProposal, judge
from workflow.agents.language_model import LanguageModelAgent
from workflow.agents.rule_agents import RuleAgent
from workflow.agents.trace import AgentRunDetail, draft, proposed, subject_of, verdicts_of
from workflow.chart.guards import Guard
from workflow.chart.lead_state import WorkflowLead
from workflow.connectors.address_guard import networks
from workflow.connectors.guarded_http import GuardedHttp
from workflow.effect import Effect
from workflow.outbox.enqueue import enqueue
from workflow.outbox.journal import LARGEST_PAGE, LOCK, EffectsEntry, EffectsJournal
from workflow.store.lead_store import LeadStore

PAGE = 200
PAGES = 20
"""So many pages of leads are looked through for one state and run."""


class AgentRunCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What a role did: leads looked at, and what became of its proposals. `failed`: no answer."""

    role: AgentRole
    looked: int = 0
    done: int = 0
    waits: int = 0
    refused: int = 0
    noted: int = 0
    failed: int = 0


@dataclass(frozen=True)
class AgentHome:
    """What agents work on: the leads, the journals, and the newest decision of a lead."""

    engine: sa.Engine
    leads: LeadStore
    trace: EffectsJournal
    proposals: AssistantJournal
    newest: NewestDecision
    now_us: Callable[[], int]


def open_agent_home(settings: Settings) -> AgentHome:
    """A home's stores, for agents. Raises BadConfiguration, Unavailable."""
    trail, engine = open_trail(settings), open_workflow(settings)
    return AgentHome(
        engine=engine,
        leads=open_leads(settings),
        trace=EffectsJournal(engine, SystemClock()),
        proposals=open_journal(settings),
        newest=lambda lead_id: next(iter(trail.of_lead(lead_id, 1)), None),
        now_us=moment_of(settings),
    )


def run_agents(
    settings: Settings, only: AgentRole | None = None, check: Callable[[], object] = bool
) -> list[AgentRunCounts]:
    """Let each role look at leads that are new to it, within its budgets.

    `check` is called before each lead, and ends the work by raising. Raises BadConfiguration.
    """
    rules = load_agents(settings)
    home = open_agent_home(settings) if rules.agents else None
    counts = [
        AgentWork(home, role, rule, agent_of(role, rule, rules)).run(check)
        for role, rule in rules.agents.items()
        if home is not None and only in (None, role)
    ]
    note_journals(settings, "agents", EVERY)
    return counts


def agent_of(role: AgentRole, rule: AgentRule, rules: AgentRules) -> Agent:
    """The agent that does a role's work. Raises Missing, BadConfiguration for the model's key."""
    if rule.by == "rules" or rules.model is None:
        return RuleAgent(role)
    model = rules.model
    private = networks(model.private_networks)
    key = ""
    if model.key_variable or model.key_file:
        key = SecretPlace(
            owner="model",
            variable=model.key_variable,
            file=model.key_file,
            what="no key",
            rule="model-key",
            todo_variable="Set {where} in the environment of whoever runs agents.",
            todo_file="Put it into {where}, alone on one line.",
        ).read()

    def http_of(seconds: float) -> GuardedHttp:
        return GuardedHttp("model", model.address, timeout_s=seconds, private=private)

    return LanguageModelAgent(role, http_of, model.name, key, mask, model.most_tokens)


class AgentWork:
    """One role's run: leads, tasks, proposals, verdicts, the trace."""

    def __init__(self, home: AgentHome, role: AgentRole, rule: AgentRule, agent: Agent) -> None:
        self._home = home
        self._role = role
        self._rule = rule
        self._agent = agent
        self._guard = Guard(rule.when, "when")
        self._effects = 0
        self._counts: dict[str, int] = {}

    def run(self, check: Callable[[], object] = bool) -> AgentRunCounts:
        """Look at leads that are new to the role."""
        looked = 0
        for lead in self._leads():
            if looked >= self._rule.leads or self._effects >= max(self._rule.effects, 1):
                break
            check()
            looked += 1
            self._look(lead)
        return AgentRunCounts(role=self._role, looked=looked, **self._counts)

    def _leads(self) -> Iterator[WorkflowLead]:
        """Leads in the role's states that it has not looked at as they are."""
        for state in self._rule.states:
            after = ""
            for _ in range(PAGES):
                places = self._home.leads.page(PAGE, state=state, after=after)
                for place in places:
                    lead = self._home.leads.get(place.lead_id)
                    if self._is_new(lead):
                        yield lead
                if len(places) < PAGE:
                    break
                after = places[-1].lead_id

    def _is_new(self, lead: WorkflowLead) -> bool:
        subject = subject_of(self._role, lead.lead_id, lead.revision)
        entries = self._home.trace.entries(
            min(self._rule.attempts, LARGEST_PAGE), kind="agent_run", subject=subject
        )
        failed = all(entry.document.get("failure") for entry in entries)
        return failed and len(entries) < self._rule.attempts

    def _look(self, lead: WorkflowLead) -> None:
        home, began = self._home, time.monotonic()
        task = task_of(self._role, self._rule, lead, home.newest(lead.lead_id), home.now_us())
        budget = AgentBudget(self._rule.seconds, self._rule.attempts)
        failure, proposals = _bounded(self._agent, task, budget)
        judged = tuple(self._judged(one, task, lead) for one in proposals)
        detail = AgentRunDetail(
            lead_id=lead.lead_id,
            revision=lead.revision,
            task=task,
            proposals=proposed(proposals, mask),
            verdicts=verdicts_of(judged),
            failure="" if failure is None else failure.rule,
            cause="" if failure is None else failure.cause,
            attempts=budget.attempts,
            took_ms=round((time.monotonic() - began) * 1e3, 1),
        )
        self._settle(detail, lead, tuple(zip(proposals, judged, strict=True)))
        self._count("failed", failure is not None)

    def _judged(
        self, proposal: AgentProposal, task: AgentTask, lead: WorkflowLead
    ) -> JudgedProposal:
        verdict = judge(
            proposal,
            task,
            lead.facts,
            self._rule.approval,
            self._guard,
            owned=bool(lead.owner),
        )
        if verdict.verdict in ("done", "waits"):
            if self._effects >= self._rule.effects:
                return JudgedProposal("refused", "effects-budget", {})
            self._effects += 1
        self._count(verdict.verdict, 1)
        return verdict

    def _settle(
        self,
        detail: AgentRunDetail,
        lead: WorkflowLead,
        judged: tuple[tuple[AgentProposal, JudgedProposal], ...],
    ) -> None:
        """Trace and effects in one transaction; what waits for a person is put before it first."""
        waiting = [
            self._put_before_person(proposal, one, lead, number)
            for number, (proposal, one) in enumerate(judged)
            if one.verdict == "waits"
        ]
        effects = [
            self._effect(one, lead, number)
            for number, (_, one) in enumerate(judged)
            if one.verdict == "done"
        ]
        keys = (*(one.key for one in effects), *waiting)
        entry = draft(msgspec.structs.replace(detail, leads_to=keys), self._agent.label)
        with self._home.engine.begin() as connection:
            take_write_lock(connection, LOCK)
            self._home.trace.append_in(connection, entry)
            enqueue(connection, effects)

    def _effect(self, judged: JudgedProposal, lead: WorkflowLead, number: int) -> Effect:
        key = self._key(lead, number)
        return Effect(
            key=key,
            connector=self._rule.connector,
            action=self._rule.action,
            lead_id=lead.lead_id,
            account_id=lead.account_id,
            action_id=key,
            fields=self._named(judged.fields),
            created_us=to_us(SystemClock().now()),
        )

    def _put_before_person(
        self, proposal: AgentProposal, judged: JudgedProposal, lead: WorkflowLead, number: int
    ) -> str:
        document = {
            "key": self._key(lead, number),
            "connector": self._rule.connector,
            "action": self._rule.action,
            "lead_id": lead.lead_id,
            "account_id": lead.account_id,
            "fields": {
                name: mask(value) if isinstance(value, str) else value
                for name, value in self._named(judged.fields).items()
            },
        }
        entry = self._home.proposals.append(
            JournalDraft(
                kind="proposal",
                caller=f"agent {self._role}, {self._agent.label}",
                transport="agent",
                tool=AGENT_EFFECT,
                outcome="waits",
                document=document,
                reason=mask(proposal.why),
            )
        )
        return f"proposal-{entry.sequence}"

    def _key(self, lead: WorkflowLead, number: int) -> str:
        """The effect's key: the same look at a lead never asks for it twice."""
        return f"agent:{subject_of(self._role, lead.lead_id, lead.revision)}:{number}"

    def _named(
        self, fields: dict[str, str | float | bool | None]
    ) -> dict[str, str | float | bool | None]:
        """The fields, owners by their names again."""
        names = {owner_alias(n): name for n, name in enumerate(self._rule.owners)}
        owner = fields.get("owner")
        return {**fields, "owner": names[str(owner)]} if owner is not None else dict(fields)

    def _count(self, name: str, more: int) -> None:
        self._counts[name] = self._counts.get(name, 0) + more


def _bounded(
    agent: Agent, task: AgentTask, budget: AgentBudget
) -> tuple[AgentFailure | None, tuple[AgentProposal, ...]]:
    """What an agent proposes within its time; whatever it raises is a failure of its own."""
    results: list[tuple[AgentFailure | None, tuple[AgentProposal, ...]]] = []

    def work() -> None:
        try:
            results.append((None, tuple(agent.propose(task, budget))[:MOST_PROPOSALS]))
        except AgentFailure as failure:
            results.append((failure, ()))
        except BudgetSpent as spent:
            cause = f"its budget of {spent.what} is spent"
            results.append((AgentFailure("agent-budget", cause), ()))
        except Exception as bad:
            results.append((AgentFailure("agent-sound", f"it raised {type(bad).__name__}"), ()))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(budget.left_s)
    if results:
        return results[0]
    return AgentFailure("agent-budget", "its budget of seconds is spent"), ()


def agent_runs(settings: Settings, limit: int, before: int | None = None) -> list[EffectsEntry]:
    """What agents saw, proposed and did, the newest first."""
    engine = open_workflow(settings)
    return EffectsJournal(engine, SystemClock()).entries(limit, before=before, kind="agent_run")
