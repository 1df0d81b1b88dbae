"""Findings are counted, kept, shown and published; rules are read from one file."""

from pathlib import Path
from threading import Thread

import msgspec
import prometheus_client
import pytest
from sqlalchemy import inspect
from typer.testing import CliRunner

from config.settings import Settings
from domain.clock import DAY
from domain.errors import BadConfiguration, Missing
from domain.findings import LONGEST, MOST, OTHER, QualityFinding, QualityFindings, label
from feature_repo.standard import standard_service
from jobs.signals.quality_report import store
from leadscore.cli import app
from signals.quality.batch_gate import BatchGate
from signals.quality.rules import BatchRules
from signals.quality.statistics import BatchStatistics
from signals.quality.tables import add_findings, stored_findings
from signals.store.tables import create_tables, writing
from storage.engine import open_engine
from telemetry.quality_metrics import HELP, LABELS, METRIC, Publisher
from wiring.quality import Quality, load_quality
from wiring.signals import open_signals, write_definition

ONE = QualityFinding("event", "clock-ahead", "web/web.page_viewed")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home that took signals in, with nothing found yet."""
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    write_definition(settings.definition_file, standard_service())
    monkeypatch.setenv("LEADSCORE_HOME", str(settings.home))
    return settings


def test_findings_add_up_over_threads() -> None:
    found = QualityFindings()

    def work() -> None:
        for _ in range(2_000):
            found.add(*ONE)
            found.merge({ONE: 2})

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.counts() == {ONE: 4 * 2_000 * 3}


@pytest.mark.parametrize(
    "text", ["a@b.de", "Ada Adler", "+4930123456", "u-0000012", "x" * (LONGEST + 1), "ü", "a\nb"]
)
def test_what_might_be_personal_is_no_label(text: str) -> None:
    assert label(text) == OTHER


def test_distinct_counts_are_bounded() -> None:
    found = QualityFindings()
    for i in range(MOST + 100):
        found.add("event", "clock-ahead", f"source-{i}")
    assert len(found.counts()) == MOST + 1
    assert found.counts()[QualityFinding("event", "clock-ahead", OTHER)] == 100


def test_counts_are_kept_in_the_transaction_or_not_at_all(home: Settings) -> None:
    engine = open_engine(home.signals_db)
    create_tables(engine)
    assert {"quality_findings", "quality_profiles"} <= set(inspect(engine).get_table_names())
    for keep, expected in ((True, 3), (False, 3), (True, 6)):
        with engine.connect() as connection:
            writing(connection)
            add_findings(connection, {ONE: 3})
            if keep:
                connection.commit()
        with engine.connect() as connection:
            assert stored_findings(connection) == {ONE: expected}
    engine.dispose()


def test_show_tells_what_is_stored(home: Settings) -> None:
    found = QualityFindings()
    found.merge({ONE: 7, QualityFinding("features", "feature-range", "events"): 9})
    store(home, found)
    shown = CliRunner().invoke(app, ["quality", "show", "--json"])
    assert shown.exit_code == 0
    assert msgspec.json.decode(shown.stdout) == [
        {"gate": "features", "rule": "feature-range", "about": "events", "found": 9},
        {**ONE._asdict(), "found": 7},
    ]
    table = CliRunner().invoke(app, ["quality", "show", "--gate", "event"]).stdout.splitlines()
    assert table[0].split() == ["gate", "rule", "about", "found"]
    assert table[1].split() == [*ONE, "7"]
    assert len(table) == 2


def test_profiles_are_shown_and_forgotten(home: Settings) -> None:
    engine = open_engine(home.signals_db)
    create_tables(engine)
    with engine.connect() as connection:
        writing(connection)
        stats = {"web/x.y": BatchStatistics(100, 0, {})}
        BatchGate(BatchRules()).admit(connection, stats, DAY, QualityFindings(), whole=True)
        connection.commit()
    engine.dispose()
    run = CliRunner().invoke
    (told,) = msgspec.json.decode(run(app, ["quality", "profiles", "--json"]).stdout)
    assert (told["about"], told["batches"], told["rows"]) == ("web/x.y", 1, 100)
    assert run(app, ["quality", "forget", "web/x.y"]).exit_code == 0
    assert msgspec.json.decode(run(app, ["quality", "profiles", "--json"]).stdout) == []
    again = run(app, ["quality", "forget", "web/x.y"])
    assert isinstance(again.exception, Missing)


def test_prometheus_hears_of_each_finding_once() -> None:
    registry = prometheus_client.CollectorRegistry()
    counter = prometheus_client.Counter(METRIC, HELP, LABELS, registry=registry)
    found = QualityFindings()
    publisher = Publisher(found, counter)
    for expected in (5, 10):
        found.merge({ONE: 5})
        publisher.publish()
        publisher.publish()
        told = registry.get_sample_value(f"{METRIC}_total", ONE._asdict())
        assert told == expected
    text = prometheus_client.generate_latest(registry).decode()
    assert 'rule="clock-ahead"' in text


def test_the_packaged_rules_are_the_defaults_and_a_home_changes_some(tmp_path: Path) -> None:
    packaged = load_quality(tmp_path)
    (tmp_path / "quality.yaml").write_text(
        "batches: {null_rate: stop}\nevents: {times: {clock-ahead: reject}}\n"
    )
    own = load_quality(tmp_path)
    assert own.batches == msgspec.structs.replace(packaged.batches, null_rate="stop")
    assert own.events.times.clock_ahead == "reject"
    assert own.events.values == packaged.events.values
    assert packaged.batches == BatchRules()
    assert packaged.features == Quality().features
    assert packaged.inputs == Quality().inputs


@pytest.mark.parametrize(
    "text",
    ["batches: {nul_rate: stop}", "batches: {volume: maybe}", "batch: {}", "- a", "a: [", "\0"],
)
def test_rules_that_cannot_be_are_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "quality.yaml").write_text(text)
    with pytest.raises(BadConfiguration) as caught:
        load_quality(tmp_path)
    assert caught.value.rule == "quality-rules"
    assert "\n" not in str(caught.value)


def test_off_is_a_word(home: Settings) -> None:
    (home.home / "quality.yaml").write_text("events: {times: {future-time: off}}")
    assert load_quality(home.home).events.times.future_time == "off"


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("field: durations_s", "Did you mean duration_s"),
        ("field: amount, types: [crm.deal_wonn]", "unknown event type, 'crm.deal_wonn'"),
        ("field: amount, types: [web.page_viewed]", "unknown field, 'amount'"),
        ("field: amount, not_above: amuont", "unknown field, 'amuont'"),
    ],
)
def test_a_rule_on_what_no_contract_has_is_refused_by_line(
    home: Settings, rule: str, told: str
) -> None:
    text = f"events:\n  values:\n  - {{rule: r, least: 0, {rule}}}\n"
    (home.home / "quality.yaml").write_text(text)
    with pytest.raises(BadConfiguration) as caught:
        open_signals(home)
    assert told in str(caught.value)
    assert caught.value.where == "quality.yaml, line 3"
