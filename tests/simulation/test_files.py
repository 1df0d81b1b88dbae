"""The files as an ingesting reader meets them: sound lines, order, counts, truth."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import phonenumbers
import pytest

from domain.identifiers import ACCOUNT_KIND, IdentifierKind
from domain.signals import Signal

END = datetime(2025, 1, 6, tzinfo=UTC) + timedelta(days=180)


def test_counts_are_what_a_reader_finds(files: Any) -> None:
    written = files.written
    good = [line for line, signal in zip(files.lines, files.judged, strict=True) if signal]
    assert len(files.lines) == written.received
    assert len(set(good)) == written.accepted
    assert len(good) - len(set(good)) == written.duplicates
    assert len(files.lines) - len(good) == written.quarantined
    assert written.received == written.accepted + written.duplicates + written.quarantined
    assert sum(written.faults.values()) == written.quarantined
    types = Counter(s.type for s in files.good)
    assert types == {name: n for name, n in written.types.items() if n}
    told = {name: value for name, value in files.counts.items() if name != "kind"}
    document = msgspec.to_builtins(written, enc_hook=str)
    assert told == {name: document[name] for name in told}
    assert len({(s.source, s.id) for s in files.good}) == written.accepted
    assert set(document) - set(told) == {"signals", "truth"}


def test_shares_are_as_told(steady: Any) -> None:
    written = steady.written
    assert written.duplicates / written.accepted == pytest.approx(0.01, abs=0.003)
    assert written.late / written.accepted == pytest.approx(0.03, abs=0.005)
    assert written.quarantined / written.accepted == pytest.approx(0.003, abs=0.0005)
    assert all(written.faults.values())


def test_signals_come_in_the_order_in_which_they_became_known(files: Any) -> None:
    known = [signal.known_us() for signal in files.good]
    assert known == sorted(known)
    times = [signal.time_us() for signal in files.good]
    assert times != sorted(times)


def test_recorded_never_before_it_happened(files: Any) -> None:
    recorded = [(s.recordedtime, s.time) for s in files.good]
    assert all(noted is None or noted >= time for noted, time in recorded)
    assert any(noted is None for noted, _ in recorded)


def test_identifiers_are_of_known_kinds_and_owned_by_one_person(files: Any) -> None:
    if files.owners:
        pytest.skip("the hard cases of identity are looked at in test_identity.py")
    owner: dict[tuple[str, str], str] = {}
    for person in files.people:
        for kind, values in person["identifiers"].items():
            for value in values:
                assert owner.setdefault((kind, value), person["person"]) == person["person"]
    kinds = {str(kind) for kind in IdentifierKind}
    seen = set()
    for signal in files.good:
        held = {(k, str(v)) for k, v in signal.identifiers.items() if k != ACCOUNT_KIND}
        assert {kind for kind, _ in held} <= kinds
        assert len({owner[pair] for pair in held}) == 1
        seen |= held
    assert seen == set(owner)


def test_phones_are_possible_e164_numbers(steady: Any) -> None:
    phones = [p for person in steady.people for p in person["identifiers"].get("phone", [])]
    assert phones
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(phone)) for phone in phones)


def test_journeys_make_sense(steady: Any) -> None:
    signals = steady.good
    by_crm: dict[str, dict[str, list[Signal]]] = {}
    for signal in signals:
        if "crm_id" in signal.identifiers:
            lead = by_crm.setdefault(str(signal.identifiers["crm_id"]), {})
            lead.setdefault(signal.type, []).append(signal)
    assert len(by_crm) == 150
    for lead in by_crm.values():
        (created,) = lead["crm.lead_created"]
        ends = lead.get("crm.deal_won", []) + lead.get("crm.deal_lost", [])
        assert len(ends) <= 1
        every = [s for some in lead.values() for s in some]
        assert min(s.time for s in every) == created.time
        assert not ends or max(s.time for s in every) == ends[0].time
    tied = [s for s in signals if {"cookie", "email"} <= s.identifiers.keys()]
    first_seen: dict[str, datetime] = {}
    for signal in sorted(signals, key=lambda s: s.time):
        first_seen.setdefault(str(signal.identifiers.get("cookie", "")), signal.time)
    before = [s for s in tied if first_seen[str(s.identifiers["cookie"])] < s.time]
    assert len(before) > len(tied) / 3
    anonymous = [p for p in steady.people if set(p["identifiers"]) <= {"cookie", "device"}]
    assert len(anonymous) >= 30


def test_cutoffs_are_the_known_and_undecided_leads_of_every_fortnight(steady: Any) -> None:
    created: dict[str, datetime] = {}
    decided: dict[str, datetime] = {}
    for signal in steady.good:
        crm = str(signal.identifiers.get("crm_id", ""))
        if signal.type == "crm.lead_created":
            created[crm] = signal.time
        if signal.type in {"crm.deal_won", "crm.deal_lost"}:
            decided[crm] = signal.time
    start = END - timedelta(days=180)
    expected = {
        (crm, start + timedelta(days=day))
        for day in range(14, 181, 14)
        for crm, at in created.items()
        if at < start + timedelta(days=day) <= decided.get(crm, END + timedelta(1))
    }
    told = {(c["crm_id"], datetime.fromisoformat(c["cutoff"])) for c in steady.cutoffs}
    assert told == expected
    assert len(steady.cutoffs) == len(told) == steady.written.cutoffs
    assert all(0 < c["probability"] < 1 and c["horizon_days"] == 30 for c in steady.cutoffs)
