"""A CRM with duplicates, of which the truth is known: pairs of records that are one person's.

People are entered once or many times. Each time an address, a telephone or a name may be left out
or mistyped; colleagues share a switchboard, some families an address. Precision is the share of
true pairs among the pairs of records in one lead, recall the share of those pairs among the true
ones. What to beat is the rule that CRMs come with: records with the same e-mail address are one.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pytest

from signals.identifiers.limits import ResolutionLimits
from signals.identifiers.normalization import read_identifiers
from signals.identity.resolver import Resolver

PEOPLE, MOST_COPIES = 1_500, 12
GIVEN = ["Ann", "Bob", "Carla", "Dev", "Eve", "Femi", "Gus", "Hana", "Ivo", "Jana", "Kim", "Lars"]
FAMILY = ["Abel", "Brandt", "Costa", "Diaz", "Egger", "Fox", "Gomez", "Holm", "Jansen", "Moss"]


class Record(NamedTuple):
    """A record's identifiers, and whose it is."""

    person: int
    held: dict[str, str]


class Person(NamedTuple):
    """Somebody as they are."""

    name: str
    email: str
    phone: str
    switchboard: str


def person_of(rng: np.random.Generator, number: int) -> Person:
    given, family = GIVEN[rng.integers(len(GIVEN))], FAMILY[rng.integers(len(FAMILY))]
    firm = number // 8
    domain = f"firm{firm}.org" if number % 5 else "gmail.com"
    email = f"{given}.{family}.{number}@{domain}".lower()
    if number % 40 == 1:  # uses the address of the one before
        email = f"family.{number - 1}@gmail.com"
    if number % 40 == 0:
        email = f"family.{number}@gmail.com"
    board = f"+4930{2_000_000 + firm * 7}"
    return Person(f"{given} {family}", email, f"+4917{60_000_000 + number * 13}", board)


def mistyped(rng: np.random.Generator, text: str) -> str:
    """A name of which two neighbouring letters of a word changed places, or one is left out."""
    words = text.split()
    which = int(rng.integers(len(words)))
    word, at = words[which], int(rng.integers(1, len(words[which])))
    swapped = word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
    words[which] = swapped if rng.random() < 0.5 else word[:at] + word[at + 1 :]
    return " ".join(words)


def copy_of(rng: np.random.Generator, who: Person) -> dict[str, str]:
    held: dict[str, str] = {}
    chance = rng.random(8)
    if chance[0] < 0.85:
        held["email"] = who.email
    if chance[1] < 0.6:
        held["phone"] = who.switchboard if chance[2] < 0.4 else who.phone
        if chance[3] < 0.1:
            held["phone"] = held["phone"][:-2] + held["phone"][-2:][::-1]
    if chance[4] < 0.7:
        given, family = who.name.split()
        name = f"{family}, {given}" if chance[5] < 0.3 else who.name
        held["name"] = f"{given[0]}. {family}" if chance[6] < 0.1 else name
        if chance[7] < 0.08:
            held["name"] = mistyped(rng, who.name)
    return held


def crm(seed: int) -> list[Record]:
    rng = np.random.default_rng(seed)
    records = []
    for number in range(PEOPLE):
        who = person_of(rng, number)
        copies = 1 + int(rng.integers(0, MOST_COPIES)) * int(rng.random() < 0.4)
        for n in range(copies):
            held = {"crm_id": f"R{number}-{n}", **copy_of(rng, who)}
            records.append(Record(number, held))
    return [records[i] for i in rng.permutation(len(records))]


def scores(records: Sequence[Record], groups: Mapping[str, Hashable]) -> tuple[float, float]:
    """Precision and recall over pairs of records, by each record's group."""
    table = Counter((r.person, groups[r.held["crm_id"]]) for r in records)
    people, found = Counter(r.person for r in records), Counter(groups.values())
    both = pairs(table.values())
    return both / max(pairs(found.values()), 1), both / pairs(people.values())


def pairs(counts: Iterable[int]) -> int:
    return sum(n * (n - 1) // 2 for n in counts)


def by_email(records: Sequence[Record]) -> dict[str, Hashable]:
    return {r.held["crm_id"]: r.held.get("email", r.held["crm_id"]) for r in records}


def by_lead(records: Sequence[Record]) -> dict[str, Hashable]:
    resolver = Resolver(ResolutionLimits())
    key_of = {}
    for record in records:
        keys = read_identifiers(record.held).keys
        key_of[record.held["crm_id"]] = keys[0]
        resolver.add([keys])
    return {name: resolver.leads[key] for name, key in key_of.items()}


@pytest.mark.parametrize("seed", range(2))
def test_duplicates_are_found_better_than_by_the_same_address(seed: int) -> None:
    records = crm(seed)
    precision, recall = scores(records, by_lead(records))
    exact_precision, exact_recall = scores(records, by_email(records))
    assert precision >= max(0.98, exact_precision), (precision, exact_precision)
    assert recall >= exact_recall + 0.01, (recall, exact_recall)


@pytest.mark.parametrize("copies", [2, 4, 8, 30])
def test_one_person_entered_many_times_is_one_lead(copies: int) -> None:
    told = [{"crm_id": f"R{n}", "email": "ann.lee@acme.com"} for n in range(copies)]
    resolver = Resolver(ResolutionLimits())
    resolver.add([read_identifiers(held).keys for held in told])
    assert len(set(resolver.leads.values())) == 1


def test_two_people_at_one_address_are_told_apart_by_their_names() -> None:
    told = [
        {"crm_id": f"R{n}", "email": "family@acme.com", "name": ("Ann Lee", "Lee, Bob")[n % 2]}
        for n in range(10)
    ]
    resolver = Resolver(ResolutionLimits())
    groups = defaultdict(set)
    for held in told:
        resolver.add([read_identifiers(held).keys])
    for held in told:
        groups[resolver.leads[read_identifiers(held).keys[0]]].add(held["name"])
    assert sorted(groups.values(), key=str) == [{"Ann Lee"}, {"Lee, Bob"}]


def test_each_with_a_telephone_of_their_own_are_several_people_at_one_address() -> None:
    told = [
        {"crm_id": f"R{n}", "email": "blue-team@acme.com", "phone": f"+49306{100_003 + n}"}
        for n in range(6)
    ]
    resolver = Resolver(ResolutionLimits())
    resolver.add([read_identifiers(held).keys for held in told])
    records = {read_identifiers(held).keys[0] for held in told}
    assert len({resolver.leads[key] for key in records}) == 6
