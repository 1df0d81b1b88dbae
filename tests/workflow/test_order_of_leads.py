"""Leads are independent: however events of different leads mix, and whatever is repeated."""

import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from jobs.workflow.replay import verify_engine
from storage.engine import open_engine
from tests.workflow.charts import CLOSED, DAY, GOOD, HOUR, NOON, POOR, standard
from wiring.workflow import prepare_workflow
from workflow.chart.lead_state import WorkflowEvent, WorkflowLead
from workflow.outbox.enqueue import enqueue
from workflow.outbox.tables import EFFECTS
from workflow.owners.roster import OwnerSpec, PoolSpec, Roster
from workflow.store.journal import entries
from workflow.store.lead_store import LeadStore

CHART = standard()
NAMES = ["decided", "interested", "accept", "reject", "contact", "qualify", "complete", "won"]
FACTS = [GOOD, POOR, CLOSED, msgspec.structs.replace(GOOD, service_level_h=1.5)]
ALONE = Roster(
    version=1,
    owners={"anna": OwnerSpec(capacity=1_000)},
    pools={"all": PoolSpec(owners=("anna",))},
    otherwise="all",
)
"""One owner with room for all: who gets a lead does not depend on who came before it."""
Round = dict[int, list[tuple[str, int]]]
"""What happens to each lead within one round: the event's name, and which of FACTS it has."""
rounds = st.lists(
    st.dictionaries(
        st.integers(0, 4),
        st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 3)), max_size=3),
        max_size=5,
    ),
    min_size=1,
    max_size=4,
)


def _events(number: int, happens: Round) -> dict[int, list[WorkflowEvent]]:
    """The events of a round by lead, in the lead's own order."""
    made: dict[int, list[WorkflowEvent]] = {}
    for lead, drawn in happens.items():
        for at, (name, facts) in enumerate(drawn):
            moment = 10 * number + at + 1
            informed: dict[str, Any] = {}
            if name == "decided":
                informed = {"facts": FACTS[facts], "facts_us": moment}
            key = f"{name}-{number}-{at}"
            each = WorkflowEvent(id=key, lead_id=f"lead_{lead}", name=name, **informed)
            made.setdefault(lead, []).append(each)
    return made


def _mixed(by_lead: dict[int, list[WorkflowEvent]], order: random.Random) -> list[WorkflowEvent]:
    """The events of all leads in a random order that keeps each lead's own."""
    whose = [lead for lead, events in by_lead.items() for _ in events]
    order.shuffle(whose)
    left = {lead: iter(events) for lead, events in by_lead.items()}
    return [next(left[lead]) for lead in whose]


def _repeated(events: list[WorkflowEvent], order: random.Random) -> list[WorkflowEvent]:
    """Each event, now and then followed by copies of those before it."""
    repeated: list[WorkflowEvent] = []
    for event in events:
        repeated.append(event)
        while order.random() < 0.3:
            repeated.append(order.choice(repeated))
    return repeated


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database of the workflow, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "workflow.db"
    engine = open_engine(f"sqlite:///{path}")
    prepare_workflow(engine)
    engine.dispose()
    return path


class Ending(NamedTuple):
    """Where leads end, the keys and lanes of their effects, and the entries of the journal."""

    leads: list[WorkflowLead]
    effects: set[tuple[str, str]]
    taken: list[tuple[str, int, str, str, int]]


@contextmanager
def _opened(empty: Path) -> Iterator[sa.Engine]:
    with TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{shutil.copy(empty, folder)}")
        yield engine
        engine.dispose()


def _end(empty: Path, drawn: Sequence[Round], order: random.Random | None) -> Ending:
    """What comes of it: in plain order, or mixed, in two transactions, with repetitions."""
    with _opened(empty) as engine:
        store = LeadStore(engine, CHART, enqueue, ALONE)
        former: list[WorkflowEvent] = []
        for number, happens in enumerate(drawn):
            by_lead, now_us = _events(number, happens), NOON + number * (DAY + HOUR)
            if order is None:
                store.take([event for events in by_lead.values() for event in events], now_us)
            else:
                _take_mixed(store, by_lead, former, now_us, order)
            while store.fire_due(now_us, 500 if order is None else 2):
                pass
        assert verify_engine(engine, CHART).faults == ()
        leads = [store.get(place.lead_id) for place in store.page(100)]
        with engine.connect() as connection:
            effects = {(row.key, row.lane) for row in connection.execute(sa.select(EFFECTS))}
        rows = entries(engine)
        taken = sorted((r.lead_id, r.revision, r.event.id, r.to_state, r.at_us) for r in rows)
        return Ending(leads, effects, taken)


def _take_mixed(
    store: LeadStore,
    by_lead: dict[int, list[WorkflowEvent]],
    former: list[WorkflowEvent],
    now_us: int,
    order: random.Random,
) -> None:
    events = _mixed(by_lead, order)
    cut = order.randint(0, len(events))
    for part in (events[:cut], events[cut:]):
        results = store.take(_repeated(part, order), now_us)
        assert [each.event for each in results] == part, "each once"
        former += [each.event for each in results if each.kind != "ignored"]
    again = order.sample(former, min(len(former), 5))
    assert store.take(again, now_us) == [], "what was taken is known for good"


@limits(max_examples=25, deadline=None)
@given(drawn=rounds, seed=st.integers(0, 2**32))
def test_neither_order_among_leads_nor_copies_change_where_they_end(
    empty: Path, drawn: list[Round], seed: int
) -> None:
    assert _end(empty, drawn, None) == _end(empty, drawn, random.Random(seed))


def test_the_order_of_one_lead_does_matter(empty: Path) -> None:
    """What the property leaves alone: events of one lead are not exchangeable."""
    forth: Round = {0: [("decided", 0), ("accept", 0), ("contact", 0)]}
    back: Round = {0: [("decided", 0), ("contact", 0), ("accept", 0)]}
    states = [_end(empty, [each], None).leads[0].state for each in (forth, back)]
    assert states == ["working", "accepted"]


@pytest.mark.parametrize("turned", [False, True])
def test_of_decisions_that_move_nobody_the_newest_counts_in_any_order(
    empty: Path, turned: bool
) -> None:
    both = [
        WorkflowEvent(id=f"d{n}", lead_id="lead_1", name="decided", facts=facts, facts_us=n)
        for n, facts in enumerate((POOR, CLOSED), 1)
    ]
    with _opened(empty) as engine:
        store = LeadStore(engine, CHART, enqueue, ALONE)
        store.take(both[::-1] if turned else both, NOON)
        lead = store.get("lead_1")
    assert (lead.facts, lead.facts_us, lead.state) == (CLOSED, 2, "new")
