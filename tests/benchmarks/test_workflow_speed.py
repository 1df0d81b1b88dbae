"""A hundred thousand leads that wait: how fast they move, what it takes, on SQLite and PostgreSQL.

For comparison: DBOS 3.4 on SQLite ran 25 two-step workflows a second here, with a thread for each
that waited.
"""

import ast
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from storage.engine import open_engine
from tests.conftest import ROOT
from tests.workflow.charts import GOOD, NOON, standard
from wiring.workflow import prepare_workflow
from workflow.chart.lead_state import WorkflowEvent
from workflow.outbox.enqueue import enqueue
from workflow.owners.roster import OwnerSpec, PoolSpec, Roster
from workflow.store.lead_store import AT_ONCE, LeadStore
from workflow.store.tables import JOURNAL

LEADS = 100_000
SECONDS = 5.0
OWNERS = {f"owner_{n}": OwnerSpec(capacity=100_000) for n in range(20)}
ROSTER = Roster(
    version=1, owners=OWNERS, pools={"all": PoolSpec(owners=tuple(OWNERS))}, otherwise="all"
)


def decision(number: int) -> WorkflowEvent:
    return WorkflowEvent(
        id=f"decision-{number}",
        lead_id=f"lead_{number:06}",
        account_id=f"account_{number % 5_000}",
        name="decided",
        facts=GOOD,
        facts_us=1,
    )


def filled(url: str) -> float:
    """Let leads come in and wait for their owners; transitions a second, two for each."""
    engine = open_engine(url)
    prepare_workflow(engine)
    store = LeadStore(engine, standard(), enqueue, ROSTER)
    began = time.monotonic()
    for first in range(0, LEADS, AT_ONCE):
        store.take([decision(n) for n in range(first, first + AT_ONCE)], NOON)
    took_s = time.monotonic() - began
    engine.dispose()
    return 2 * LEADS / took_s


def journal_size(url: str) -> int:
    engine = open_engine(url)
    with engine.connect() as connection:
        count = connection.execute(sa.select(sa.func.max(JOURNAL.c.sequence))).scalar()
    engine.dispose()
    return int(count or 0)


def moved_by(url: str, workers: int) -> tuple[float, Sequence[dict[str, Any]]]:
    """Transitions a second by so many processes together, and what each says of itself."""
    before = journal_size(url)
    words = [sys.executable, "-m", "tests.benchmarks.waiting_leads", url, str(SECONDS)]
    processes = [
        subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    figures = [ast.literal_eval(process.communicate()[0]) for process in processes]
    longest = max(float(figure["took_s"]) for figure in figures)
    return (journal_size(url) - before) / longest, figures


@pytest.mark.slow
def test_a_hundred_thousand_leads_wait_in_one_file(benchmark: Any, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'workflow.db'}"
    came_in = filled(url)
    rate, (figures,) = benchmark.pedantic(moved_by, args=(url, 1), rounds=1)
    benchmark.extra_info.update(came_in=came_in, rate=rate, **figures)
    assert rate >= 2_000
    assert figures["own"] <= 45
    assert figures["resident"] <= 60
    assert figures["started_s"] <= 2


@pytest.mark.slow
def test_two_workers_share_postgresql(benchmark: Any, postgres_url: str) -> None:
    came_in = filled(postgres_url)
    rate, figures = benchmark.pedantic(moved_by, args=(postgres_url, 2), rounds=1)
    benchmark.extra_info.update(came_in=came_in, rate=rate, workers=figures)
    assert rate >= 5_000
