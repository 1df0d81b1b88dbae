"""The stores of a home in PostgreSQL, altered by their owner: `audit verify` names where.

As in `test_tampering`, everything is done with the right hashes where there are hashes.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from config.settings import Settings
from decisions.audit.tables import AUDIT, RANKING
from registry.ledger_table import LEDGER
from signals.store.tables import events
from storage.engine import open_engine
from storage.hash_chain import GENESIS, link
from tests.attacks.test_tampering import decided, faults, named, with_anchors
from tests.conftest import Trained
from tests.postgres_home import copied, on_postgres
from tests.servers import Postgres

__all__ = ["decided"]
Attack = Callable[[sa.Connection], object]


@pytest.fixture(scope="module")
def moved(decided: Path, postgres: Postgres) -> str:
    """A database with all that the home's SQLite files hold."""
    url = postgres.fresh()
    copied(decided, url)
    return url


@pytest.fixture
def anchored(
    moved: str, decided: Path, postgres: Postgres, trained: Trained, tmp_path: Path
) -> Settings:
    """A home whose stores are in a PostgreSQL database of its own: sound, and anchored."""
    home = tmp_path / "home"
    shutil.copytree(decided, home)
    held = msgspec.structs.replace(trained.settings, home=home)
    settings = on_postgres(held, postgres.fresh(like=moved))
    with_anchors(settings, decided)
    return settings


def test_what_was_moved_is_sound(anchored: Settings) -> None:
    assert faults(anchored) == []


def act(settings: Settings, attack: Attack) -> None:
    """Do it as the owner of the tables, who may put their triggers away."""
    engine = open_engine(settings.audit_db)
    with engine.begin() as connection:
        for table in (AUDIT.name, LEDGER.name):
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        attack(connection)
    engine.dispose()


def run(*statements: str) -> Attack:
    def attack(connection: sa.Connection) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    return attack


def rewrite_trail(connection: sa.Connection) -> None:
    """Another grade in a decision, everywhere, with hashes that fit to the end."""
    digest = GENESIS
    for row in connection.execute(sa.select(AUDIT).order_by(AUDIT.c.sequence)).all():
        body, changed = row.body, {}
        if row.sequence == 9:
            held = json.loads(body)
            grade = held["answer"]["grade"] = "A" if row.grade != "A" else "D"
            body, changed = json.dumps(held, separators=(",", ":")).encode(), {"grade": grade}
            told = RANKING.update().where(RANKING.c.sequence == row.sequence)
            connection.execute(told.values(grade=grade))
        changed |= {"body": body, "previous": digest}
        digest = changed["hash"] = link(digest, body)
        connection.execute(AUDIT.update().where(AUDIT.c.sequence == row.sequence).values(changed))


def forge_ledger(keep: int, reason: str = "") -> Attack:
    """The ledger's first entries, with another reason, and hashes that fit."""

    def attack(connection: sa.Connection) -> None:
        rows = connection.execute(sa.select(LEDGER).order_by(LEDGER.c.sequence)).mappings().all()
        connection.execute(LEDGER.delete())
        digest = GENESIS
        for row in rows[:keep]:
            held = {**row, "reason": reason or row["reason"], "previous": digest}
            body = [held[c.name] for c in LEDGER.columns][:-2]
            digest = held["hash"] = link(digest, msgspec.json.encode(body))
            connection.execute(LEDGER.insert().values(held))

    return attack


def alter_event(connection: sa.Connection) -> None:
    """Another value in an event's data: nothing beside the body repeats it."""
    priced = sa.select(events).order_by(events.c.sequence)
    row = next(r for r in connection.execute(priced) if b'"pricing"' in r.body)
    body = row.body.replace(b'"pricing"', b'"careers"')
    connection.execute(events.update().where(events.c.sequence == row.sequence).values(body=body))


ATTACKS: dict[str, tuple[Attack, str]] = {
    "the trail's end cut off": (
        run(
            "DELETE FROM audit WHERE sequence > 8",
            "DELETE FROM audit_ranking WHERE sequence > 8",
            "DELETE FROM audit_requests WHERE decision_id NOT IN (SELECT decision_id FROM audit)",
        ),
        "trail 9 .*cut off",
    ),
    "the trail emptied": (
        run("TRUNCATE audit", "TRUNCATE audit_ranking", "TRUNCATE audit_requests"),
        "trail 1 .*cut off",
    ),
    "the trail's tables dropped": (
        run("DROP TABLE audit", "DROP TABLE audit_ranking", "DROP TABLE audit_requests"),
        "trail 1 .*cut off",
    ),
    "the trail rewritten": (rewrite_trail, "trail 12 .*anchor"),
    "a decision removed": (run("DELETE FROM audit WHERE sequence = 3"), "trail 3 "),
    "a decision's body": (run("UPDATE audit SET body = '{}' WHERE sequence = 4"), "trail 4 "),
    "a decision's column": (
        run("UPDATE audit SET queue = 'mine' WHERE sequence = 5"),
        "trail 5 ",
    ),
    "the ranking's score": (
        run("UPDATE audit_ranking SET score = 1 WHERE sequence = 10"),
        "ranking 10 ",
    ),
    "a lead taken from the ranking": (
        run("DELETE FROM audit_ranking WHERE sequence = 11"),
        "ranking ",
    ),
    "a lead put into the ranking": (
        run(
            "INSERT INTO audit_ranking SELECT 'lead_x', sequence, decided_us, score, grade, queue,"
            " eligible FROM audit WHERE sequence = 7"
        ),
        "ranking 7 ",
    ),
    "a request's decision": (
        run(
            "UPDATE audit_requests SET decision_id = (SELECT decision_id FROM audit WHERE sequence"
            " = 1) WHERE decision_id = (SELECT decision_id FROM audit WHERE sequence = 9)"
        ),
        "requests 9 ",
    ),
    "a request removed": (
        run(
            "DELETE FROM audit_requests WHERE decision_id ="
            " (SELECT decision_id FROM audit WHERE sequence = 7)"
        ),
        "requests 7 ",
    ),
    "a request put in": (
        run("INSERT INTO audit_requests VALUES ('planted', 'planted')"),
        "requests ",
    ),
    "the ledger's end cut off": (forge_ledger(4), "ledger 5 .*cut off"),
    "the ledger emptied": (run("TRUNCATE promotion_ledger"), "ledger 1 .*cut off"),
    "the ledger rewritten": (forge_ledger(1_000, "all gates passed"), "ledger .*anchor"),
    "a row of the ledger": (
        run("UPDATE promotion_ledger SET made_by = 'you' WHERE sequence = 3"),
        "ledger 3 ",
    ),
    "the log's last event removed": (
        run("DELETE FROM events WHERE sequence = (SELECT max(sequence) FROM events)"),
        "log .*cut off",
    ),
    "an event removed with a gap": (run("DELETE FROM events WHERE sequence = 40"), "log 40 "),
    "an event's data": (alter_event, "log .*anchor"),
    "an event's time": (
        run("UPDATE events SET known_us = known_us + 1 WHERE sequence = 60"),
        "log 60 ",
    ),
    "the log emptied": (run("DELETE FROM events"), "log 1 .*cut off"),
    "the totals": (
        run("UPDATE totals SET value = value + 1 WHERE name = 'duplicates'"),
        "quarantine .*totals",
    ),
}


@pytest.mark.parametrize(("attack", "found"), ATTACKS.values(), ids=ATTACKS)
def test_what_was_altered_is_named(anchored: Settings, attack: Attack, found: str) -> None:
    act(anchored, attack)
    told = named(anchored)
    assert re.search(found, told), told
