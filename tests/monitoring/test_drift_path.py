"""Drift from the events up: a fault planted in simulated signals, ingested, scored, reported."""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest

from config.settings import Settings
from domain.clock import iso, parse_iso, to_us
from monitoring.causes.cause import CauseKind
from monitoring.reports.summary import Summary
from simulation.simulator import START
from simulation.world import INDUSTRIES, LEAD_SOURCES
from tests.conftest import DAYS, Trained

Event = dict[str, Any]
NORMAL = NormalDist()
END = START + timedelta(days=DAYS)
WEEK = timedelta(days=7)


def events_of(signals: Path) -> Iterator[Event]:
    """The sound signals of a file."""
    for line in signals.read_bytes().splitlines():
        try:
            event = json.loads(line)
            event["time"] = parse_iso(event["time"])
        except (ValueError, KeyError, TypeError):
            continue
        yield event


def week(events: Iterable[Event], weeks: int) -> Iterator[Event]:
    """The last whole week of a history once more, so many weeks later."""
    for event in events:
        if END - WEEK <= event["time"] < END:
            yield at(event, event["time"] + weeks * WEEK, f"week-{weeks}")


def at(event: Event, time: Any, mark: str) -> Event:
    moment = iso(to_us(time))
    return event | {"id": f"{event['id']}-{mark}", "time": moment, "recordedtime": moment}


def updated(
    events: Iterable[Event], change: Callable[[int, Event], Event], days: int = 13
) -> Iterator[Event]:
    """A record of each lead anew, changed, so many days after the history's end."""
    created = (event for event in events if event["type"] == "crm.lead_created")
    for number, event in enumerate(created):
        held = {name: value for name, value in event["data"].items() if name in FIELDS}
        fresh = at(event, END + timedelta(days=days, minutes=number), "updated")
        yield fresh | {"type": "crm.lead_updated", "data": held | change(number, held)}


FIELDS = ("country", "industry", "employees", "seniority")


def ingested(settings: Settings, events: Iterable[Event], file: Path) -> None:
    from jobs.signals.ingest_files import ingest_files

    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    ingest_files(settings, [str(file)], None, lambda _: None)


def looked_at(settings: Settings, folder: Path) -> Summary:
    """All leads scored, and the report."""
    from jobs.models.monitor import write_report

    scored(settings, folder)
    return write_report(settings, folder)


def scored(settings: Settings, folder: Path) -> None:
    from jobs.decisions.batch_scoring import score_all
    from wiring.scoring import open_scoring

    folder.mkdir(exist_ok=True)
    score_all(open_scoring(settings), folder / "answers.parquet", lambda _: None)


@pytest.mark.slow
def test_faults_of_sources_are_named(own_home: Settings, trained: Trained, tmp_path: Path) -> None:
    held = list(events_of(trained.signals))

    def arrives(event: Event) -> bool:
        kind = event["type"]
        return kind != "product.feature_used" and (
            kind != "web.page_viewed" or hash_of(event) % 2 == 0
        )

    def changed(number: int, data: Event) -> Event:
        wrong: Event = {"employees": data.get("employees", 50) * 1000, "country": "US"}
        return wrong | ({"industry": "aerospace"} if number % 3 else {})

    came = [event for weeks in (1, 2) for event in week(held, weeks) if arrives(event)]
    ingested(own_home, [*came, *updated(held, changed), *fresh_leads(200)], tmp_path / "next.jsonl")
    summary = looked_at(own_home, tmp_path / "report")
    found = {(cause.kind, cause.about) for cause in summary.causes if cause.actionable}
    assert found >= {  # the new records are as wrong as the changed ones
        (CauseKind.SILENT_FEED, "product.feature_used"),
        (CauseKind.HALF_SILENT_FEED, "web.page_viewed"),
        (CauseKind.UNIT_CHANGE, "employees"),
        (CauseKind.CONSTANT, "country"),
        (CauseKind.NULL_BURST, "seniority"),
        (CauseKind.NEW_CATEGORY, "industry"),
    }
    assert all(c.action == "none" for c in summary.causes if c.kind == CauseKind.POPULATION_SHIFT)
    factor = next(c.value for c in summary.causes if c.kind == CauseKind.UNIT_CHANGE)
    assert 500 < factor < 2_000


def hash_of(event: Event) -> int:
    return sum(event["id"].encode())


def fresh_leads(count: int) -> Iterator[Event]:
    """New leads whose records lack the seniority; sizes are a thousand times too large."""
    for number in range(count):
        luck = ((number * 79) % count + 0.5) / count
        moment = iso(to_us(END + timedelta(days=1 + number % 12, minutes=number)))
        yield {
            "id": f"fresh-{number}",
            "source": "crm",
            "type": "crm.lead_created",
            "time": moment,
            "recordedtime": moment,
            "identifiers": {
                "crm_id": f"L-9{number:06d}",
                "account_id": f"A-9{number:05d}",
                "email": f"p{number}@fresh-{number}.com",
            },
            "data": {
                "country": "US",
                "industry": INDUSTRIES[number % len(INDUSTRIES)],
                "employees": 1000 * max(1, round(60 * math.exp(1.6 * NORMAL.inv_cdf(luck)))),
                "lead_source": LEAD_SOURCES[number % len(LEAD_SOURCES)],
                "consent": "granted",
            },
        }


def busy(events: Iterable[Event]) -> Iterator[Event]:
    """Every lead looks at prices, day after day, for the four days before the twentieth."""
    created = [event for event in events if event["type"] == "crm.lead_created"]
    for number, event in enumerate(created):
        for visit in range(16):
            time = END + timedelta(days=16 + visit / 4, minutes=number)
            page = {"type": "web.page_viewed", "source": "web", "data": {"page": "pricing"}}
            yield at(event, time, f"busy-{visit}") | page


@pytest.mark.slow
def test_a_steady_week_is_calm_and_a_shift_is_named(
    own_home: Settings, trained: Trained, tmp_path: Path
) -> None:
    held = list(events_of(trained.signals))
    ingested(own_home, [*week(held, 1), *week(held, 2)], tmp_path / "next.jsonl")
    summary = looked_at(own_home, tmp_path / "calm")
    assert [(c.kind, c.text) for c in summary.causes if c.actionable] == []
    assert not summary.drift

    leaders = updated(
        held, lambda number, _: {"seniority": "executive"} if number % 9 else {}, days=20
    )  # another day: of one day, a lead's first decision counts
    third = week(held, 3)
    ingested(own_home, [*third, *busy(held), *leaders], tmp_path / "shift.jsonl")
    summary = looked_at(own_home, tmp_path / "shifted")
    shifted = [c for c in summary.causes if c.kind == CauseKind.POPULATION_SHIFT]
    assert [c.action for c in shifted] == ["retrain"], [(c.kind, c.text) for c in summary.causes]
    assert summary.drift


@pytest.mark.slow
def test_leads_that_convert_otherwise_than_told_are_concept_drift(
    own_home: Settings, trained: Trained, tmp_path: Path
) -> None:
    held = list(events_of(trained.signals))
    scored(own_home, tmp_path / "before")
    won = [
        at(event, END + timedelta(days=3 + number % 14), "won")
        | {"type": "crm.deal_won", "data": {"amount": 1000.0}}
        for number, event in enumerate(e for e in held if e["type"] == "crm.lead_created")
        if number % 2
    ]
    weeks = [event for later in range(1, 6) for event in week(held, later)]
    later = [e for e in weeks if not e["type"].startswith("crm.deal")]
    ingested(own_home, [*later, *won], tmp_path / "next.jsonl")
    summary = looked_at(own_home, tmp_path / "report")
    found = {cause.kind: cause for cause in summary.causes}
    assert CauseKind.CONCEPT_DRIFT in found, [(c.kind, c.text) for c in summary.causes]
    assert found[CauseKind.CONCEPT_DRIFT].value > found[CauseKind.CONCEPT_DRIFT].usual
