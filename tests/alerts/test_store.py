"""Alarms are told once, again after a while, and when they end; nothing is told twice."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.errors import Unavailable
from monitoring.alarms.alarm import AlarmLook, AlarmMessage, Sighting
from monitoring.alarms.catalogue import AlarmName
from monitoring.alarms.store import (
    DATABASE,
    MOST_OPEN,
    Addressed,
    AlarmChange,
    AlarmStore,
    ChannelState,
)

HOUR = 3_600_000_000
DAY = 24 * HOUR
BOTH: tuple[AlarmName, ...] = ("store-away", "disk-nearly-full")


def look(*subjects: str, kinds: tuple[AlarmName, ...] = ("store-away",)) -> AlarmLook:
    seen = [Sighting(kind="store-away", subject=s, evidence=("it is away",)) for s in subjects]
    return AlarmLook(frozenset(kinds), tuple(seen))


def everybody(change: AlarmChange) -> list[Addressed]:
    text = f"{change.event} {change.alarm.subject}"
    return [Addressed("team", "ticket", AlarmMessage(title=text, text=text))]


def titles(store: AlarmStore, now_us: int = 10 * DAY) -> list[str]:
    return [w.message.title for w in store.due("team", now_us, 1_000)]


@pytest.fixture
def store(tmp_path: Path) -> AlarmStore:
    return AlarmStore(tmp_path)


def test_an_alarm_is_told_once_again_after_a_while_and_when_it_ends(store: AlarmStore) -> None:
    for hour, subjects in ((0, "a"), (1, "ab"), (23, "ab"), (24, "ab"), (25, "b"), (26, "b")):
        store.settle([look(*subjects)], hour * HOUR, DAY, everybody)
    assert titles(store) == ["opened a", "opened b", "reminder a", "ended a", "reminder b"]
    assert [(a.subject, a.opened_us, a.seen_us) for a in store.open()] == [("b", HOUR, 26 * HOUR)]


def test_what_nobody_looked_for_stays_as_it_is(store: AlarmStore) -> None:
    store.settle([look("a")], 0, DAY, everybody)
    store.settle([look(kinds=("disk-nearly-full",))], HOUR, DAY, everybody)
    store.settle([AlarmLook()], HOUR, DAY, everybody)
    assert [a.subject for a in store.open()] == ["a"]
    store.settle([look()], 2 * HOUR, DAY, everybody)
    assert store.open() == []
    assert [a.ended_us for a in store.since(HOUR)] == [2 * HOUR]


def test_what_comes_back_is_a_new_alarm(store: AlarmStore) -> None:
    for hour, subjects in enumerate(["a", "", "a"]):
        store.settle([look(*subjects)], hour * HOUR, DAY, everybody)
    assert titles(store) == ["opened a", "ended a", "opened a"]


def test_alarms_and_messages_are_bounded(store: AlarmStore) -> None:
    many = look(*(f"s{n}" for n in range(MOST_OPEN + 50)))
    store.settle([many], 0, DAY, everybody)
    assert len(store.open()) == MOST_OPEN
    store.settle([many], HOUR, DAY, everybody)
    assert len(titles(store)) == MOST_OPEN


def test_what_could_not_be_told_is_forgotten_after_a_while(store: AlarmStore) -> None:
    store.settle([look("a")], 0, DAY, everybody)
    store.settle([look()], HOUR, DAY, everybody)
    store.forget(0)
    assert len(titles(store)) == 2
    store.forget(2 * HOUR)
    assert titles(store) == []
    assert store.since(0) == []


def test_a_channel_that_is_away_is_left_alone_until_its_moment(store: AlarmStore) -> None:
    store.settle([look("a")], 0, DAY, everybody)
    store.failed(ChannelState(channel="team", failures=1, next_us=HOUR, reason="away"))
    assert titles(store, HOUR - 1) == []
    assert store.channels()["team"].waiting == 1
    assert titles(store, HOUR) == ["opened a"]
    store.sent("team", store.due("team", HOUR, 1)[0].id)
    assert store.channels() == {}


def test_what_is_held_back_waits_for_its_hour(store: AlarmStore) -> None:
    message = AlarmMessage(title="t", text="t")
    store.add([Addressed("team", "ticket", message, HOUR)], 0)
    assert (titles(store, HOUR - 1), titles(store, HOUR)) == ([], ["t"])


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database" * 1_000)
    with pytest.raises(Unavailable, match="alarms' database"):
        AlarmStore(tmp_path)


@limits(max_examples=30)
@given(steps=st.lists(st.sets(st.sampled_from("abc")), max_size=8))
def test_each_opening_has_one_end_whatever_is_seen(
    steps: list[set[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = AlarmStore(tmp_path_factory.mktemp("alarms"))
    for n, subjects in enumerate([*steps, set()]):
        store.settle([look(*sorted(subjects))], n * HOUR, 100 * DAY, everybody)
    told = titles(store, 100 * DAY)
    for subject in "abc":
        events = [t.partition(" ")[0] for t in told if t.endswith(f" {subject}")]
        assert events == ["opened", "ended"] * (len(events) // 2)
    store.close()
