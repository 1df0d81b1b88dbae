"""The end of a journal is cut off, or written anew with right hashes: its anchor tells."""

import sqlite3
from pathlib import Path

import pytest

from config.settings import Settings
from decisions.audit.assistant_journal import JournalDraft
from domain.clock import DAY, SystemClock
from domain.decisions import DecisionChange
from jobs.assistants.journal import open_journal
from jobs.decisions.overrides import set_override, withdraw
from jobs.decisions.verify_home import verify_home
from jobs.workflow.arrivals import move
from jobs.workflow.home import home_now_us, open_leads
from storage.hash_chain import GENESIS, link
from tests.commands import leadscore
from tests.forging import unguarded
from tests.workflow.charts import GOOD
from wiring.integrity.anchors import open_anchors
from wiring.integrity.checkpoints import checkpoint
from wiring.integrity.journals import JOURNALS
from wiring.workflow import open_workflow
from workflow.chart.lead_state import WorkflowEvent
from workflow.outbox.journal import EffectsDraft, EffectsJournal

ENTRIES = 4
STORES = {journal.store: journal.table.name for journal in JOURNALS}


def database(home: Settings, store: str) -> Path:
    return home.home / ("workflow.db" if "journal of" in store else "audit.db")


@pytest.fixture
def home(own_home: Settings) -> Settings:
    """A home with four entries in each journal."""
    for number in range(ENTRIES):
        set_override(
            own_home,
            lead=None,
            account=f"acme{number}.example",
            change=DecisionChange(queue="partners"),
            until_us=home_now_us(own_home) + DAY,
            reason="a partner",
            by="ann",
            credential="key:ann",
        )
    calls = open_journal(own_home)
    for _ in range(ENTRIES):
        calls.append(
            JournalDraft(
                kind="call", caller="key:a", transport="test", tool="find_lead", outcome="ok"
            )
        )
    events = [
        WorkflowEvent(id=f"d{n}", lead_id=f"lead_{n}", name="decided", facts=GOOD, facts_us=1)
        for n in range(ENTRIES)
    ]
    open_leads(own_home).take(events, home_now_us(own_home))
    effects = EffectsJournal(open_workflow(own_home), SystemClock())
    for number in range(ENTRIES):
        effects.append(EffectsDraft(kind="dropped", subject=f"key-{number}", by="ann"))
    return own_home


def cut(home: Settings, store: str) -> None:
    """Remove the newest entry, as its writer could."""
    table = STORES[store]
    with unguarded(database(home, store)) as connection:
        connection.execute(
            f"DELETE FROM {table} WHERE sequence = (SELECT max(sequence) FROM {table})"
        )


def rewrite(home: Settings, store: str) -> None:
    """Compute the chain anew over a last entry that is the one before it once more."""
    table, digest = STORES[store], GENESIS
    with unguarded(database(home, store)) as connection:
        rows = connection.execute(f"SELECT sequence, body FROM {table} ORDER BY sequence")
        for row in rows.fetchall():
            body = bytes(row["body"])
            if row["sequence"] == ENTRIES:
                body = body.replace(b"ann", b"bea").replace(b"key:a", b"key:b")
            following = link(digest, body)
            connection.execute(
                f"UPDATE {table} SET body = ?, previous = ?, hash = ? WHERE sequence = ?",
                (body, digest, following, row["sequence"]),
            )
            digest = following


def fault_of(home: Settings, store: str) -> str:
    return next(one.fault for one in verify_home(home).stores if one.store == store)


@pytest.mark.parametrize("store", STORES)
def test_a_journal_whose_end_is_cut_off_is_named(home: Settings, store: str) -> None:
    assert checkpoint(home, "asked")
    assert verify_home(home).faults == []
    before = open_anchors(home).kept().newest(store).sequence
    assert before >= ENTRIES
    cut(home, store)
    assert fault_of(home, store).endswith(f"entry {before} was anchored: its end was cut off")
    assert leadscore(home.home, "audit", "verify").returncode == 1


@pytest.mark.parametrize("store", STORES)
def test_a_journal_whose_file_is_gone_is_named(home: Settings, store: str) -> None:
    assert checkpoint(home, "asked")
    with unguarded(database(home, store)) as connection:
        connection.execute(f"DROP TABLE {STORES[store]}")
    assert "cut off" in fault_of(home, store)


def test_an_override_that_is_written_anew_is_named(home: Settings) -> None:
    rewrite(home, "overrides")
    assert fault_of(home, "overrides") == f"entry {ENTRIES} differs from the anchor"


def test_what_a_person_overrides_is_anchored_at_once(home: Settings) -> None:
    assert open_anchors(home).kept().newest("overrides").sequence == ENTRIES
    withdraw(home, 1, reason="over", by="ann", credential="key:ann")
    assert open_anchors(home).kept().newest("overrides").sequence == ENTRIES + 1


def test_a_pass_anchors_what_the_workflow_has_written(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = "journal of the workflow"
    move(home)
    assert open_anchors(home).kept().newest(store).sequence == 0, "fewer than a thousand entries"
    monkeypatch.setattr("jobs.workflow.arrivals.EVERY", 2)
    move(home)
    with sqlite3.connect(database(home, store)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM workflow_journal").fetchone()
    assert open_anchors(home).kept().newest(store).sequence == count >= ENTRIES
