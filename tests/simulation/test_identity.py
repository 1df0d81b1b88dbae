"""The scenario of hard identities: what its signals carry, and what the truth says of them."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import phonenumbers
import pytest

from domain.identifiers import ACCOUNT_KIND, NAME_KIND
from simulation.hard_cases import CONSTANT_COOKIE, DEFAULT_PHONE, TEST_ADDRESSES
from simulation.scenarios import SCENARIOS
from simulation.simulator import simulate
from simulation.writer import write
from tests.simulation.conftest import DAYS, read

Key = tuple[str, str]


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("identity") / "x.jsonl"
    return read(write(simulate(600, 3, SCENARIOS["identity"], days=DAYS), out))


@pytest.fixture(scope="module")
def owner(hard: Any) -> dict[Key, str]:
    """The person of each sound signal, by source and id."""
    return {(e["source"], e["id"]): e["person"] for e in hard.owners}


@pytest.fixture(scope="module")
def users(hard: Any, owner: dict[Key, str]) -> dict[Key, set[str]]:
    """The people who used each identifier."""
    found: dict[Key, set[str]] = defaultdict(set)
    for signal in hard.good:
        for kind, value in signal.identifiers.items():
            if kind not in (ACCOUNT_KIND, NAME_KIND):
                found[kind, str(value)].add(owner[signal.source, signal.id])
    return found


@pytest.fixture(scope="module")
def company(hard: Any) -> dict[str, str | None]:
    return {p["person"]: p["account"] for p in hard.people}


def of_several(people: Iterable[str], company: dict[str, str | None]) -> bool:
    return len({company[p] for p in people}) > 1


def test_the_truth_says_of_every_sound_signal_whose_it_is(
    hard: Any, owner: dict[Key, str], company: dict[str, str | None]
) -> None:
    assert owner.keys() == {(s.source, s.id) for s in hard.good}
    assert len(hard.owners) == len(owner) == hard.written.accepted
    assert set(owner.values()) <= company.keys()


def test_owners_agree_with_what_people_are_known_by(hard: Any, users: dict[Key, set[str]]) -> None:
    told: dict[Key, set[str]] = defaultdict(set)
    for person in hard.people:
        for kind, values in person["identifiers"].items():
            for value in values:
                told[kind, value].add(person["person"])
    assert told == users


def test_switchboards_are_shared_within_one_company_and_extensions_are_not(
    users: dict[Key, set[str]], company: dict[str, str | None]
) -> None:
    boards = {v: p for (kind, v), p in users.items() if kind == "phone" and "+1646666" in v}
    alone = [people for value, people in boards.items() if "ext" in value]
    shared = [people for value, people in boards.items() if "ext" not in value]
    assert any(len(people) > 1 for people in shared)
    assert not any(of_several(people, company) for people in shared)
    assert alone
    assert all(len(people) == 1 for people in alone)


def test_some_people_have_many_records_with_one_address(hard: Any, owner: dict[Key, str]) -> None:
    records: dict[str, set[str]] = defaultdict(set)
    for signal in hard.good:
        if {"crm_id", "email"} <= signal.identifiers.keys():
            records[str(signal.identifiers["email"])].add(str(signal.identifiers["crm_id"]))
    assert sum(len(held) > 3 for held in records.values()) > 5


def test_mailboxes_are_shared_within_one_company(
    users: dict[Key, set[str]], company: dict[str, str | None]
) -> None:
    for name in ("info@", "team-blue@"):
        boxes = [p for (kind, v), p in users.items() if kind == "email" and v.startswith(name)]
        assert any(len(people) > 1 for people in boxes)
        assert not any(of_several(people, company) for people in boxes)


@pytest.mark.parametrize(
    ("kind", "prefix", "at_least"),
    [
        ("cookie", "kiosk-", 3),
        ("device", "kiosk-device-", 3),
        ("email", TEST_ADDRESSES[0], 3),
        ("cookie", CONSTANT_COOKIE, 15),
        ("phone", DEFAULT_PHONE, 15),
    ],
)
def test_identifiers_of_people_of_several_companies(
    users: dict[Key, set[str]],
    company: dict[str, str | None],
    kind: str,
    prefix: str,
    at_least: int,
) -> None:
    held = [p for (k, v), p in users.items() if k == kind and v.startswith(prefix)]
    assert any(len(people) >= at_least and of_several(people, company) for people in held)


@pytest.mark.parametrize("kind", ["crm_id", "user_id"])
def test_strong_identifiers_that_two_people_of_different_companies_claim(
    users: dict[Key, set[str]], company: dict[str, str | None], kind: str
) -> None:
    claimed = [people for (k, _), people in users.items() if k == kind and len(people) > 1]
    assert len(claimed) > 3
    assert all(of_several(people, company) for people in claimed)


def test_some_people_have_two_addresses_or_two_records(hard: Any) -> None:
    several: dict[str, int] = defaultdict(int)
    for person in hard.people:
        own = [e for e in person["identifiers"].get("email", []) if e.startswith("x")]
        several["email"] += bool(own)
        records = person["identifiers"].get("crm_id", [])
        mine = {r for r in records if r[2:] == person["person"][2:]}
        several["crm_id"] += len(mine) > 1
    assert min(several["email"], several["crm_id"]) > 5


def test_an_ordinary_identifier_is_one_persons(users: dict[Key, set[str]]) -> None:
    shared = sum(len(people) > 1 for people in users.values())
    assert shared < 0.15 * len(users)


def test_the_default_phone_is_a_possible_one_and_nobodys_own() -> None:
    assert phonenumbers.is_valid_number(phonenumbers.parse(DEFAULT_PHONE))


def test_other_scenarios_have_none_of_it(tmp_path: Path) -> None:
    plain = read(write(simulate(60, 3, SCENARIOS["steady"], days=60), tmp_path / "x.jsonl"))
    assert plain.owners == []
    values = {str(v) for s in plain.good for v in s.identifiers.values()}
    assert not {CONSTANT_COOKIE, DEFAULT_PHONE, *TEST_ADDRESSES} & values
