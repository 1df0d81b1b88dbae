"""What comes in stays in, once, in whatever order it comes."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from domain.errors import Unavailable
from domain.signals import Counts, Signal, encode
from domain.state import COUNT
from signals.events import event_log
from signals.ingest.rebuild import rebuild
from signals.replay.replay import Replay
from signals.store import quarantine
from tests.doubles import RowsSink
from tests.signals.planes import (
    DEFINITION,
    Plane,
    assert_close,
    assert_same,
    keys_of,
    open_plane,
    reader_of,
)
from tests.signals.totals import read_totals

START = datetime(2025, 3, 1, tzinfo=UTC)
PEOPLE = ["ann@acme.com", "bob@acme.com", "eve@other.org", "kim@gmail.com"]
KINDS: dict[str, dict[str, object]] = {
    "web.page_viewed": {"page": "pricing"},
    "crm.lead_created": {"employees": 12, "country": "DE"},
    "crm.lead_updated": {"employees": 90, "country": "FR"},
    "product.feature_used": {"feature": "invite"},
    "crm.deal_won": {"amount": 5.0},
}


@st.composite
def streams(draw: st.DrawFn) -> list[Signal]:
    """Events of a few people whose cookies, CRM ids and addresses come together over time."""
    signals = []
    for i in range(draw(st.integers(1, 16))):
        kind = draw(st.sampled_from(sorted(KINDS)))
        person = draw(st.integers(0, 3))
        named = {
            "email": PEOPLE[person],
            "cookie": f"c{person}-{draw(st.integers(0, 1))}",
            "crm_id": f"L{person}",
            "account_id": f"A{person % 2}",
        }
        chosen = draw(st.sets(st.sampled_from(sorted(named)), min_size=1))
        if chosen == {"account_id"}:
            chosen = {"cookie"}
        happened = START + timedelta(minutes=draw(st.integers(0, 60 * 24 * 40)))
        late = draw(st.sampled_from([None, timedelta(hours=5)]))
        signals.append(
            Signal(
                id=str(i),
                source="test",
                type=kind,
                time=happened,
                data=dict(KINDS[kind]),
                recordedtime=happened + late if late else None,
                identifiers={k: named[k] for k in chosen},
            )
        )
    return signals


def plane_of(signals: list[Signal], batch: int) -> Plane:
    plane = open_plane(Path(tempfile.mkdtemp()))
    plane.accept(signals, batch)
    return plane


@pytest.mark.slow
@limits(max_examples=20)
@given(streams(), st.randoms(), st.integers(1, 7))
def test_order_duplicates_and_batching_change_nothing(
    signals: list[Signal], random: object, batch: int
) -> None:
    shuffled = signals + signals[: len(signals) // 2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert_same(plane_of(signals, 1000), plane_of(shuffled, batch))


@pytest.mark.slow
@limits(max_examples=20)
@given(streams())
def test_bulk_history_and_rebuild_are_the_stream(signals: list[Signal]) -> None:
    plane = plane_of(signals, 3)
    leads, accounts = RowsSink(), RowsSink()
    Replay(plane.signals, leads, accounts).run(plane.parts())
    online = plane.online()
    last = {k: v for k, v in leads.last().items() if k in online}
    assert last.keys() == online.keys()
    for lead, (us, state, texts) in last.items():
        np.testing.assert_allclose(state, online[lead][0], rtol=1e-9, atol=1e-9)
        assert (texts, us) == online[lead][1:]
    ends = {k: v for k, (_, v, _) in accounts.last().items()}
    assert_close(plane.online_accounts(), {k: v for k, v in ends.items() if v[COUNT]})
    before = plane.partition()
    rebuild(plane.signals, lambda _: None)
    plane.writer.leads.clear()
    plane.ingest.push()
    assert plane.partition() == before
    again = plane.online()
    for lead, (state, texts, us) in online.items():
        np.testing.assert_allclose(state, again[lead][0], rtol=1e-9, atol=1e-9)
        assert (texts, us) == again[lead][1:]


@pytest.mark.slow
@limits(max_examples=25)
@given(streams())
def test_leads_are_the_connected_components(signals: list[Signal]) -> None:
    sets = keys_of(signals)
    names = sorted({k for keys in sets for k in keys})
    at = {k: i for i, k in enumerate(names)}
    pairs = [(at[keys[0]], at[k]) for keys in sets for k in keys]
    graph = coo_array(
        (np.ones(len(pairs)), tuple(np.array(pairs).T)), shape=(len(names), len(names))
    )
    _, labels = connected_components(graph, directed=False)
    found = plane_of(signals, 4).partition()
    expected: dict[int, set[str]] = {}
    mine: dict[str, set[str]] = {}
    for name in names:
        expected.setdefault(int(labels[at[name]]), set()).add(name)
        mine.setdefault(found[name], set()).add(name)
    assert sorted(map(sorted, expected.values())) == sorted(map(sorted, mine.values()))


def signal(**changes: object) -> Signal:
    base = {
        "id": "1",
        "source": "web",
        "type": "web.page_viewed",
        "time": START,
        "identifiers": {"email": PEOPLE[0]},
        "data": {"page": "pricing"},
    }
    return Signal(**{**base, **changes})  # type: ignore[arg-type]


BAD = {
    "not-json": b'{"id": "1", ',
    "envelope": b'{"id": "1", "source": "web", "type": "web.page_viewed"}',
    "unknown-type": encode(signal(type="web.no_such_thing")),
    "newer-version": encode(signal(dataversion=2)),
    "data-contract": encode(signal(data={"page": 7})),
    "no-identifier": encode(signal(identifiers={})),
    "identifier-kind": encode(signal(identifiers={"shoe_size": "43"})),
    "identifier-email": encode(signal(identifiers={"email": "secret.person-at-nowhere"})),
    "identifier-phone": encode(signal(identifiers={"phone": "secret 12"})),
    "identifier-phone-region": encode(signal(identifiers={"phone": "(850) 644-4200"})),
    "identifier-type": encode(signal(identifiers={"crm_id": 42})),
    "identifier-empty": encode(signal(identifiers={"crm_id": None, "email": ""})),
    "too-many-identifiers": encode(signal(identifiers={"cookie": [f"c{i}" for i in range(99)]})),
    "impossible-time": encode(signal(time=datetime(2999, 1, 1, tzinfo=UTC))),
}


@pytest.mark.parametrize("rule", BAD)
def test_what_cannot_be_accepted_is_quarantined_whole(tmp_path: Path, rule: str) -> None:
    plane = open_plane(tmp_path)
    counts = plane.ingest.accept([BAD[rule], encode(signal(id="good"))], "file.jsonl", 7)
    assert counts == Counts(received=2, accepted=1, duplicates=0, quarantined=1)
    (held,) = quarantine.listed(plane.engine)
    assert (held.rule, held.origin, held.line) == (rule, "file.jsonl", 7)
    assert quarantine.body_of(plane.engine, held.id) == BAD[rule]
    assert "secret" not in held.detail
    assert PEOPLE[0] not in held.detail


def test_twice_the_same_changes_nothing(tmp_path: Path) -> None:
    plane = open_plane(tmp_path)
    documents = [*BAD.values(), encode(signal(id="good"))]
    first = plane.ingest.accept(documents, "file")
    before = plane.online()
    second = plane.ingest.accept(documents, "file")
    assert second == Counts(received=len(documents), duplicates=len(documents))
    assert plane.online().keys() == before.keys()
    assert event_log.stored_counts(plane.engine) == (first.accepted, first.quarantined)
    total = read_totals(plane.engine)
    assert total.received == total.accepted + total.duplicates + total.quarantined


def test_a_push_that_fails_is_made_up_for(tmp_path: Path) -> None:
    plane = open_plane(tmp_path)
    plane.writer.broken = True
    with pytest.raises(Unavailable):
        plane.ingest.accept([encode(signal())], "file")
    plane.writer.broken = False
    plane.ingest.push()
    assert len(plane.online()) == 1
    assert event_log.stored_counts(plane.engine) == (1, 0)


def test_quarantine_is_replayed_once_the_contract_is_there(tmp_path: Path) -> None:
    from signals.contracts.contract import Contract
    from signals.contracts.registry import standard_contracts

    plane = open_plane(tmp_path)
    plane.ingest.accept([BAD["unknown-type"], BAD["not-json"]], "file")
    added = Contract(name="web.no_such_thing", channel="web")
    plane.ingest.preparer.reader = reader_of([*standard_contracts().values(), added])
    counts = plane.ingest.replay_quarantine()
    assert (counts.accepted, counts.quarantined) == (1, 1)
    assert quarantine.by_rule(plane.engine) == {"not-json": 1}
    total = read_totals(plane.engine)
    assert (total.received, total.accepted, total.quarantined) == (2, 1, 1)


def test_the_definition_is_the_standard_one() -> None:
    assert DEFINITION.label == "standard_v1"
