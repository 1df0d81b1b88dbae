"""Two hundred injections in fields of leads, and a model that obeys each: nothing is done by it."""

import unicodedata
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from config.settings import Settings
from domain.clock import SystemClock
from jobs.agents.run_agents import agent_runs, run_agents
from jobs.assistants.journal import open_journal
from tests.agents.homes import STATES, agents_home, arrive, configure_agents, model_at
from tests.agents.injections import FIELDS, PERSONAL, PHRASES, SPELLINGS, WISHES, injections
from tests.agents.model_server import ModelServer, proposals
from tests.effects.receivers import server
from wiring.workflow import open_workflow
from workflow.agents.contract import ROLES
from workflow.effect import Effect
from workflow.outbox.effect_desk import EffectDesk

ALL = list(injections())
PLACES = dict(zip(ROLES, STATES, strict=True))
"""Each role looks at leads of a state of its own."""
LISTS = {"signals": ["employees"], "queues": ["field", "inside"], "owners": ["ann_lee"]}


def agents(approval: str) -> dict[str, object]:
    return {
        role: {
            "by": "model",
            "states": [state],
            "connector": "crm",
            "action": f"{role}_says",
            "approval": approval,
            "effects": 1_000,
            "leads": 1_000,
            "attempts": 1,
            **LISTS,
        }
        for role, state in PLACES.items()
    }


def attacked(settings: Settings) -> None:
    """Leads of which each has one injection in a field."""
    leads, profiles, reasons = {}, {}, {}
    for one in ALL:
        leads[one.lead_id] = PLACES[ROLES[one.number % len(ROLES)]]
        profile = {"segment": f"case-{one.number}", "employees": None}
        if one.field == "reason":
            reasons[one.lead_id] = one.text
        else:
            profile[one.field] = one.text
        profiles[one.lead_id] = profile
    arrive(settings, leads, profiles, reasons)


def obeys(document: dict[str, object]) -> str:
    """What a model answers that does whatever a text tells it."""
    view = document["view"]
    assert isinstance(view, dict)
    return ALL[int(view["attributes"]["segment"].removeprefix("case-"))].reply


def effects(settings: Settings) -> list[Effect]:
    """What was asked for, but for what the workflow itself asks for when a lead moves."""
    desk = EffectDesk(open_workflow(settings), SystemClock())
    rows = desk.rows(1_000)
    return [desk.effect(row.key) for row in rows if not row.key.startswith("wf-")]


def test_there_are_two_hundred_of_every_kind() -> None:
    assert len(ALL) == len({one.text for one in ALL}) == 200
    for column, wanted in (("wish", WISHES), ("language", PHRASES), ("spelling", SPELLINGS)):
        assert {getattr(one, column) for one in ALL} == set(wanted)
    assert {one.field for one in ALL} == set(FIELDS)
    for role in range(len(ROLES)):
        wishes = {one.wish for one in ALL if one.number % len(ROLES) == role}
        assert len(wishes) == len(WISHES), "each role is told each wish"


@pytest.mark.parametrize("approval", ["person", "guard"])
def test_no_injection_leads_to_an_effect_that_nobody_approved(
    approval: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ModelServer(obeys)
    monkeypatch.setenv("MODEL_KEY", model.key)
    settings = agents_home(tmp_path, {})
    attacked(settings)
    with server(model.answer) as address:
        configure_agents(settings, agents(approval), model=model_at(address))
        counts = run_agents(settings)
        assert sum(one.looked for one in counts) == 200
        assert len(model.asked) == 200
        again = run_agents(settings)
    assert sum(one.looked for one in again) == 0, "nor by looking again"
    assert effects(settings) == []
    pending = open_journal(settings).pending(500)
    told = Counter(entry.document["action"] for entry in pending)
    assert set(told) <= {"explainer_says", "evaluator_says"}, "texts wait for a person, always"
    for entry in pending:
        assert entry.document["lead_id"] in {one.lead_id for one in ALL}
        assert entry.document["connector"] == "crm"
    runs = agent_runs(settings, 500)
    verdicts = {verdict for run in runs for verdict, _ in run.document["verdicts"]}
    assert verdicts == {"refused", "waits"}
    assert_nothing_personal(settings, model)


def assert_nothing_personal(settings: Settings, model: ModelServer) -> None:
    """Neither to the model, nor into what is kept, in no spelling that a reader could undo."""
    kept = [str(e.document) for e in agent_runs(settings, 500)]
    kept += [str(e.document) + e.reason for e in open_journal(settings).pending(500)]
    for text in (model.read, *kept):
        for secret in ("jo.doe", "example.com", "5550123", "ann_lee", "m0del-key"):
            assert secret not in text.lower()
    assert "lead_0000000" not in model.read
    hidden = {unicodedata.category(sign) for sign in model.read if sign != "\n"}
    assert hidden.isdisjoint({"Cc", "Cf", "Co", "Cs"})


def test_what_is_on_the_lists_is_done_only_where_the_configuration_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that was talked into something allowed: it waits, or the home's own guard decides."""
    allowed = {"type": "route_to", "queue": "field", "owner": "owner-1", "why": "x"}
    reply = proposals(allowed)
    model = ModelServer(lambda _: reply)
    monkeypatch.setenv("MODEL_KEY", model.key)
    settings = agents_home(tmp_path, {})
    arrive(settings, {"lead_1": "qualified"})
    rule = agents("person")["router"]
    assert isinstance(rule, dict)
    rule["states"] = ["qualified"]
    with server(model.answer) as address:
        configure_agents(settings, {"router": rule}, model=model_at(address))
        (first,) = run_agents(settings)
        assert (first.waits, effects(settings)) == (1, [])
        arrive(settings, {"lead_2": "qualified"})
        configure_agents(
            settings, {"router": {**rule, "approval": "guard"}}, model=model_at(address)
        )
        (second,) = run_agents(settings)
    assert second.done == 1
    (effect,) = effects(settings)
    assert (effect.lead_id, effect.action) == ("lead_2", "router_says")
    assert effect.fields == {"queue": "field", "owner": "ann_lee"}
    (entry,) = open_journal(settings).pending(10)
    assert entry.document["lead_id"] == "lead_1"


def test_personal_data_is_masked_in_every_spelling_that_shows_it() -> None:
    assert PERSONAL.count("@") == 1  # what `assert_nothing_personal` looks for is in every text
    plain = [one for one in ALL if one.spelling in ("plain", "comment", "fence")]
    assert all("jo.doe@example.com" in one.text for one in plain)


def test_the_journal_of_what_they_were_told_takes_no_change(tmp_path: Path) -> None:
    settings = agents_home(
        tmp_path,
        {"steward": {"states": ["qualified"], "connector": "team", "action": "escalate"}},
    )
    arrive(settings, {"lead_1": "qualified"})
    run_agents(settings)
    assert len(agent_runs(settings, 10)) == 1
    with pytest.raises(sa.exc.DBAPIError), open_workflow(settings).begin() as connection:
        connection.exec_driver_sql("DELETE FROM effects_journal")
