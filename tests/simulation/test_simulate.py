"""The simulation as a whole: determinism, arguments, scenarios, the hard cases of identity."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from domain.errors import BadInput
from domain.signals import decode
from simulation.scenarios import SCENARIOS, Scenario, scenario
from simulation.simulator import simulate
from simulation.writer import WrittenCounts, write

STEADY = SCENARIOS["steady"]


def small(out: Path, which: Scenario = STEADY, seed: int = 1, leads: int = 40) -> WrittenCounts:
    return write(simulate(leads, seed, which, days=90), out)


def owners(written: WrittenCounts, kind: str) -> Counter[str]:
    documents = [msgspec.json.decode(line) for line in written.truth.read_bytes().splitlines()]
    people = [d["identifiers"] for d in documents if d["kind"] == "person"]
    return Counter(value for person in people for value in person.get(kind, []))


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_the_same_arguments_write_the_same_bytes(name: str, tmp_path: Path) -> None:
    one = small(tmp_path / "a" / "x.jsonl", scenario(name))
    two = small(tmp_path / "b" / "y.jsonl", scenario(name))
    assert one.signals.read_bytes() == two.signals.read_bytes()
    assert one.truth.read_bytes() == two.truth.read_bytes()
    assert one.truth == tmp_path / "a" / "x.truth.jsonl"


def test_other_arguments_write_other_ids(tmp_path: Path) -> None:
    one = small(tmp_path / "one.jsonl", seed=1)
    two = small(tmp_path / "two.jsonl", seed=2)
    ids = [
        {line.split(b",", 1)[0] for line in w.signals.read_bytes().splitlines() if b'"id"' in line}
        for w in (one, two)
    ]
    assert not ids[0] & ids[1]


def test_an_unknown_scenario_names_the_known() -> None:
    with pytest.raises(BadInput, match="steady, drift, broken-feed") as raised:
        scenario("calm")
    assert raised.value.rule == "scenario-known"


@pytest.mark.parametrize(
    ("leads", "seed", "days", "every", "start"),
    [
        (0, 1, 90, 14, datetime(2025, 1, 6, tzinfo=UTC)),
        (5, -1, 90, 14, datetime(2025, 1, 6, tzinfo=UTC)),
        (5, 1, 27, 14, datetime(2025, 1, 6, tzinfo=UTC)),
        (5, 1, 90, 0, datetime(2025, 1, 6, tzinfo=UTC)),
        (5, 1, 90, 91, datetime(2025, 1, 6, tzinfo=UTC)),
        (5, 1, 90, 14, datetime(2025, 1, 6, 5, tzinfo=UTC)),
        (5, 1, 90, 14, datetime(2025, 1, 6)),  # noqa: DTZ001
    ],
)
def test_bad_arguments_are_refused(
    leads: int, seed: int, days: int, every: int, start: datetime
) -> None:
    with pytest.raises(BadInput):
        simulate(leads, seed, STEADY, days=days, start=start, every_days=every)


@pytest.mark.parametrize("leads", [1, 2, 3])
def test_the_smallest_worlds_can_be_written(leads: int, tmp_path: Path) -> None:
    written = small(tmp_path / "tiny.jsonl", leads=leads)
    assert written.types["crm.lead_created"] == leads


def test_a_broken_feed_goes_nearly_silent_after_two_thirds(tmp_path: Path) -> None:
    written = small(tmp_path / "broken.jsonl", SCENARIOS["broken-feed"], leads=200)
    shift = datetime(2025, 3, 7, tzinfo=UTC)
    sides = {False: 0, True: 0}
    for line in written.signals.read_bytes().splitlines():
        try:
            signal = decode(line)
        except msgspec.DecodeError:
            continue
        if signal.source == "product":
            sides[signal.time >= shift] += 1
    calm = small(tmp_path / "calm.jsonl", leads=200)
    assert sides[True] < 0.3 * sides[False]
    assert written.faults["no_zone"] > 10 * calm.faults["no_zone"]


def test_drift_lowers_the_chances_after_two_thirds_alone() -> None:
    steady, drift = (simulate(800, 4, SCENARIOS[n], days=180).truth for n in ("steady", "drift"))
    early = [t.probability[t.day < 90].mean() for t in (steady, drift)]
    late = [t.probability[t.day >= 120].mean() for t in (steady, drift)]
    assert early[0] == early[1]
    assert late[1] < 0.8 * late[0]


def test_hard_cases_of_identity_come_only_when_asked(tmp_path: Path) -> None:
    plain = small(tmp_path / "plain.jsonl", leads=200)
    hard = replace(STEADY, kiosks=2, shared_mailboxes=2)
    mixed = small(tmp_path / "mixed.jsonl", hard, leads=200)
    assert max(owners(plain, "cookie").values()) == max(owners(plain, "email").values()) == 1
    shared = {value: n for value, n in owners(mixed, "cookie").items() if n > 1}
    boxes = {value: n for value, n in owners(mixed, "email").items() if n > 1}
    assert shared.keys() == {"kiosk-0000", "kiosk-0001"}
    assert len(boxes) == 2
    assert all(value.startswith("info@") for value in boxes)
