"""Effects are claimed under a lease, in order, and settled once; what fails waits, or is dead."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.clock import SECOND, FixedClock, SystemClock
from domain.errors import BadInput, Missing, Refused
from tests.effects.queues import BEGIN, BEGIN_US, LIMITS, effect, opened, put_in, queue, states
from workflow.outbox.effect_desk import EffectDesk
from workflow.outbox.effect_queue import ClaimedEffect, EffectQueue, SettledCounts
from workflow.outbox.receipt import DELIVERED, RELEASED, EffectReceipt, Verdict
from workflow.outbox.retries import MOST_INTERRUPTIONS, RetryLimits

FAILED = EffectReceipt(verdict="again", rule="r", cause="c")


def keys(claimed: list[ClaimedEffect]) -> list[str]:
    return [one.effect.key for one in claimed]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(BEGIN)


def later(clock: FixedClock, seconds: float) -> None:
    clock.moment += timedelta(seconds=seconds)


def test_one_of_a_lead_at_a_time_in_order(engine: sa.Engine, clock: FixedClock) -> None:
    put_in(engine, *(effect(f"{lead}{n}", lead_id=lead) for n in range(3) for lead in "ab"))
    put_in(engine, effect("other", connector="hook", lead_id="a"))
    one = queue(engine, clock)
    for n in range(3):
        claimed = one.claim("crm", 10)
        assert keys(claimed) == [f"a{n}", f"b{n}"]
        assert one.claim("crm", 10) == [], "they are under way, and what follows waits"
        assert one.settle([(c, DELIVERED) for c in claimed]) == SettledCounts(delivered=2)
    assert keys(one.claim("hook", 10)) == ["other"], "another receiver has an order of its own"
    assert one.claim("crm", 10) == []
    assert one.connectors() == ["hook"]


def test_what_waits_for_later_is_not_due(engine: sa.Engine, clock: FixedClock) -> None:
    put_in(engine, effect("soon", created_us=BEGIN_US + 60 * SECOND))
    assert queue(engine, clock).claim("crm", 10) == []
    later(clock, 60)
    assert keys(queue(engine, clock).claim("crm", 10)) == ["soon"]


def test_a_lease_that_ran_out_goes_to_another(engine: sa.Engine, clock: FixedClock) -> None:
    put_in(engine, effect("a"), effect("b"))
    dead, alive = queue(engine, clock), queue(engine, clock)
    (first,) = dead.claim("crm", 10)
    assert not first.in_doubt
    later(clock, 29)
    assert alive.claim("crm", 10) == []
    later(clock, 2)
    (second,) = alive.claim("crm", 10)
    assert (second.effect.key, second.in_doubt) == ("a", True)
    assert dead.settle([(first, FAILED)]) == SettledCounts(lost=1), "it is no longer its own"
    assert alive.settle([(second, DELIVERED)]) == SettledCounts(delivered=1)
    assert states(engine) == {"a": "delivered", "b": "waiting"}


def test_what_failed_waits_longer_each_time_and_is_dead_at_last(
    engine: sa.Engine, clock: FixedClock
) -> None:
    put_in(engine, effect("a"), effect("b"))
    one, desk = queue(engine, clock), EffectDesk(engine, clock)
    for wait_s in (10, 20, 40):
        (claimed,) = one.claim("crm", 10)
        assert one.settle([(claimed, FAILED)]) == SettledCounts(postponed=1)
        later(clock, wait_s - 1)
        assert one.claim("crm", 10) == []
        later(clock, 1)
    (claimed,) = one.claim("crm", 10)
    assert one.settle([(claimed, FAILED)]) == SettledCounts(dead=1)
    (row,) = desk.rows(10, state="dead")
    assert (row.key, row.failures, row.rule, row.cause) == ("a", 4, "r", "c")
    assert keys(one.claim("crm", 10)) == ["b"], "a dead letter holds up nobody"


def test_a_receiver_is_obeyed_that_asks_for_time(engine: sa.Engine, clock: FixedClock) -> None:
    put_in(engine, effect("a"))
    one = queue(engine, clock)
    for _ in range(LIMITS.attempts + 2):  # to ask for time is no failure of the effect
        (claimed,) = one.claim("crm", 10)
        one.settle([(claimed, EffectReceipt(verdict="throttled", rule="r", wait_s=600.0))])
        later(clock, 599)
        assert one.claim("crm", 10) == []
        later(clock, 1)
    later(clock, 8 * 86_400)
    (claimed,) = one.claim("crm", 10)
    one.settle([(claimed, EffectReceipt(verdict="throttled", rule="r", wait_s=600.0))])
    assert states(engine) == {"a": "dead"}, "but not for ever"


def test_what_will_never_be_taken_is_dead_at_once_and_what_was_not_begun_is_not_counted(
    engine: sa.Engine, clock: FixedClock
) -> None:
    put_in(engine, effect("a", lead_id="a"), effect("b", lead_id="b"))
    one = queue(engine, clock)
    a, b = one.claim("crm", 10)
    one.settle([(a, EffectReceipt(verdict="never", rule="r")), (b, RELEASED)])
    assert states(engine) == {"a": "dead", "b": "waiting"}
    assert [(c.failures, c.in_doubt) for c in one.claim("crm", 10)] == [(0, False)]


def test_what_kills_its_workers_is_set_aside(engine: sa.Engine, clock: FixedClock) -> None:
    put_in(engine, effect("a"))
    one = queue(engine, clock)
    for _ in range(MOST_INTERRUPTIONS + 1):
        assert one.set_aside_fatal("crm") == 0
        assert keys(one.claim("crm", 1)) == ["a"]
        later(clock, 31)
    assert one.set_aside_fatal("crm") == 1
    (row,) = EffectDesk(engine, clock).rows(1, state="dead")
    assert row.rule == "effect-interrupted"


def test_dead_letters_are_tried_again_or_dropped_with_a_reason(
    engine: sa.Engine, clock: FixedClock
) -> None:
    put_in(engine, *(effect(key, lead_id=key) for key in "abcd"))
    one, desk = queue(engine, clock), EffectDesk(engine, clock)
    one.settle(
        [(c, EffectReceipt(verdict="never", rule="r", cause="c")) for c in one.claim("crm", 3)]
    )
    assert desk.dead_keys() == ["a", "b", "c"]
    assert desk.dead_keys("hook") == []
    desk.retry(["a", "b"], by="ann", reason="mended")
    desk.drop(["c"], by="bob", reason="too late")
    assert states(engine) == {"a": "waiting", "b": "waiting", "c": "dropped", "d": "waiting"}
    assert keys(one.claim("crm", 10)) == ["a", "b", "d"]
    entries = desk.journal.entries(10)[::-1]
    assert [(e.kind, e.subject, e.by, e.reason) for e in entries] == [
        ("retried", "a", "ann", "mended"),
        ("retried", "b", "ann", "mended"),
        ("dropped", "c", "bob", "too late"),
    ]
    assert entries[0].document["cause"] == "c"
    assert desk.journal.verify().fault == ""
    with pytest.raises(Refused):
        desk.retry(["a"], by="ann", reason="again")
    for key in ("c", "a"):  # dropped already, under way
        with pytest.raises(Refused):
            desk.drop([key], by="ann", reason="again")
    with pytest.raises(Missing):
        desk.drop(["c", "nobody"], by="ann", reason="x")
    with pytest.raises(BadInput):
        desk.retry(["c"], by="ann", reason="  ")
    assert len(desk.journal.entries(10)) == 3, "what is refused changes nothing"


def test_an_older_effect_does_not_overtake_a_newer_one(
    engine: sa.Engine, clock: FixedClock
) -> None:
    put_in(engine, effect("old"), effect("new"))
    one, desk = queue(engine, clock), EffectDesk(engine, clock)
    one.settle([(c, EffectReceipt(verdict="never", rule="r")) for c in one.claim("crm", 10)])
    (new,) = one.claim("crm", 10)
    with pytest.raises(Refused, match="later effect"):
        desk.retry(["old"], by="ann", reason="x")
    one.settle([(new, DELIVERED)])
    with pytest.raises(Refused, match="later effect"):
        desk.retry(["old"], by="ann", reason="x")
    desk.retry(["old"], by="ann", reason="x", out_of_order=True)
    assert keys(one.claim("crm", 10)) == ["old"]
    assert desk.journal.entries(1)[0].document["out_of_order"] is True


def test_a_connector_is_left_alone_longer_each_time(engine: sa.Engine, clock: FixedClock) -> None:
    one = queue(engine, clock)
    waits = []
    for _ in range(10):
        pause = one.leave_alone("crm", "it is away", None)
        waits.append((pause.not_before_us - one.now_us) // SECOND)
        later(clock, 4_000)
    assert waits[:4] == [30, 60, 120, 240]
    assert waits[-1] == 3_600
    assert one.leave_alone("crm", "it asks", 7_200).not_before_us == one.now_us + 7_200 * SECOND
    assert one.pause("crm").failures == 10
    one.answered("crm")
    assert one.pause("crm").not_before_us == 0


def test_what_is_long_delivered_is_forgotten(engine: sa.Engine, clock: FixedClock) -> None:
    put_in(engine, *(effect(key, lead_id=key) for key in "abc"))
    one = queue(engine, clock)
    a, b = one.claim("crm", 2)
    one.settle([(a, DELIVERED), (b, EffectReceipt(verdict="never", rule="r"))])
    assert one.forget(one.now_us, 10) == 0
    assert one.forget(one.now_us + 1, 10) == 1
    assert states(engine) == {"b": "dead", "c": "waiting"}, "nothing else is lost"


def test_workers_share_the_work_and_do_each_effect_once(engine: sa.Engine) -> None:
    leads, each = 12, 8
    put_in(
        engine, *(effect(f"{n}-{i}", lead_id=f"l{n}") for i in range(each) for n in range(leads))
    )
    received: list[str] = []

    def work(_: int) -> SettledCounts:
        one = EffectQueue(engine, SystemClock(), RetryLimits(), 60.0)
        counts = SettledCounts()
        while set(states(engine).values()) != {"delivered"}:
            claimed = one.claim("crm", 5)
            assert len({c.effect.lead_id for c in claimed}) == len(claimed)
            received.extend(keys(claimed))
            counts = counts.plus(one.settle([(c, DELIVERED) for c in claimed]))
        return counts

    with ThreadPoolExecutor(4) as threads:
        total = [sum(column) for column in zip(*threads.map(work, range(4)), strict=True)]
    assert total == [leads * each, 0, 0, 0]
    assert sorted(received) == sorted(states(engine))
    for n in range(leads):
        order = [key for key in received if key.startswith(f"{n}-")]
        assert order == [f"{n}-{i}" for i in range(each)]


numbers = count()
Move = st.tuples(
    st.sampled_from(["enqueue", "claim", "settle", "die", "wait", "retry", "drop"]),
    st.integers(0, 5),
    st.sampled_from(["delivered", "again", "never", "throttled", "released", "away"]),
)


class World:
    """A worker that may die, a person, and a receiver that keeps the order in which it hears."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine, self.clock = engine, FixedClock(BEGIN)
        self.queue, self.desk = queue(engine, self.clock), EffectDesk(engine, self.clock)
        self.claims: list[ClaimedEffect] = []
        self.delivered: dict[str, list[int]] = {}
        self.asked = 0

    def enqueue(self, number: int, _: Verdict) -> None:
        key = f"k{self.asked}"
        put_in(self.engine, effect(key, lead_id=f"l{number % 3}", created_us=self.queue.now_us))
        self.asked += 1

    def claim(self, number: int, _: Verdict) -> None:
        self.claims += self.queue.claim("crm", 1 + number)

    def settle(self, number: int, verdict: Verdict) -> None:
        if self.claims:
            claimed = self.claims.pop(number % len(self.claims))
            counts = self.queue.settle([(claimed, EffectReceipt(verdict=verdict, rule="r"))])
            if counts.delivered:
                self.delivered.setdefault(claimed.effect.lead_id, []).append(claimed.sequence)

    def die(self, _number: int, _: Verdict) -> None:
        self.claims.clear()

    def wait(self, number: int, _: Verdict) -> None:
        later(self.clock, 10.0 * number)

    def retry(self, number: int, _: Verdict) -> None:
        self.person(self.desk.retry, number)

    def drop(self, number: int, _: Verdict) -> None:
        self.person(self.desk.drop, number)

    def person(self, act: Callable[..., None], number: int) -> None:
        if dead := self.desk.dead_keys():
            with suppress(Refused):  # a later one went
                act([dead[number % len(dead)]], by="ann", reason="x")

    def finish(self) -> None:
        """All goes well from now on."""
        self.claims.clear()
        while "waiting" in states(self.engine).values():
            later(self.clock, 100)
            self.claim(9, "delivered")
            while self.claims:
                self.settle(0, "delivered")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(moves=st.lists(Move, min_size=5, max_size=60))
def test_whatever_happens_nothing_is_lost_and_order_holds(
    moves: list[tuple[str, int, Verdict]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Receivers hear of a lead's effects in order, of each once; all end somewhere."""
    engine = opened(f"sqlite:///{tmp_path_factory.getbasetemp() / f'm{next(numbers)}.db'}")
    world = World(engine)
    for move, number, verdict in moves:
        getattr(world, move)(number, verdict)
    world.finish()
    ends = states(engine)
    assert len(ends) == world.asked
    assert sum(map(len, world.delivered.values())) == list(ends.values()).count("delivered")
    for order in world.delivered.values():
        assert order == sorted(set(order))
    engine.dispose()


def test_a_journal_that_was_altered_is_found(tmp_path: Path) -> None:
    engine = opened(f"sqlite:///{tmp_path / 'w.db'}")
    desk = EffectDesk(engine, SystemClock())
    put_in(engine, effect("a"), effect("b", lead_id="b"))
    desk.drop(["a", "b"], by="ann", reason="x")
    with engine.begin() as connection:
        for trigger in ("no_update", "no_delete", "no_replace"):
            connection.exec_driver_sql(f"DROP TRIGGER effects_journal_{trigger}")
        connection.exec_driver_sql("UPDATE effects_journal SET body = X'78' WHERE sequence = 2")
    verified = desk.journal.verify()
    assert (verified.count, verified.broken) == (1, 2)
