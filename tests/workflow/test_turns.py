"""Owners take turns: alike or by weight, up to their capacity, where they are here."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.errors import BadConfiguration
from tests.workflow.charts import DAY, GOOD, NOON
from workflow.chart.lead_state import WorkflowLead
from workflow.owners.roster import Absence, OwnerSpec, PoolSpec, Roster, read_roster
from workflow.owners.turns import Turns


def lead(queue: str = "sales", owner_pool: str = "", former: tuple[str, ...] = ()) -> WorkflowLead:
    facts = msgspec.structs.replace(GOOD, queue=queue, owner_pool=owner_pool)
    return WorkflowLead(lead_id="lead_1", facts=facts, former=former, asks=True)


def roster(turns: str = "round_robin", **owners: OwnerSpec) -> Roster:
    pool = PoolSpec(owners=tuple(owners), turns=turns)  # type: ignore[arg-type]
    return Roster(version=1, owners=owners, pools={"all": pool}, otherwise="all")


def given_to(turns: Turns, count: int, **more: object) -> list[str]:
    owners = []
    for _ in range(count):
        owners.append(turns.answer(lead(**more), NOON).owner)  # type: ignore[arg-type]
        turns.moved("", owners[-1])
    return owners


def test_alike_they_take_turns() -> None:
    turns = Turns(roster(ann=OwnerSpec(), ben=OwnerSpec(), eva=OwnerSpec()))
    assert given_to(turns, 6) == ["ann", "ben", "eva"] * 2


@limits(max_examples=50, deadline=None)
@given(weights=st.lists(st.integers(1, 9), min_size=2, max_size=5))
def test_by_weight_nobody_is_a_lead_ahead_of_its_share(weights: list[int]) -> None:
    owners = {f"owner_{n}": OwnerSpec(capacity=1_000, weight=w) for n, w in enumerate(weights)}
    turns, count = Turns(roster("weighted", **owners)), Counter[str]()
    for number, owner in enumerate(given_to(turns, 60), 1):
        count[owner] += 1
        for n, weight in enumerate(weights):
            assert abs(count[f"owner_{n}"] - number * weight / sum(weights)) <= len(weights)


def test_who_comes_back_makes_up_for_nothing() -> None:
    away = OwnerSpec(away=(Absence(first="2026-01-05", last="2026-01-05"),))
    turns = Turns(roster(ann=OwnerSpec(), ben=away))
    assert given_to(turns, 10) == ["ann"] * 10
    owners = [turns.answer(lead(), NOON + DAY).owner for _ in range(4)]
    assert sorted(owners) == ["ann", "ann", "ben", "ben"]


def test_a_full_owner_gets_none_and_a_former_one_only_where_nobody_else_has_room() -> None:
    turns = Turns(roster(ann=OwnerSpec(capacity=1), ben=OwnerSpec(capacity=2)))
    assert given_to(turns, 4) == ["ann", "ben", "ben", ""]
    turns.moved("ann", "")
    assert turns.answer(lead(former=("ann",)), NOON).owner == "ann"
    turns.moved("ben", "")
    assert turns.answer(lead(former=("ann",)), NOON).owner == "ben"


def test_a_decision_names_the_pool_and_else_its_queue_does() -> None:
    pools = {
        "east": PoolSpec(owners=("eva",), queues=("sales",)),
        "west": PoolSpec(owners=("wim",)),
    }
    turns = Turns(Roster(version=1, owners={"eva": OwnerSpec(), "wim": OwnerSpec()}, pools=pools))
    assert turns.answer(lead(), NOON).owner == "eva"
    assert turns.answer(lead(owner_pool="west"), NOON).owner == "wim"
    assert turns.answer(lead(owner_pool="north"), NOON).owner == "eva"
    assert turns.answer(lead("other"), NOON).name == "unassigned"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pools: {a: {owners: [ann]}}", "no owner ann"),
        ("otherwise: b", "no pool b"),
        (
            "owners: {e: {}}\npools: {a: {owners: [e], queues: [q]}, b: {owners: [], queues: [q]}}",
            "queue q",
        ),
        ("owners: {ann: {capacity: -1}}", "capacity"),
        ('owners: {ann: {away: [{first: "2026-02-02", last: "2026-02-01"}]}}', "before"),
        ("owners: {Ann@Example.com: {}}", "owners"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_by_line(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "owners.yaml"
    path.write_text(f"version: 1\n{text}\n")
    with pytest.raises(BadConfiguration, match=words) as raised:
        read_roster(path)
    assert raised.value.where.startswith("owners.yaml")
