"""Effects wait in the transaction that asks for them, each key once, on SQLite and PostgreSQL."""

import msgspec
import pytest
import sqlalchemy as sa

from domain.errors import BadInput
from storage.sql import take_write_lock
from tests.effects.queues import effect, put_in
from workflow.effect import Effect
from workflow.outbox.enqueue import AT_ONCE, LARGEST_EFFECT, enqueue, lane_of
from workflow.outbox.tables import EFFECTS


def rows(engine: sa.Engine) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        query = sa.select(EFFECTS.c.key, EFFECTS.c.lane).order_by(EFFECTS.c.sequence)
        return [(row.key, row.lane) for row in connection.execute(query)]


def test_they_wait_in_the_order_in_which_they_were_put_in(engine: sa.Engine) -> None:
    many = [effect(f"k{n}", lead_id=f"lead_{n % 3}") for n in range(300)]
    with engine.begin() as connection:
        take_write_lock(connection, 1)
        enqueue(connection, many)
        enqueue(connection, [])
    assert rows(engine) == [(one.key, one.lead_id) for one in many]
    with engine.connect() as connection:
        body = connection.execute(sa.select(EFFECTS.c.body).limit(1)).scalar_one()
    assert msgspec.json.decode(body, type=Effect) == many[0]


def test_a_key_that_is_there_is_left_out(engine: sa.Engine) -> None:
    for attempt in range(3):
        put_in(engine, effect("a"), effect("a"), effect("b"), effect(f"c{attempt}"))
    assert [key for key, _ in rows(engine)] == ["a", "b", "c0", "c1", "c2"]


def test_what_is_rolled_back_asks_for_nothing(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        take_write_lock(connection, 1)
        enqueue(connection, [effect("a")])
        connection.rollback()
    assert rows(engine) == []


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (effect("with a space"), "effect-form"),
        (effect(""), "effect-form"),
        (effect("k" * 129), "effect-form"),
        (effect("k", connector="../etc"), "effect-form"),
        (effect("k", fields={"a": ["deep"]}), "effect-form"),
        (effect("k", fields={"a": "x" * LARGEST_EFFECT}), "effect-size"),
        (effect("k", lead_id="l" * 161), "effect-size"),
    ],
)
def test_what_is_no_effect_is_refused(engine: sa.Engine, bad: Effect, rule: str) -> None:
    with pytest.raises(BadInput) as raised:
        put_in(engine, effect("good"), bad)
    assert raised.value.rule == rule
    assert rows(engine) == [], "the transaction is the caller's, whole or not at all"


def test_one_call_is_bounded(engine: sa.Engine) -> None:
    with pytest.raises(BadInput):
        put_in(engine, *[effect("a")] * (AT_ONCE + 1))


def test_what_keeps_the_order_of_an_effect() -> None:
    assert lane_of(effect("k", account_id="a")) == "lead_1"
    assert lane_of(effect("k", lead_id="", account_id="a")) == "account:a"
    assert lane_of(effect("k", lead_id="")) == "key:k"


def test_the_journal_takes_no_change(engine: sa.Engine) -> None:
    insert = (
        "INSERT INTO effects_journal (sequence, kind, subject, previous, hash, body) "
        "VALUES (1, 'dropped', 'k', '', '', '')"
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(insert)
    for change in (
        "UPDATE effects_journal SET kind = 'x'",
        "DELETE FROM effects_journal",
        insert.replace("INSERT", "INSERT OR REPLACE") if engine.name == "sqlite" else insert,
    ):
        with pytest.raises(sa.exc.DBAPIError), engine.begin() as connection:
            connection.exec_driver_sql(change)
