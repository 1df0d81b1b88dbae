"""Who is who: a function of the set of events alone, protections and splits included."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.identifiers import (
    NAMED,
    IdentifierKey,
    email_key,
    identifier_key,
    is_person,
    lead_id,
    named_key,
)
from domain.ports import LeadRef
from domain.signals import Signal
from domain.state import COUNT
from signals.identifiers.normalization import read_identifiers
from signals.identifiers.person_names import name_tokens
from signals.identifiers.rules import IdentityRules
from signals.identity.directory import Directory
from signals.identity.link_graph import Keys
from signals.identity.resolver import Resolver
from signals.ingest.rebuild import rebuild
from signals.ingest.split_lead import separate
from signals.replay.replay import Replay
from tests.doubles import RowsSink
from tests.signals.planes import Plane, assert_close, assert_same, open_plane

START = datetime(2025, 3, 1, tzinfo=UTC)
CROWDED = IdentityRules(neighbours=4)
PHONES = [identifier_key("phone", f"p{i}") for i in range(2)]
UNIVERSE = [
    *(identifier_key("crm_id", f"L{i}") for i in range(4)),
    *(identifier_key("user_id", f"u{i}") for i in range(4)),
    *(email_key(f"e{i}", company) for i, company in enumerate(["a.com", "b.com", "", "a.com", ""])),
    *PHONES,
    *(named_key(PHONES[0], n, name_tokens([n])[1]) for n in ("Ann Lee", "Bob Lee", "A. Lee")),
    *(identifier_key("device", f"d{i}") for i in range(3)),
    *(identifier_key("cookie", f"c{i}") for i in range(5)),
]
Sides = dict[str, dict[int, int]]


def on_one_event(keys: set[IdentifierKey]) -> Keys:
    """Keys as an event has them: a name comes with what is used under it, and with a record."""
    if any(key[0] == NAMED for key in keys):
        keys = keys | {PHONES[0]}
        keys = keys if min(keys)[0] < "2" else keys | {UNIVERSE[0]}
    return tuple(sorted(keys))


keysets = st.lists(
    st.sets(st.sampled_from(UNIVERSE), min_size=1, max_size=3).map(on_one_event),
    min_size=1,
    max_size=25,
)
sides = st.dictionaries(
    st.sampled_from(UNIVERSE), st.integers(0, 1).map(lambda side: {1: side}), max_size=4
)


def resolved(sets: list[Keys], apart: Sides, batch: int) -> tuple[dict[str, str], dict[str, str]]:
    resolver = Resolver(CROWDED.protections)
    resolver.sides = dict(apart)
    for at in range(0, len(sets), batch):
        resolver.add(sets[at : at + batch])
    return resolver.leads, resolver.rules


@limits(max_examples=400)
@given(keysets, sides, st.randoms(use_true_random=False), st.integers(1, 5))
def test_the_partition_depends_on_the_set_alone(
    sets: list[Keys], apart: Sides, random: object, batch: int
) -> None:
    shuffled = sets + sets[: len(sets) // 2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert resolved(sets, apart, len(sets)) == resolved(shuffled, apart, batch)


@limits(max_examples=200)
@given(keysets, sides)
def test_no_lead_has_two_companies_or_both_sides(sets: list[Keys], apart: Sides) -> None:
    from domain.identifiers import company_of

    leads, _ = resolved(sets, apart, 3)
    for lead in set(leads.values()):
        members = [key for key, held in leads.items() if held == lead]
        assert len({c for key in members if (c := company_of(key))}) <= 1
        assert len({apart[key][1] for key in members if key in apart}) <= 1
        assert lead == lead_id(min(members, key=lambda key: (not is_person(key), key)))


NAMES = {
    "crm_id": ["L1", "L2", "L3"],
    "email": ["ann@acme.com", "bob@acme.com", "eve@other.org", "kim@gmail.com", "info@acme.com"],
    "user_id": ["u1", "u2", "undefined"],
    "cookie": ["c1", "c2", "kiosk"],
    "device": ["d1"],
    "phone": ["+16502530000", "+16502530000 x7", "none"],
    "name": ["Ann Lee", "Lee, Bob", "A. Lee"],
}


@st.composite
def tangles(draw: st.DrawFn) -> list[Signal]:
    """Events whose identifiers are as tangled as can be."""
    signals = []
    for i in range(draw(st.integers(1, 14))):
        kinds = draw(st.sets(st.sampled_from(sorted(NAMES)), min_size=1, max_size=4))
        kinds = kinds if kinds - {"name", "phone"} else kinds | {"cookie"}
        held: dict[str, str | list[str]] = {
            kind: draw(st.sampled_from(NAMES[kind])) for kind in sorted(kinds)
        }
        late = draw(st.sampled_from([None, timedelta(hours=5)]))
        happened = START + timedelta(minutes=draw(st.integers(0, 60 * 24 * 40)))
        signals.append(
            Signal(
                id=str(i),
                source="test",
                type=draw(st.sampled_from(["web.page_viewed", "crm.lead_created"])),
                time=happened,
                recordedtime=happened + late if late else None,
                identifiers=held,
                data={"page": "pricing", "employees": i},
            )
        )
    return signals


def plane_of(signals: list[Signal], batch: int) -> Plane:
    plane = open_plane(Path(tempfile.mkdtemp()), rules=CROWDED)
    plane.accept(signals, batch)
    return plane


def assert_history_is_the_stream(plane: Plane) -> None:
    leads, accounts = RowsSink(), RowsSink()
    journeys = Replay(plane.signals, leads, accounts).run(plane.parts(chunk=3))
    online = plane.online()
    last = {k: v for k, v in leads.last().items() if k in online}
    assert last.keys() == online.keys()
    for lead, (_, state, texts) in last.items():
        np.testing.assert_allclose(state, online[lead][0], rtol=1e-9, atol=1e-9)
        assert texts == online[lead][1]
    ends = {k: v for k, (_, v, _) in accounts.last().items()}
    assert_close(plane.online_accounts(), {k: v for k, v in ends.items() if v[COUNT]})
    partition = plane.partition()
    assert {s.final for s in journeys.spans.values()} <= set(partition.values())


def assert_rebuild_changes_nothing(plane: Plane) -> None:
    before, online = plane.partition(), plane.online()
    rebuild(plane.signals, lambda _: None)
    plane.writer.leads.clear()
    plane.ingest.push()
    assert plane.partition() == before
    again = plane.online()
    assert again.keys() == online.keys()
    for lead, (state, texts, us) in online.items():
        np.testing.assert_allclose(state, again[lead][0], rtol=1e-9, atol=1e-9)
        assert (texts, us) == again[lead][1:]


@pytest.mark.slow
@limits(max_examples=25, deadline=None)
@given(tangles(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_order_and_batching_change_no_state(
    signals: list[Signal], random: object, batch: int
) -> None:
    shuffled = signals + signals[: len(signals) // 2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert_same(plane_of(signals, 1000), plane_of(shuffled, batch))


@pytest.mark.slow
@limits(max_examples=25, deadline=None)
@given(tangles(), st.integers(1, 4))
def test_history_and_rebuild_are_the_stream(signals: list[Signal], batch: int) -> None:
    plane = plane_of(signals, batch)
    assert_history_is_the_stream(plane)
    assert_rebuild_changes_nothing(plane)


@pytest.mark.slow
@limits(max_examples=25, deadline=None)
@given(tangles(), tangles(), st.randoms(use_true_random=False))
def test_a_split_stays_whatever_comes(
    before: list[Signal], after: list[Signal], random: object
) -> None:
    plane = plane_of(before, 3)
    leads: dict[str, list[str]] = {}
    for key, lead in plane.partition().items():
        leads.setdefault(lead, []).append(key)
    several = sorted(lead for lead, keys in leads.items() if len(keys) > 1)
    if not several:
        return
    lead = random.choice(several)  # type: ignore[attr-defined]
    apart = {random.choice(sorted(leads[lead]))}  # type: ignore[attr-defined]
    ref = LeadRef(lead, "")  # type: ignore[arg-type]
    separate(plane.signals, ref, apart, "two people", 1_800_000_000_000_000)
    renamed = [msgspec.structs.replace(s, id=f"later-{s.id}") for s in after]
    plane.accept(renamed, 2)
    partition = plane.partition()
    stayed = {partition[key] for key in set(leads[lead]) - apart}
    assert not stayed & {partition[key] for key in apart}
    assert_rebuild_changes_nothing(plane)


def told(number: int, **identifiers: str) -> Signal:
    return Signal(
        id=str(number),
        source="test",
        type="web.page_viewed",
        time=START + timedelta(minutes=number),
        identifiers=dict(identifiers),
        data={"page": "pricing"},
    )


def lead_of(plane: Plane, kind: str, value: str) -> str:
    (key,) = read_identifiers({kind: value}).keys
    return plane.partition()[key]


CASES: dict[str, list[dict[str, str]]] = {
    "a kiosk": [
        {"email": "ann@acme.com", "cookie": "k"},
        {"email": "eve@other.org", "cookie": "k"},
    ],
    "a kiosk, of two at one company": [
        {"email": "ann@acme.com", "cookie": "k"},
        {"email": "eve@acme.com", "cookie": "k"},
    ],
    "a shared mailbox": [
        {"user_id": "u1", "email": "info@acme.com"},
        {"user_id": "u2", "email": "info@acme.com"},
        {"user_id": "u1", "email": "ann@acme.com"},
        {"user_id": "u2", "email": "eve@acme.com"},
    ],
    "a test address": [
        {"email": "ann@acme.com", "cookie": "c1"},
        {"email": "test@example.com", "cookie": "c1"},
        {"email": "test@example.com", "cookie": "c2"},
        {"email": "eve@acme.com", "cookie": "c2"},
    ],
    "a CRM record of two people": [
        {"crm_id": "L1", "email": "ann@acme.com"},
        {"crm_id": "L1", "email": "eve@other.org"},
    ],
    "a default value": [
        {"email": "ann@acme.com", "user_id": "undefined"},
        {"email": "eve@acme.com", "user_id": "undefined"},
    ],
    "a switchboard of two with records": [
        {"crm_id": "A", "email": "ann@acme.com", "phone": "+4930123456"},
        {"crm_id": "B", "email": "eve@acme.com", "phone": "+4930123456"},
    ],
    "a switchboard of two without": [
        {"email": "ann@acme.com", "phone": "+4930123456"},
        {"email": "eve@acme.com", "phone": "+4930123456"},
    ],
    "extensions of a switchboard": [
        {"crm_id": "A", "email": "ann@acme.com", "phone": "+1 650 253 0000 x101"},
        {"crm_id": "B", "email": "eve@acme.com", "phone": "+1 650 253 0000 ext. 102"},
    ],
    "an address under two names": [
        {"crm_id": "A", "email": "desk-north@acme.com", "name": "Ann Lee"},
        {"crm_id": "B", "email": "desk-north@acme.com", "name": "Eve Lee"},
        {"crm_id": "A", "email": "ann@acme.com"},
        {"crm_id": "B", "email": "eve@acme.com"},
    ],
    "a phone of many": [
        {"email": f"{name}@acme.com", "phone": "+4930123456"} for name in ("ann", "eve", "x1", "x2")
    ],
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("backwards", [False, True])
def test_two_people_stay_two(tmp_path: Path, case: str, backwards: bool) -> None:
    plane = open_plane(tmp_path)
    signals = [told(i, **identifiers) for i, identifiers in enumerate(CASES[case])]
    plane.accept(signals[::-1] if backwards else signals, 1)
    other = "eve@other.org" if "other" in str(CASES[case]) else "eve@acme.com"
    assert lead_of(plane, "email", "ann@acme.com") != lead_of(plane, "email", other)


def test_a_shared_cookie_joins_nobody_from_then_on(tmp_path: Path) -> None:
    plane = open_plane(tmp_path)
    plane.accept([told(1, email="ann@acme.com", cookie="k"), told(2, cookie="k")])
    ann = lead_of(plane, "email", "ann@acme.com")
    assert plane.online()[ann][0][COUNT] == 2
    plane.accept([told(3, email="eve@other.org", cookie="k")])
    assert plane.online()[ann][0][COUNT] == 1
    kiosk = lead_of(plane, "cookie", "k")
    assert plane.online()[kiosk][0][COUNT] == 1
    (name,) = Directory(plane.engine).names(LeadRef(kiosk, ""))  # type: ignore[arg-type]
    assert name.rule == "two-people"


def test_an_old_id_keeps_resolving_through_merge_and_split(tmp_path: Path) -> None:
    plane, directory = open_plane(tmp_path), None
    plane.accept([told(1, email="ann@acme.com"), told(2, crm_id="L1")])
    old, crm = lead_of(plane, "email", "ann@acme.com"), lead_of(plane, "crm_id", "L1")
    plane.accept([told(3, email="ann@acme.com", crm_id="L1")])
    directory = Directory(plane.engine)
    assert directory.resolve(old).lead_id == crm
    (key,) = read_identifiers({"email": "ann@acme.com"}).keys
    separate(plane.signals, directory.resolve(crm), {key}, "not her", 1_800_000_000_000_000)
    plane.ingest.push()
    assert directory.resolve(old).lead_id == old
    assert plane.online()[old][0][COUNT] == 1
    assert plane.online()[crm][0][COUNT] == 2
    reasons = [row["reason"] for row in directory.story(directory.resolve(crm))]
    assert "not her" in reasons
