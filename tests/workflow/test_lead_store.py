"""Leads in their database: SQLite and PostgreSQL, two workers, duplicates, tampering."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from domain.errors import BadInput, Missing, Refused, Unavailable
from jobs.workflow.people import act, standing
from jobs.workflow.replay import verify_engine
from storage.engine import open_engine
from tests.conftest import ROOT
from tests.workflow.charts import (
    CLOSED,
    DAY,
    GOOD,
    HOUR,
    NOON,
    POOR,
    chart_of,
    document,
    standard,
)
from wiring.workflow import prepare_workflow
from workflow.actions import LeadAction, LeadStanding
from workflow.chart.facts import LeadFacts
from workflow.chart.lead_state import WorkflowEvent
from workflow.chart.statechart import Statechart
from workflow.effect import Effect
from workflow.outbox.enqueue import enqueue
from workflow.outbox.tables import EFFECTS
from workflow.owners.roster import OwnerSpec, PoolSpec, Roster
from workflow.store.journal import entries, verify
from workflow.store.lead_store import AT_ONCE, Cursor, LeadStore
from workflow.store.tables import JOURNAL, LEADS

CHART = standard()
THREE = Roster(
    version=1,
    owners={name: OwnerSpec(capacity=1_000) for name in ("anna", "ben", "carl")},
    pools={"all": PoolSpec(owners=("anna", "ben", "carl"))},
    otherwise="all",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'workflow.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    made = open_engine(url)
    prepare_workflow(made)
    yield made
    made.dispose()


def store_of(engine: sa.Engine, chart: Statechart = CHART, roster: Roster = THREE) -> LeadStore:
    return LeadStore(engine, chart, enqueue, roster)


def decision(number: int, facts: LeadFacts = GOOD, nth: int = 1) -> WorkflowEvent:
    return WorkflowEvent(
        id=f"decision-{number}-{nth}",
        lead_id=f"lead_{number:05}",
        account_id=f"account_{number}",
        name="decided",
        facts=facts,
        facts_us=nth,
    )


def effects(engine: sa.Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        rows = connection.execute(sa.select(EFFECTS.c.key, EFFECTS.c.lane))
        return [(row.key, row.lane) for row in rows]


def do(
    store: LeadStore, lead_id: str, action: str, now_us: int, by: str, request_id: str = ""
) -> LeadStanding:
    wanted = LeadAction(lead_id=lead_id, action=action, request_id=request_id)
    return act(store, wanted, now_us, by=by, credential=f"key:{by}")


def sound(engine: sa.Engine, chart: Statechart = CHART) -> None:
    assert verify_engine(engine, chart).faults == ()


def test_decisions_bring_leads_in_and_owners_take_turns(engine: sa.Engine) -> None:
    store = store_of(engine)
    results = store.take([decision(n) for n in range(30)], NOON, Cursor("decisions", 30))
    assert {result.lead.state for result in results} == {"routed"}
    assert store.loads() == {"anna": 10, "ben": 10, "carl": 10}
    assert store.position("decisions") == 30
    assert len(effects(engine)) == 30
    assert store.next_due_us() == NOON + 2 * HOUR
    assert [row.owner for row in store.page(3)] == ["anna", "ben", "carl"]
    sound(engine)


def test_what_was_taken_is_not_taken_again(engine: sa.Engine) -> None:
    store = store_of(engine)
    events = [decision(1), decision(2), decision(1)]
    assert len(store.take(events, NOON)) == 2
    before = (store.counts(), effects(engine), len(list(entries(engine))))
    assert store.take(events, NOON + HOUR) == []
    assert (store.counts(), effects(engine), len(list(entries(engine)))) == before


def test_timers_fire_late_as_well_each_once(engine: sa.Engine) -> None:
    store = store_of(engine)
    store.take([decision(n) for n in range(5)], NOON)
    assert store.fire_due(NOON) == 0
    assert store.fire_due(NOON + 2 * HOUR) == 5
    assert store.counts() == {"routed": 5}, "a reminder moves nobody"
    assert store.fire_due(NOON + 90 * DAY) == 5
    assert store.counts() == {"expired": 5}
    assert store.loads() == {}
    assert store.fire_due(NOON + 90 * DAY + HOUR) == 5
    assert store.counts() == {"routed": 5}, "offered to the next owner"
    assert {row.owner for row in store.page(5)} == {"anna", "ben", "carl"}
    assert store.overdue(NOON + 90 * DAY + HOUR) == 0
    sound(engine)


def test_nobody_has_more_than_fits_and_the_rest_wait(engine: sa.Engine) -> None:
    two = Roster(
        version=1,
        owners={"anna": OwnerSpec(capacity=2), "ben": OwnerSpec(capacity=1)},
        pools={"all": PoolSpec(owners=("anna", "ben"), queues=("sales",))},
    )
    store = store_of(engine, roster=two)
    store.take([decision(n) for n in range(6)], NOON)
    assert store.counts() == {"qualified": 3, "routed": 3}
    assert store.loads() == {"anna": 2, "ben": 1}
    do(store, "lead_00000", "reject", NOON, "anna")
    assert sum(store.loads().values()) == 2
    store.fire_due(NOON + HOUR // 4)
    assert sum(store.loads().values()) == 3
    sound(engine)


def test_who_rejected_a_lead_does_not_get_it_again(engine: sa.Engine) -> None:
    store = store_of(engine)
    store.take([decision(1)], NOON)
    owners = []
    for attempt in range(3):
        owners.append(store.get("lead_00001").owner)
        do(store, "lead_00001", "reject", NOON + attempt * HOUR, owners[-1])
        store.fire_due(NOON + attempt * HOUR + HOUR // 2)
    assert sorted(owners) == ["anna", "ben", "carl"]
    assert store.get("lead_00001").state == "nurture"


def test_people_act_where_the_state_takes_it(engine: sa.Engine) -> None:
    store = store_of(engine)
    store.take([decision(1)], NOON)
    assert standing(store, store.get("lead_00001")).actions == ("accept", "reject")
    first = do(store, "lead_00001", "accept", NOON, "anna", "k1")
    assert (first.state, first.owner) == ("accepted", "anna")
    assert do(store, "lead_00001", "accept", NOON + HOUR, "anna", "k1") == first
    with pytest.raises(Refused) as raised:
        do(store, "lead_00001", "accept", NOON + HOUR, "ben", "k2")
    assert raised.value.rule == "workflow-state"
    with pytest.raises(BadInput):
        do(store, "lead_00001", "decided", NOON, "ben")
    with pytest.raises(BadInput):
        do(store, "lead_00001", "contact_due", NOON, "ben")
    with pytest.raises(Missing):
        do(store, "lead_99999", "accept", NOON, "ben")
    (newest, *_) = store.history("lead_00001")
    assert (newest.event.by, newest.event.name) == ("anna", "accept")


def test_two_workers_fire_each_timer_once(engine: sa.Engine) -> None:
    store_of(engine).take([decision(n) for n in range(AT_ONCE)], NOON)

    def work(_: int) -> int:
        store, total = store_of(engine), 0
        while count := store.fire_due(NOON + 90 * DAY, 20):
            total += count
        return total

    with ThreadPoolExecutor(3) as pool:
        fired = list(pool.map(work, range(3)))
    assert sum(fired) == AT_ONCE
    assert store_of(engine).counts() == {"expired": AT_ONCE}
    sound(engine)


def test_leads_that_two_workers_begin_at_once_begin_once(engine: sa.Engine) -> None:
    def work(worker: int) -> int:
        events = [decision(n, nth=worker + 1) for n in range(100)]
        return len(store_of(engine).take(events, NOON))

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(work, range(3))) == 300
    store = store_of(engine)
    assert store.counts() == {"routed": 100}
    assert sum(store.loads().values()) == 100
    sound(engine)


def test_all_or_nothing(engine: sa.Engine) -> None:
    def broken(connection: sa.Connection, effects: Sequence[Effect]) -> None:
        enqueue(connection, effects)
        raise Unavailable("the outbox is away", rule="test")

    store = LeadStore(engine, CHART, broken, THREE)
    with pytest.raises(Unavailable):
        store.take([decision(1)], NOON, Cursor("decisions", 1))
    good = store_of(engine)
    assert good.counts() == {}
    assert good.position("decisions") == 0
    assert good.loads() == {}
    assert effects(engine) == []
    assert list(entries(engine)) == []


def test_a_lead_keeps_the_version_it_began_with(engine: sa.Engine) -> None:
    store_of(engine).take([decision(1)], NOON)
    changed = document()
    changed["version"] = 2
    changed["states"]["routed"]["timers"]["acceptance_due"]["after"] = {"working_hours": 3}
    newer = store_of(engine, chart_of(changed))
    newer.take([decision(2)], NOON)
    labels = [newer.chart_of(newer.get(f"lead_0000{n}")).label for n in (1, 2)]
    assert labels == ["standard-1", "standard-2"]
    do(newer, "lead_00001", "accept", NOON, "anna")
    assert newer.history("lead_00001")[0].chart == CHART.fingerprint
    changed["version"], changed["migrates"] = 3, [{"from_version": 1}]
    newest = store_of(engine, chart_of(changed))
    assert do(newest, "lead_00001", "contact", NOON, "anna").version == "standard-3"
    assert newest.chart_of(newest.get("lead_00002")).label == "standard-2"
    sound(engine)


def test_a_version_is_rolled_out_to_a_share_of_accounts(engine: sa.Engine) -> None:
    store_of(engine).take([decision(0)], NOON)
    changed = document()
    changed["version"], changed["rollout"] = 2, {"share": 0.3}
    newer = store_of(engine, chart_of(changed))
    newer.take([decision(n) for n in range(1, 201)], NOON)
    labels = [newer.chart_of(newer.get(f"lead_{n:05}")).label for n in range(201)]
    assert 30 <= labels.count("standard-2") <= 90
    assert set(labels) == {"standard-1", "standard-2"}
    sound(engine)


def test_what_was_changed_behind_our_back_is_found(engine: sa.Engine) -> None:
    store = store_of(engine)
    store.take([decision(n) for n in range(3)], NOON)
    with pytest.raises(sa.exc.DatabaseError), engine.begin() as connection:
        connection.execute(sa.update(JOURNAL).values(lead_id="lead_x"))
    with engine.begin() as connection:
        row = connection.execute(sa.select(LEADS).where(LEADS.c.lead_id == "lead_00001")).one()
        body = bytes(row.body).replace(b"anna", b"carl").replace(b"ben", b"eva")
        changed = sa.update(LEADS).where(LEADS.c.lead_id == "lead_00001")
        connection.execute(changed.values(body=body, owner="eva"))
    assert verify(engine).fault == ""
    (fault,) = verify_engine(engine, CHART).faults
    assert "lead_00001" in fault


def test_decisions_that_come_late_do_not_turn_a_lead_back(engine: sa.Engine) -> None:
    store = store_of(engine)
    store.take([decision(1, GOOD, 2), decision(1, CLOSED, 1), decision(2, POOR, 1)], NOON)
    assert [store.get(f"lead_0000{n}").state for n in (1, 2)] == ["routed", "new"]


def test_what_is_asked_is_bounded(engine: sa.Engine) -> None:
    store = store_of(engine)
    with pytest.raises(BadInput):
        store.page(0)
    with pytest.raises(BadInput):
        store.take([decision(1)] * (AT_ONCE + 1), NOON)
    with pytest.raises(BadInput):
        do(store, "lead_1", "accept", NOON, "x" * 200)


def test_what_moves_leads_loads_nothing_large() -> None:
    """A worker that only waits is small: leads wait in rows, not in libraries."""
    loaded = "from workflow.store.lead_store import LeadStore; import sys; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"numpy", "pandas", "mlflow", "bentoml"} & set(answer.stdout.split())
