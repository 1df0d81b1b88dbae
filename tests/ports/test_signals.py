"""The contract of `Ingest` and `LeadDirectory`: the signal plane on SQLite and PostgreSQL."""

from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from config.settings import Settings
from domain.clock import parse_iso, to_us
from domain.errors import BadInput, Missing, Unavailable, UnknownLead
from domain.ports import LeadDirectory
from feature_repo.standard import standard_service
from signals.ingest.ingest import Ingest
from wiring.signals import SignalPlane, adopt, open_signals

T0 = "2026-01-01T00:00:00Z"


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
    made = Settings(home=tmp_path, signals_url=url)
    adopt(made, standard_service())
    return made


@pytest.fixture
def plane(settings: Settings) -> SignalPlane:
    return open_signals(settings)


def event(number: int, day: int = 1, **identifiers: str) -> bytes:
    return msgspec.json.encode(
        {
            "id": f"e{number}",
            "source": "test",
            "type": "web.page_viewed",
            "time": f"2026-01-{day:02d}T00:00:00Z",
            "identifiers": identifiers,
            "data": {"page": "/"},
        }
    )


def tally(sink: Ingest, documents: Sequence[bytes]) -> tuple[int, int, int, int]:
    c = sink.receive(documents, "test")
    return c.received, c.accepted, c.duplicates, c.quarantined


def test_everything_is_counted_once(plane: SignalPlane) -> None:
    sink = plane.ingest
    documents = [event(n, user_id="ann") for n in range(5)]
    bad = [b"not JSON", b'{"id": "x"}', b"\xff\xfe", event(9, mood="bad")]
    assert tally(sink, [*documents, documents[0], *bad]) == (10, 5, 1, 4)
    assert tally(sink, documents) == (5, 0, 5, 0)
    assert tally(sink, []) == (0, 0, 0, 0)


def test_a_lead_is_found_by_any_of_its_identifiers(plane: SignalPlane) -> None:
    directory: LeadDirectory = plane.directory
    plane.ingest.accept([event(1, email="ann@acme-widgets.com", cookie="c1")], "test")
    lead = directory.find({"email": "Ann@Acme-Widgets.com"})
    assert lead.account_id
    assert directory.find({"cookie": "c1"}) == lead
    assert directory.find({"cookie": "c1", "email": "ann@acme-widgets.com"}) == lead
    assert directory.resolve(lead.lead_id) == lead
    for unknown in ({"email": "bob@acme-widgets.com"}, {"cookie": "c2"}):
        with pytest.raises(UnknownLead):
            directory.find(unknown)
    with pytest.raises(UnknownLead):
        directory.resolve("lead_none")
    with pytest.raises(BadInput):
        directory.find({"mood": "good"})


def test_an_id_of_before_a_merge_keeps_resolving(plane: SignalPlane) -> None:
    plane.ingest.accept([event(1, cookie="c1"), event(2, email="ann@acme-widgets.com")], "test")
    before = plane.directory.find({"cookie": "c1"})
    known = plane.directory.find({"email": "ann@acme-widgets.com"})
    assert before != known
    plane.ingest.accept([event(3, cookie="c1", email="ann@acme-widgets.com")], "test")
    assert plane.directory.resolve(before.lead_id) == plane.directory.resolve(known.lead_id)


def test_the_watermark_is_the_newest_known_moment(plane: SignalPlane) -> None:
    directory: LeadDirectory = plane.directory
    assert directory.watermark_us() == 0
    plane.ingest.accept([event(1, 5, user_id="a"), event(2, 3, user_id="a")], "test")
    assert directory.watermark_us() == to_us(parse_iso("2026-01-05"))


def test_another_process_sees_it(plane: SignalPlane, settings: Settings) -> None:
    plane.ingest.accept([event(1, user_id="ann")], "test")
    other = open_signals(settings)
    assert other.directory.find({"user_id": "ann"}) == plane.directory.find({"user_id": "ann"})
    assert tally(other.ingest, [event(1, user_id="ann")]) == (1, 0, 1, 0)


def test_several_writers_at_once_end_as_one_would(
    plane: SignalPlane, settings: Settings, tmp_path: Path
) -> None:
    """Four writers, each with every event, cut differently: everything is in once."""
    count = 120
    documents = [
        event(n, 1 + n % 20, user_id=f"u{n % 7}", cookie=f"c{n % 11}") for n in range(count)
    ]
    accepted: list[int] = []

    def write(own: SignalPlane, size: int) -> None:
        for at in range(0, count, size):
            part = list(enumerate(documents[at : at + size]))
            accepted.append(own.ingest.commit(part, "test").accepted)

    writers = [
        Thread(target=write, args=(open_signals(settings), size)) for size in (7, 13, 30, 60)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    plane.ingest.push()
    assert sum(accepted) == count
    undisturbed = Settings(home=tmp_path / "undisturbed")
    adopt(undisturbed, standard_service())
    calm = open_signals(undisturbed)
    calm.ingest.commit(list(enumerate(documents)), "test")
    for n in range(7):
        known = {"user_id": f"u{n}"}
        assert plane.directory.find(known) == calm.directory.find(known)


def test_a_database_that_is_away_is_unavailable(tmp_path: Path) -> None:
    away = Settings(home=tmp_path, signals_url="postgresql://nobody:secret@127.0.0.1:1/none")
    adopt(away, standard_service())
    with pytest.raises(Unavailable) as raised:
        open_signals(away)
    assert "secret" not in f"{raised.value}{raised.value.todo}"
    assert "secret" not in repr(away)


def test_an_empty_home_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        open_signals(Settings(home=tmp_path))
