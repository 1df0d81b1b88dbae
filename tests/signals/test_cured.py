"""What was quarantined and has come in since is in quarantine no more, whatever came first."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.findings import QualityFinding
from domain.signals import Counts, encode
from signals.events import event_log
from signals.mapping.mapping import Mapping, load_mapping
from signals.quality.tables import stored_findings
from signals.store import quarantine
from signals.store.quarantine import Rejected
from tests.signals.planes import Plane, open_plane
from tests.signals.test_ingest import BAD, signal
from tests.signals.totals import read_totals

TABLE = """
name: people
source: people
tables:
  - identifiers: {{crm_id: Id, email: Email{phone}}}
    id: {key}
    refuse: {refuse}
    time: Created
    time_zone: UTC
    events:
      - {{name: made, type: own.made, channel: crm}}
      - {{name: seen, type: own.seen, channel: crm, time: Seen}}
"""
ROWS = """Id,Created,Seen,Email,Phone,Size
L1,2024-05-01T10:00:00Z,2024-05-02T10:00:00Z,ann@acme.com,12,1x
L2,2024-05-01T10:00:00Z,2024-05-02T10:00:00Z,bob@acme.com,,7
L2,2024-05-01T10:00:00Z,2024-05-02T10:00:00Z,bob@acme.com,,7
L3,2024-05-01T10:00:00Z,2024-05-02T10:00:00Z,eve@other.org,12,7
L4,2024-05-01T10:00:00Z,2024-05-02T10:00:00Z,kim@other.org,,2x
"""
ODD = "[{rule: odd-size, when: [{column: Size, in: [1x, 2x]}]}]"
BROKEN = {
    "refuse": {"phone": "", "refuse": ODD},  # the mapping rejects the row
    "phone": {"phone": ", phone: Phone", "refuse": "[]"},  # one of the row's events is refused
    "both": {"phone": ", phone: Phone", "refuse": ODD},
}
MENDED = {"phone": "", "refuse": "[]"}


def mapping_of(folder: Path, form: dict[str, str], key: str) -> Mapping:
    path = folder / "m.yaml"
    path.write_text(TABLE.format(**form, key=key))
    return load_mapping(path)


def ingest(plane: Plane, mapping: Mapping, path: Path, origin: str = "people.csv") -> Counts:
    rows = list(mapping.documents(path))
    prepared = plane.ingest.preparer.prepare([(r.line, r.document) for r in rows if not r.rule], "")
    rejected = [
        Rejected(
            rule=r.rule,
            detail=r.detail,
            origin=origin,
            line=r.line,
            body=r.document,
            keys=r.keys,
            row_keys=r.row_keys,
            source="people",
        )
        for r in rows
        if r.rule
    ]
    part = prepared._replace(refused=[*prepared.refused, *rejected])
    (counts,) = plane.ingest.commit_parts([part])
    plane.ingest.push()
    return counts


def assert_nothing_lost(plane: Plane) -> None:
    totals, logged, kept = event_log.verify(plane.engine)
    assert (totals.accepted, totals.quarantined) == (logged, kept)
    assert totals.received == logged + totals.duplicates + kept


STEPS = st.lists(st.sampled_from([*BROKEN, "mended", "replay"]), max_size=6)


@pytest.mark.slow
@pytest.mark.parametrize("key", ["[]", "[Id]"])
@limits(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_a_row_leaves_once_a_mended_mapping_takes_it_in(key: str, steps: list[str]) -> None:
    folder = Path(tempfile.mkdtemp())
    path = folder / "people.csv"
    path.write_text(ROWS)
    plane = plane_for(folder, key)
    for step in [*steps, "mended", *steps]:
        if step == "replay":
            plane.ingest.replay_quarantine()
        else:
            ingest(plane, mapping_of(folder, BROKEN.get(step, MENDED), key), path)
        assert_nothing_lost(plane)
    assert quarantine.by_rule(plane.engine) == {}
    # two events a row; without a key, the row that stands twice happened twice
    assert event_log.stored_counts(plane.engine) == (2 * (5 if key == "[]" else 4), 0)


def plane_for(folder: Path, key: str) -> Plane:
    """A plane that knows the contracts of the mapping."""
    from signals.contracts.registry import standard_contracts
    from tests.signals.planes import reader_of

    plane = open_plane(folder)
    own = mapping_of(folder, BROKEN["refuse"], key).contracts()
    plane.ingest.preparer.reader = reader_of([*standard_contracts().values(), *own])
    return plane


def test_counts_and_findings_say_what_was_cured(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(ROWS)
    plane = plane_for(tmp_path, "[]")
    first = ingest(plane, mapping_of(tmp_path, BROKEN["refuse"], "[]"), path)
    assert (first.quarantined, first.cured) == (2, 0)
    with plane.engine.connect() as connection:
        assert stored_findings(connection) == {QualityFinding("contract", "odd-size", "people/"): 2}
    second = ingest(plane, mapping_of(tmp_path, MENDED, "[]"), path)
    assert (second.accepted, second.cured, second.quarantined) == (4, 2, 0)
    totals = read_totals(plane.engine)
    assert (totals.cured, totals.quarantined) == (2, 0)
    assert read_totals(plane.engine).received == first.received + second.received - 2


def test_the_same_row_of_another_source_cures_nothing(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(ROWS)
    plane = plane_for(tmp_path, "[]")
    ingest(plane, mapping_of(tmp_path, BROKEN["refuse"], "[]"), path)
    other = tmp_path / "other.yaml"
    other.write_text((tmp_path / "m.yaml").read_text().replace("source: people", "source: others"))
    ingest(plane, load_mapping(other), path, "others.csv")
    assert quarantine.by_rule(plane.engine) == {"odd-size": 4}


def test_another_row_at_the_same_line_cures_nothing(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(ROWS)
    plane = plane_for(tmp_path, "[]")
    ingest(plane, mapping_of(tmp_path, BROKEN["refuse"], "[]"), path)
    path.write_text(ROWS.replace("L1", "L8").replace("L4", "L9"))
    ingest(plane, mapping_of(tmp_path, MENDED, "[]"), path)
    assert quarantine.by_rule(plane.engine) == {"odd-size": 2}
    assert_nothing_lost(plane)


NAMED = sorted(rule for rule in BAD if rule != "not-json")


@pytest.mark.slow
@limits(max_examples=40, deadline=None)
@given(
    bad=st.lists(st.sampled_from(NAMED), min_size=1, max_size=4),
    at=st.integers(0, 4),
    sizes=st.integers(1, 5),
    replays=st.sets(st.integers(0, 5)),
)
def test_an_event_cures_what_told_of_it_wrongly(
    bad: Sequence[str], at: int, sizes: int, replays: set[int]
) -> None:
    """Whether the mended event comes before, between or after, alone or in one batch with them."""
    plane = open_plane(Path(tempfile.mkdtemp()))
    documents = [BAD[rule] for rule in bad]
    documents.insert(min(at, len(documents)), encode(signal()))
    for n, first in enumerate(range(0, len(documents), sizes)):
        if n in replays:
            plane.ingest.replay_quarantine()
        plane.ingest.accept(documents[first : first + sizes], f"file {n}")
        assert_nothing_lost(plane)
    assert quarantine.by_rule(plane.engine) == {}
    assert event_log.stored_counts(plane.engine) == (1, 0)


def test_a_document_without_source_and_id_is_cured_by_nothing(tmp_path: Path) -> None:
    plane = open_plane(tmp_path)
    plane.ingest.accept([BAD["not-json"], b'{"id": "1"}', encode(signal())], "file")
    assert sum(quarantine.by_rule(plane.engine).values()) == 2


def test_two_documents_of_one_line_are_told_apart(tmp_path: Path) -> None:
    """One of a row's two events is refused: the other is the one that may be committed."""
    plane = open_plane(tmp_path)
    good = encode(signal(id="good"))
    prepared = plane.ingest.preparer.prepare([(7, BAD["data-contract"]), (7, good)], "f")
    assert prepared.places == [1]


def test_a_row_with_the_columns_of_a_signal_stays_a_row(tmp_path: Path) -> None:
    """A replay takes it neither for a document nor for one that its columns name."""
    path = tmp_path / "people.csv"
    columns = "Id,Created,Seen,Email,Phone,Size,id,source,type,time"
    row = "L1,2024-05-01T10:00:00Z,2024-05-02T10:00:00Z,ann@acme.com,,1x,s,t,own.made"
    path.write_text(f"{columns}\n{row},2024-05-01T10:00:00Z\n")
    plane = plane_for(tmp_path, "[]")
    ingest(plane, mapping_of(tmp_path, BROKEN["refuse"], "[]"), path)
    plane.ingest.accept([encode(signal(id="s", source="t"))], "file")
    assert plane.ingest.replay_quarantine().quarantined == 1
    assert quarantine.by_rule(plane.engine) == {"odd-size": 1}
    assert quarantine.files_of_rows(plane.engine) == {"people.csv": 1}
    assert event_log.stored_counts(plane.engine) == (1, 1)
    assert ingest(plane, mapping_of(tmp_path, MENDED, "[]"), path).cured == 1
