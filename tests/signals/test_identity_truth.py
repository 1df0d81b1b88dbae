"""Identity against what is true: the simulator's people, and connected components by scipy.

A pair is two sound events that share an identifier, as producers sent it: the same kind and value.
It is *true* where both are of one person, as the simulation's truth says of every event. It is
*joined* where both events belong to one lead that is somebody's: `signals.identity.resolver.home`
routes them to keys of the same lead, and not to a machine or a mailbox that is nobody's own. The
events that carry nothing but a kiosk's cookie lie together under that cookie's name, where nobody
is sold to: they are no person, and count as not joined, the true pairs among them as missed.
Precision is the share of true pairs among the joined ones, recall the share of joined pairs among
the true ones. A pair counts once for each identifier that its events share; pairs are counted
through contingency tables of (person, lead) by identifier, never one by one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sqlalchemy import select

from domain.identifiers import ACCOUNT_KIND, FIRST_WEAK, NAME_KIND
from domain.signals import Signal, decode
from signals.events import event_log
from signals.identifiers.limits import ResolutionLimits
from signals.identifiers.normalization import read_identifiers
from signals.identity.link_graph import Keys
from signals.identity.resolver import Resolver, home
from signals.store.tables import identifiers
from simulation.hard_cases import CONSTANT_COOKIE, DEFAULT_PHONE, TEST_ADDRESSES
from simulation.scenarios import SCENARIOS
from simulation.simulator import simulate
from simulation.writer import write
from tests.signals.planes import open_plane

pytestmark = pytest.mark.slow

LEADS, SEEDS = 500, [3, pytest.param(11, marks=pytest.mark.soak)]
Identifier = tuple[str, str]
Tables = dict[Identifier, Counter[tuple[str, str]]]
"""By identifier: how many events of each (person, lead) carried it."""


class Fact(NamedTuple):
    """One event: whose it is, the identifiers that it carried, and the lead that it belongs to.

    `lead` is "" where the event belongs to an identifier that is nobody's own.
    """

    person: str
    lead: str
    carried: list[Identifier]


@dataclass(frozen=True)
class Truth:
    """What was told and what was made of it. `company` is None for people without one."""

    facts: list[Fact]
    company: Mapping[str, str | None]

    def tables(self) -> Tables:
        found: Tables = defaultdict(Counter)
        for fact in self.facts:
            for identifier in fact.carried:
                found[identifier][fact.person, fact.lead] += 1
        return found


class Pairs(NamedTuple):
    """Numbers of pairs."""

    joined: int
    true: int
    both: int


def pairs_of(table: Counter[tuple[str, str]]) -> Pairs:
    """The pairs of the events that carried one identifier."""
    people: Counter[str] = Counter()
    leads: Counter[str] = Counter()
    for (person, lead), count in table.items():
        people[person] += count
        leads[lead] += count
    both = pairs(count for (_, lead), count in table.items() if lead)
    del leads[""]
    return Pairs(pairs(leads.values()), pairs(people.values()), both)


def pairs(counts: Iterable[int]) -> int:
    return sum(n * (n - 1) // 2 for n in counts)


def case_of(identifier: Identifier) -> str:
    """Which of the simulation's cases an identifier shows."""
    kind, value = identifier
    for begins, case in (
        ("info@", "shared mailbox"),
        ("team-", "team mailbox"),
        ("kiosk-device-", "kiosk device"),
        ("kiosk-", "kiosk cookie"),
        (CONSTANT_COOKIE, "constant cookie"),
        (DEFAULT_PHONE, "default phone"),
        ("+1646666", "switchboard"),
        ("blue-desk@", "shared desk"),
    ):
        if value.startswith(begins):
            return case
    return "test address" if value in TEST_ADDRESSES else kind


@pytest.fixture(scope="module", params=SEEDS)
def truth(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Truth:
    folder = tmp_path_factory.mktemp("truth")
    written = write(simulate(LEADS, request.param, SCENARIOS["identity"]), folder / "x.jsonl")
    plane = open_plane(folder)
    lines = written.signals.read_bytes().splitlines()
    for at in range(0, len(lines), 5_000):
        plane.ingest.commit(list(enumerate(lines[at : at + 5_000], at)), "test")
    told = [msgspec.json.decode(line) for line in written.truth.read_bytes().splitlines()]
    owner = {(t["source"], t["id"]): t["person"] for t in told if t["kind"] == "event"}
    partition = plane.partition()
    with plane.engine.connect() as connection:
        rules = {r.key for r in connection.execute(select(identifiers)) if r.rule}
    facts = []
    for part in event_log.read(plane.engine):
        for event in part:
            signal = decode(event.body)
            key = home(event.known.keys, rules)
            person = owner.pop((signal.source, signal.id))
            lead = "" if key in rules and key[0] >= FIRST_WEAK else partition[key]
            facts.append(Fact(person, lead, list(carried(signal))))
    assert not owner  # every sound event is in the log
    return Truth(facts, {t["person"]: t["account"] for t in told if t["kind"] == "person"})


def carried(signal: Signal) -> Iterable[Identifier]:
    for kind, held in signal.identifiers.items():
        if kind not in (ACCOUNT_KIND, NAME_KIND):
            for value in [held] if isinstance(held, str) else held:
                yield kind, value


def shown(truth: Truth) -> dict[str, Pairs]:
    """The pairs by case."""
    found: dict[str, Pairs] = {}
    for identifier, table in truth.tables().items():
        case = case_of(identifier)
        summed = zip(found.get(case, Pairs(0, 0, 0)), pairs_of(table), strict=True)
        found[case] = Pairs(*map(sum, summed))
    return found


def test_no_two_people_of_different_companies_are_one_lead(truth: Truth) -> None:
    people: dict[str, set[str]] = defaultdict(set)
    for fact in truth.facts:
        people[fact.lead].add(fact.person)
    del people[""]
    company = truth.company
    wrong = {lead: held for lead, held in people.items() if len({company[p] for p in held}) > 1}
    assert not wrong


def test_pairs_that_share_an_identifier_are_joined_if_and_only_if_one_persons(
    truth: Truth,
) -> None:
    by_case = shown(truth)
    joined, true, both = map(sum, zip(*by_case.values(), strict=True))
    assert both / joined >= 0.999, by_case
    assert both / true >= 0.99, by_case


ORIGINALS, MOST_COPIES = 2_000, 4


def records(seed: int) -> list[dict[str, str]]:
    """Records of people, and duplicates whose fields were dropped or mistyped at random.

    As Febrl makes them, but that a key is the same or another one, never alike. Within the
    protections' limits: a person has two values of a kind at most, all addresses of one firm, a
    typing error that hits a colleague's happens to people without another one, and an address is
    mistyped only beside the user id, which says that the telephone is one person's.
    """
    rng = np.random.default_rng(seed)
    made = []
    for person in range(ORIGINALS):
        made.append(own(person))
        made += [corrupted(rng, person) for _ in range(int(rng.integers(0, MOST_COPIES + 1)))]
    return [made[i] for i in rng.permutation(len(made)) if made[i]]


def own(person: int) -> dict[str, str]:
    phone = f"+4930{1_000_000 + person}"
    return {"user_id": f"u{person}", "email": f"p{person}@firm{person // 10}.org", "phone": phone}


def corrupted(rng: np.random.Generator, person: int) -> dict[str, str]:
    record, hits_another = own(person), person % 10 < 2
    wrong = {k: f"{v}7" if k == "phone" else f"q{v}" for k, v in record.items()}
    for kind, chance in zip(list(record), rng.random(3).tolist(), strict=True):
        if chance < 0.3:
            del record[kind]
        elif chance < 0.4 and not hits_another:
            own_id = record.get("user_id") == f"u{person}"
            if kind != "email" or own_id:
                record[kind] = wrong[kind]
        elif chance < 0.4 and kind == "user_id":
            record[kind] = own(person - person % 10)["user_id"]
    return record


def connected(sets: Sequence[Keys]) -> set[frozenset[str]]:
    """Connected components of keys that stand together, by scipy."""
    names = sorted({key for keys in sets for key in keys})
    at = {key: i for i, key in enumerate(names)}
    pairs = [(at[keys[0]], at[key]) for keys in sets for key in keys]
    rows, columns = np.array(pairs).T
    graph = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(names), len(names)))
    _, labels = connected_components(graph, directed=False)
    parts: dict[int, set[str]] = defaultdict(set)
    for name, label in zip(names, labels.tolist(), strict=True):
        parts[label].add(name)
    return {frozenset(part) for part in parts.values()}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("batch", [1, 500])
def test_exact_keys_join_as_connected_components_do(seed: int, batch: int) -> None:
    sets = [read_identifiers(record).keys for record in records(seed)]
    resolver = Resolver(ResolutionLimits())
    for at in range(0, len(sets), batch):
        resolver.add(sets[at : at + batch])
    leads: dict[str, set[str]] = defaultdict(set)
    for key, lead in resolver.leads.items():
        leads[lead].add(key)
    expected = connected(sets)
    assert max(len(part) for part in expected) > 5
    assert not resolver.rules
    assert {frozenset(part) for part in leads.values()} == expected
