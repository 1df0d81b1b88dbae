"""Everything that a home holds of signals, to be compared with another home."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import select

from config.settings import Settings
from domain.identifiers import AccountId, LeadId, lead_id
from domain.ports import LeadRef
from domain.signals import Counts
from domain.state import COUNT, Vector
from signals.events import event_log as log
from signals.store.tables import accounts, identifiers, leads, outbox, quarantine
from tests.signals.totals import read_totals
from wiring.features import open_features
from wiring.signals import open_signals

Row = tuple[Any, ...]
PRECISION = 1e-9


@dataclass(frozen=True)
class Snapshot:
    """What a home holds. `log` is in the log's order, its bodies without ends of lines; `online`
    is what scoring reads: state, account, texts and the moment that they are as of.
    """

    totals: Counts
    log: Sequence[Row]
    quarantined: Counter[tuple[str, bytes]]
    partition: dict[str, tuple[str, str]]
    leads: dict[str, tuple[Vector, Row]]
    accounts: dict[str, Vector]
    online: dict[str, tuple[Vector, Vector, Row]]
    waiting: int


def snapshot(settings: Settings) -> Snapshot:
    """What a home holds now."""
    plane = open_signals(settings)
    with plane.engine.connect() as connection:
        held = {name: list(connection.execute(select(table))) for name, table in _TABLES.items()}
        states, keys = plane.writer.states, [r.account for r in held["accounts"]]
        people = {r.lead_id: r for r in states.load(connection, [r.lead_id for r in held["leads"]])}
        organisations = states.accounts(connection, keys)
    refs = [
        LeadRef(LeadId(one), AccountId(people[one].account[1:] if one in people else ""))
        for one in sorted({lead_id(r.key) for r in held["identifiers"]} | people.keys())
    ]
    read = open_features(settings, plane.definition).read(refs)
    logged = [a for part in log.read(plane.engine) for a in part]
    made = Snapshot(
        totals=read_totals(plane.engine),
        log=[(a.key, a.known_us, a.known.keys, a.known.account, a.body.strip()) for a in logged],
        quarantined=Counter((r.rule, bytes(r.body).strip()) for r in held["quarantine"]),
        partition={r.key: (r.lead_id, r.rule) for r in held["identifiers"]},
        leads={r.lead_id: (r.state, (r.account, r.known_us, *r.texts)) for r in people.values()},
        accounts=organisations,
        online={
            ref.lead_id: (read.leads[i], read.accounts[i], (*read.texts[i], read.known_us[i]))
            for i, ref in enumerate(refs)
        },
        waiting=len(held["outbox"]),
    )
    plane.engine.dispose()
    return made


_TABLES = {
    "identifiers": identifiers,
    "leads": leads,
    "accounts": accounts,
    "quarantine": quarantine,
    "outbox": outbox,
}


def assert_whole(held: Snapshot) -> None:
    """The counts add up and agree with what is kept; nothing waits; stored states are online."""
    t = held.totals
    assert t.received == t.accepted + t.duplicates + t.quarantined
    assert (t.accepted, t.quarantined) == (len(held.log), held.quarantined.total())
    assert len({key for key, *_ in held.log}) == len(held.log)
    assert held.waiting == 0
    assert sum(state[COUNT] for state, _ in held.leads.values()) == len(held.log)
    for lead, (state, _, _) in held.online.items():
        stored = held.leads[lead][0] if lead in held.leads else np.zeros_like(state)
        np.testing.assert_array_equal(state, stored)


def assert_same(one: Snapshot, other: Snapshot) -> None:
    """The same log but for its order, leads, states and online features."""
    differing = set(one.log) ^ set(other.log)
    assert not differing, f"{len(differing)} entries, such as {min(differing)}"
    assert len(one.log) == len(other.log)
    assert one.quarantined - other.quarantined == other.quarantined - one.quarantined == Counter()
    assert one.partition == other.partition
    _assert_close(_part(one.leads, 0), _part(other.leads, 0))
    assert {k: v[1] for k, v in one.leads.items()} == {k: v[1] for k, v in other.leads.items()}
    _assert_close(_alive(one.accounts), _alive(other.accounts))
    for part in (0, 1):
        _assert_close(_part(one.online, part), _part(other.online, part))
    assert {k: _known(v[2]) for k, v in one.online.items()} == {
        k: _known(v[2]) for k, v in other.online.items()
    }


def _part(held: Mapping[str, Sequence[Any]], part: int) -> dict[str, Vector]:
    return {key: parts[part] for key, parts in held.items()}


def _alive(held: dict[str, Vector]) -> dict[str, Vector]:
    """Accounts that have people; one that everybody left is zeros, as if it never was."""
    return {key: state for key, state in held.items() if state[COUNT]}


def _known(row: Row) -> Row:
    """Texts and the second of `known_us`: Feast's SQLite store keeps whole seconds."""
    return (*row[:-1], row[-1] // 1_000_000)


def _assert_close(one: dict[str, Vector], other: dict[str, Vector]) -> None:
    assert one.keys() == other.keys()
    for key, state in one.items():
        np.testing.assert_allclose(state, other[key], rtol=PRECISION, atol=PRECISION)
