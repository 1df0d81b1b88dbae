"""The examples against the real files: counts, times, people, as the data page has them."""

import csv
import os
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import msgspec
import pytest

from domain.signals import decode
from signals.contracts.registry import ContractRegistry
from signals.mapping.compiler import MappingCounts
from signals.mapping.mapping import Mapping, load_mapping

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("LEADSCORE_DATA", ROOT.parent / "shared" / "data"))


def example(name: str) -> Mapping:
    return load_mapping(ROOT / "examples" / name / "mapping.yaml")


class Seen(msgspec.Struct, gc=False):
    """What these tests look at; out of the garbage collector's way, for there are many."""

    id: str
    type: str
    time: datetime
    identifiers: dict[str, str]
    data: dict[str, str | float] = {}


@cache
def read(name: str, file: str) -> tuple[list[Seen], Counter[str], MappingCounts]:
    """Every signal, some checked against their contracts; rejections by rule."""
    path = DATA / name / file
    if not path.exists():
        pytest.skip(f"the real data set {name}/{file} is not here")
    mapping = example(name)
    book = ContractRegistry(mapping.contracts())
    look = msgspec.json.Decoder(Seen)
    documents = mapping.documents(path)
    signals, rules = [], Counter[str]()
    for mapped in documents:
        if mapped.rule:
            rules[mapped.rule] += 1
            continue
        signals.append(look.decode(mapped.document))
        if len(signals) % 50 == 1:
            book.check(decode(mapped.document))
    return signals, rules, documents.tally


def people(signals: list[Seen]) -> set[str]:
    return {s.identifiers["crm_id"] for s in signals}


def test_bpi2012_counts() -> None:
    signals, rules, tally = read("bpi2012", "bpi2012_events.csv.gz")
    assert (len(signals), tally.rows, rules) == (262_200, 262_200, Counter())
    assert len({s.id for s in signals}) == 262_200
    assert len(people(signals)) == 13_087
    assert len({re.sub("_(schedule|start|complete)$", "", s.type) for s in signals}) == 24
    accepted = {s.identifiers["crm_id"] for s in signals if s.type == "bpi.o_accepted"}
    assert round(len(accepted) / 13_087, 3) == 0.171


def test_bpi2012_times_are_in_utc() -> None:
    signals, _, _ = read("bpi2012", "bpi2012_events.csv.gz")
    assert signals[0].time == datetime(2011, 9, 30, 22, 38, 44, 546_000, UTC)
    assert max(s.time for s in signals) == datetime(2012, 3, 14, 15, 4, 54, 681_000, UTC)
    assert {s.time.utcoffset() for s in signals} == {timedelta(0)}


def test_bpi2012_features_never_follow_from_the_decision() -> None:
    signals, _, _ = read("bpi2012", "bpi2012_events.csv.gz")
    definition = example("bpi2012").definition()
    assert definition is not None
    features = {t for family in definition.families for t in family.types}
    decided = {t for outcome in definition.outcomes for t in outcome.types}
    beside = {"bpi.a_approved", "bpi.a_registered", "bpi.a_activated", "bpi.o_declined"}
    assert not features & (decided | beside)
    decision = {s.identifiers["crm_id"]: s.time for s in signals if s.type in decided}
    cases = [s for s in signals if s.type in beside and s.identifiers["crm_id"] in decision]
    assert len(cases) > 7_000
    assert all(s.time >= decision[s.identifiers["crm_id"]] for s in cases)


def test_olist_counts_and_the_one_negative_delay() -> None:
    leads, lead_rules, _ = read("olist", "olist_marketing_qualified_leads_dataset.csv")
    deals, deal_rules, _ = read("olist", "olist_closed_deals_dataset.csv")
    assert (len(leads), len(deals), lead_rules + deal_rules) == (8_000, 842, Counter())
    assert people(deals) <= people(leads)
    first = {s.identifiers["crm_id"]: s.time for s in leads}
    delays = [s.time - first[s.identifiers["crm_id"]] for s in deals]
    assert sum(delay < timedelta(0) for delay in delays) == 1
    assert sum(delay == timedelta(0) for delay in delays) == 5
    assert sorted(delays)[421].days == 14
    assert not any(s.data for s in deals)


def test_olist_reads_local_days_in_summer_and_winter() -> None:
    leads, _, _ = read("olist", "olist_marketing_qualified_leads_dataset.csv")
    assert {(s.time.month, s.time.hour) for s in leads} >= {(1, 2), (5, 3)}
    assert min(s.time for s in leads) == datetime(2017, 6, 14, 3, tzinfo=UTC)


def test_x_education_counts_and_no_leakage() -> None:
    signals, rules, tally = read("x_education", "Leads.csv")
    kinds = Counter(s.type for s in signals)
    assert (tally.rows, rules) == (9_240, Counter())
    assert kinds["x_education.lead_created"] == 9_240
    assert round(kinds["x_education.lead_won"] / 9_240, 4) == 0.3854
    assert kinds["x_education.lead_won"] + kinds["x_education.lead_lost"] == 9_240
    assert not any("Select" in s.data.values() for s in signals)
    with (DATA / "x_education" / "Leads.csv").open(encoding="utf-8", newline="") as stream:
        wrong = ("Tags", "Lead Quality", "Lead Profile", "Asymmetrique", "Last ")
        leaking = [c for c in csv.DictReader(stream).fieldnames or () if c.startswith(wrong)]
    assert len(leaking) == 9
    text = (ROOT / "examples" / "x_education" / "mapping.yaml").read_text(encoding="utf-8")
    said = "\n".join(line.partition("#")[0] for line in text.splitlines())
    assert not [column for column in leaking if column in said]


def test_online_retail_counts() -> None:
    signals, rules, tally = read("online_retail", "online_retail.csv.gz")
    assert (tally.rows, tally.rejected, len(signals)) == (541_909, 135_080, 406_829)
    assert rules == Counter({"no-identifier": 135_080})
    assert len({s.id for s in signals}) == len(signals)
    assert len(people(signals)) == 4_372
    assert all(person.isdigit() for person in people(signals))
    cancelled = [s for s in signals if s.type == "online_retail.cancelled"]
    assert len(cancelled) == 8_905
    assert all(float(s.data["value"]) <= 0 for s in cancelled)
    # London is an hour ahead in summer: the shop's day, from 6 on, begins at 5 in UTC
    assert signals[0].time == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert max(s.time for s in signals) == datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
