"""Workflows as versions: proven, promoted, rolled out by shares of accounts, and taken back."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from domain.clock import SystemClock
from domain.errors import BadInput, Missing, Refused
from domain.versions.manifest import Stage
from jobs.decisions.verify_home import verify_home
from jobs.models.canary import verify_rollout
from jobs.models.promote import approve, approve_candidate, candidate, promote, rollback
from jobs.models.rollouts import begin, tick_rollout
from jobs.workflow.files import load_chart
from jobs.workflow.home import home_now_us, open_leads
from jobs.workflow.people import HomeWorkflow
from jobs.workflow.replay import verify_leads
from jobs.workflow.versions import register
from registry.ledger import Ledger
from registry.promotion import Candidate
from registry.rollout import advance, start
from registry.rollout_spec import RolloutSpec, course_of
from registry.rollout_state import Rollout
from registry.store import NO_MLFLOW, WorkflowRegistry
from registry.transitions import running
from signals.events.outcomes import read_outcomes
from storage.engine import open_engine
from tests.commands import leadscore
from tests.workflow.charts import DAY, GOOD, document, written
from wiring.registry import open_kind
from wiring.signals import open_signals
from workflow.chart.lead_state import WorkflowEvent
from workflow.store.lead_store import AT_ONCE

CHAMPION, CHALLENGER = Stage.CHAMPION, Stage.CHALLENGER
FIRST, SECOND = "workflow-mine-1", "workflow-mine-2"
LEADS = 200


@pytest.fixture
def home(tmp_path: Path, mlflow_template: Path) -> Settings:
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(mlflow_template, folder / "mlflow.db")
    return Settings(home=folder)


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a version of a workflow; the second one renames a state of the first."""

    def make(version: int, **changed: Any) -> Path:
        made = {**document(), "name": "mine", "version": version, **changed}
        if version == 2 and "migrates" not in changed:
            made["migrates"] = [{"from_version": 1, "states": {"qualified": "waiting"}}]
            text = json.dumps(made["states"]).replace('"qualified"', '"waiting"')
            made["states"] = json.loads(text)
        folder = tmp_path / f"file-{version}"
        folder.mkdir(exist_ok=True)
        return written(folder, made)

    return make


def put_first(home: Settings, file: Callable[..., Path], *stages: Stage) -> None:
    """Register so many versions, each at its stage."""
    for version, stage in enumerate(stages, start=1):
        made = register(home, file(version), "ann")
        promote(home, candidate(home, "workflow", made.label), stage, by="ann", reason="new")


def decide(home: Settings, numbers: Sequence[int], nth: int = 1) -> None:
    """Decisions about leads, each of an account of its own; those that are new begin."""
    events = [
        WorkflowEvent(
            id=f"decision-{n}-{nth}",
            lead_id=f"lead_{n}",
            account_id=f"account_{n}",
            name="decided",
            facts=GOOD,
            facts_us=nth,
        )
        for n in numbers
    ]
    store, now_us = open_leads(home), home_now_us(home)
    for at in range(0, len(events), AT_ONCE):
        store.take(events[at : at + AT_ONCE], now_us)


def followed(home: Settings, numbers: Sequence[int]) -> dict[int, str]:
    """The version that each lead follows."""
    store = open_leads(home)
    return {n: store.chart_of(store.get(f"lead_{n}")).label for n in numbers}


def test_the_road_of_a_version_by_the_command_line(
    home: Settings, file: Callable[..., Path]
) -> None:
    answer = leadscore(home.home, "workflow", "register", str(file(1)), "--by", "ann")
    assert (answer.returncode, answer.stdout) == (0, f"registered {FIRST}, stage candidate\n")
    why = ("--reason", "first", "--by", "ann")
    assert leadscore(home.home, "workflow", "promote", FIRST, *why).returncode == 0
    assert load_chart(home).label == FIRST
    assert leadscore(home.home, "workflow", "register", str(file(2))).returncode == 0
    to_challenger = ("--stage", "challenger", *why)
    assert leadscore(home.home, "workflow", "promote", SECOND, *to_challenger).returncode == 0
    words = ("rollout", "start", "--kind", "workflow", "--step", "0.3:24:50", *why)
    assert "workflow-mine-1 -> workflow-mine-2" in leadscore(home.home, *words).stdout
    assert "weight 0.3" in leadscore(home.home, "rollout", "status", "--kind", "workflow").stdout
    ended = leadscore(home.home, "rollout", "finish", "--kind", "workflow", *why)
    assert (ended.returncode, load_chart(home).label) == (0, SECOND)
    listed = json.loads(leadscore(home.home, "workflow", "versions", "--json").stdout)
    assert [(row["workflow"], row["stage"], row["in_force"]) for row in listed] == [
        (FIRST, "archived", False),
        (SECOND, "champion", True),
        ("standard-1", "file", False),
    ]
    back = leadscore(home.home, "workflow", "rollback", "--reason", "complaints")
    assert back.stdout == f"{FIRST} is champion again\n"
    back = leadscore(home.home, "workflow", "rollback", "--reason", "complaints")
    assert back.stdout.startswith("standard-1, which is no registered version")
    entries = open_kind(home, "workflow").ledger.entries()
    assert [e.kind for e in entries[-3:]] == ["promoted", "rolled_back", "rolled_back"]
    (checked,) = entries[-3].gates
    assert (checked.name, checked.value, checked.passed) == ("checks_pass", 0, True)
    stores = {store.store: store for store in verify_home(home).stores}
    assert not stores["stages of workflows"].fault
    assert stores["stages of workflows"].count == 2


def test_what_is_not_proven_is_not_registered(home: Settings, file: Callable[..., Path]) -> None:
    unsound = file(1)
    unsound.write_text(unsound.read_text().replace("initial: new", "initial: nurture"))
    with pytest.raises(Refused, match="workflow-sound"):
        register(home, unsound, "ann")
    with pytest.raises(BadInput, match="workflow-share"):
        register(home, file(1, rollout={"share": 0.5}), "ann")
    register(home, file(1), "ann")
    with pytest.raises(Refused, match="workflow-version"):
        register(home, file(1, calendars={}), "ann")
    assert [v.label for v in open_kind(home, "workflow").versions()] == [FIRST]


def test_a_second_person_approves(home: Settings, file: Callable[..., Path]) -> None:
    (home.home / "gates.yaml").write_text(
        (Path(__file__).parents[2] / "registry/gates.yaml")
        .read_text()
        .replace("second_approver: false", "second_approver: true")
    )
    register(home, file(1), "ann")
    done = promote(home, candidate(home, "workflow", FIRST), CHAMPION, by="ann", reason="new")
    assert done.waiting
    assert load_chart(home).label == "standard-1"
    with pytest.raises(Refused, match="second-approver"):
        approve(home, FIRST, by="ann", reason="mine")
    ledger = Ledger(open_engine(home.ledger_db), SystemClock(), credential="key:bea")
    cache = home.home / "live" / "workflows"
    of_bea = WorkflowRegistry(NO_MLFLOW, home.home / "artifacts", ledger, SystemClock(), cache)
    waiting = Candidate(of_bea, FIRST)
    done = approve_candidate(home, waiting, by="bea", reason="seen")
    assert (done.version.stage, load_chart(home).label) == (CHAMPION, FIRST)


def test_new_leads_begin_with_the_version_of_their_arm(
    home: Settings, file: Callable[..., Path]
) -> None:
    put_first(home, file, CHAMPION)
    decide(home, range(LEADS, LEADS + 20))
    register(home, file(2), "ann")
    promote(home, candidate(home, "workflow", SECOND), CHALLENGER, by="ann", reason="new")
    registry = open_kind(home, "workflow")
    plan = start(registry, by="ann", reason="try", course=course_of({"steps": [{"weight": 0.3}]}))
    decide(home, range(LEADS))
    expected = {n: arm_label(plan, n) for n in range(LEADS)}
    assert followed(home, range(LEADS)) == expected
    assert 20 < list(expected.values()).count(SECOND) < 100
    grown = advance(registry, by="ann", reason="quiet", weight=0.6)
    decide(home, range(LEADS, 2 * LEADS))
    later = followed(home, range(LEADS + 20, 2 * LEADS))
    assert later == {n: arm_label(grown, n) for n in later}
    decide(home, range(LEADS, LEADS + 20), nth=2)
    old = followed(home, range(LEADS, LEADS + 20))
    assert old == {n: arm_label(grown, n) for n in old}, "the challenger migrates leads of its arm"
    assert not verify_leads(home).faults


def arm_label(plan: Rollout, number: int) -> str:
    return SECOND if plan.arm_of(f"account_{number}") == "challenger" else FIRST


def test_leads_go_back_the_way_they_came(home: Settings, file: Callable[..., Path]) -> None:
    put_first(home, file, CHAMPION, CHAMPION)
    decide(home, range(4))
    store = open_leads(home)
    assert {store.get(f"lead_{n}").state for n in range(4)} == {"waiting"}
    people = HomeWorkflow(home)
    assert people.standing("lead_0").version == SECOND
    rollback(home, "workflow", by="ann", reason="complaints")
    assert people.standing("lead_0").version == SECOND, "a lead changes at its next event"
    store = open_leads(home)
    decide(home, [0], nth=2)
    assert (store.get("lead_0").state, people.standing("lead_0").version) == ("qualified", FIRST)
    assert not verify_leads(home).faults


@pytest.mark.parametrize(
    ("plan", "key"),
    [
        ({"mode": "shadow"}, "mode"),
        ({"holdout": 0.1}, "holdout"),
        ({"limits": {"error_rate": 0.1}}, "limits"),
    ],
)
def test_what_a_workflow_cannot_do_is_no_plan(
    home: Settings, file: Callable[..., Path], plan: dict[str, Any], key: str
) -> None:
    put_first(home, file, CHAMPION, CHALLENGER)
    with pytest.raises(BadInput) as bad:
        begin(home, "workflow", course_of(plan), by="ann", reason="try")
    assert bad.value.key == f"$.{key}"


def test_an_altered_version_moves_nobody(home: Settings, file: Callable[..., Path]) -> None:
    put_first(home, file, CHAMPION)
    path = home.home / "live" / "workflows" / "versions" / FIRST / "workflow.yaml"
    path.chmod(0o600)
    path.write_text(path.read_text() + "\n# altered\n")
    with pytest.raises(BadInput):
        open_leads(home)
    faults = {store.store for store in verify_home(home).faults}
    assert faults == {"stages of workflows"}


@pytest.mark.slow
@pytest.mark.parametrize("worse", ["challenger", "nobody"])
def test_a_worse_workflow_goes_back_by_itself(
    own_home: Settings, file: Callable[..., Path], worse: str
) -> None:
    """Leads that convert soon begin in the champion's arm alone, or in both alike."""
    put_first(own_home, file, CHAMPION, CHALLENGER)
    spec = RolloutSpec(steps=course_of({"steps": [{"weight": 0.5}, {"weight": 0.9}]}).steps)
    plan = begin(own_home, "workflow", spec, by="ann", reason="try")
    plane = open_signals(own_home)
    won = {
        lead: min(at for what, at in happened if what == "won")
        for lead, happened in read_outcomes(plane.engine, plane.definition).items()
        if any(what == "won" for what, _ in happened)
    }
    moments = sorted((at - DAY, lead) for lead, at in won.items())
    store = open_leads(own_home)
    for at_us, lead in moments:
        losing = worse == "challenger" and plan.arm_of(lead) == "challenger"
        begun_us = at_us + 2 * DAY if losing else at_us
        event = WorkflowEvent(id="d", lead_id=lead, name="decided", facts=GOOD, facts_us=1)
        store.take([event], begun_us)
    ticked, evidence = tick_rollout(own_home, "workflow", by="operate")
    assert evidence.judged is not None
    assert evidence.judged.name.startswith("workflow-canary-")
    assert evidence.figures.decisions == sum(plan.arm_of(x) == "challenger" for x in won)
    registry = open_kind(own_home, "workflow")
    if worse == "challenger":
        assert (ticked.progress.action, evidence.judged.outcome) == ("roll_back", "fail")
        assert registry.standing().rollout is None
        assert registry.ledger.entries()[-1].kind == "rollout_rolled_back"
        assert open_leads(own_home).charts.trial is None
    else:
        assert ticked.progress.action == "advance"
        assert running(registry.standing()).weight == 0.9
    with pytest.raises(Missing, match="rollout-certificate"):
        verify_rollout(own_home, "workflow", None)
