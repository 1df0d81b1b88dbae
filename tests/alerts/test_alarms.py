"""What a home tells of itself becomes alarms, and ends when it no longer does."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from config.settings import Settings
from domain.clock import DAY, SystemClock
from domain.errors import Missing
from domain.findings import QualityFinding
from jobs.alerts.alarms import alarms, status
from jobs.alerts.watch import JobOutcome
from registry.ledger_entry import GateResult
from signals.quality.tables import add_findings
from signals.store.tables import create_tables, totals
from storage.engine import open_engine
from storage.sql import insert_into
from tests.alerts.homes import decided, decision, draft, home, noted
from tests.alerts.receivers import web_receiver
from tests.commands import leadscore
from tests.effects.homes import asks, desk_of, now_effect
from tests.effects.queues import LIMITS
from workflow.outbox.effect_queue import EffectQueue
from workflow.outbox.receipt import RELEASED, EffectReceipt

NOW_US = round(datetime.now(UTC).timestamp() * 1e6)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return home(tmp_path)


def names(settings: Settings, jobs: list[JobOutcome] | None = None) -> list[str]:
    return [f"{a.kind}: {a.subject}" for a in alarms(settings, jobs).open]


def counted(settings: Settings, **counts: int) -> None:
    """The log's totals."""
    engine = open_engine(settings.signals_db)
    create_tables(engine)
    with engine.begin() as connection:
        for name, value in counts.items():
            insert = insert_into(connection, totals).values(name=name, value=value)
            connection.execute(
                insert.on_conflict_do_update(index_elements=["name"], set_={"value": value})
            )
    engine.dispose()


def test_a_home_where_nothing_happened_has_no_alarm(settings: Settings) -> None:
    result = alarms(settings)
    assert (result.open, result.opened, result.blind) == ((), (), ())


def test_a_folder_that_is_no_home_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        alarms(Settings(home=tmp_path))
    with pytest.raises(Missing):
        status(Settings(home=tmp_path))


def test_a_rollout_that_goes_back_by_itself_is_an_alarm_until_another_starts(
    settings: Settings,
) -> None:
    noted(settings, draft("rollout_started"), draft("rollout_advanced"))
    assert names(settings) == []
    noted(settings, draft("rollout_rolled_back", "error_rate is 0.2, the limit is 0.01"))
    (alarm,) = alarms(settings).open
    assert (alarm.kind, alarm.subject) == ("rollout-rolled-back", "rollout-1")
    assert alarm.evidence[0] == "error_rate is 0.2, the limit is 0.01"
    assert "champion answers everybody" in alarm.acted
    noted(settings, draft("rollout_started"))
    result = alarms(settings)
    assert (result.open, result.ended) == ((), ("rollout-rolled-back: rollout-1",))


def test_patience_that_ended_is_another_alarm_and_a_persons_abort_is_none(
    settings: Settings,
) -> None:
    reason = "undecided after 14.2 days, the patience is 14; the verdict is inconclusive"
    noted(settings, draft("rollout_rolled_back", reason))
    assert names(settings) == ["rollout-undecided: rollout-1"]
    noted(settings, draft("rollout_aborted"))
    assert names(settings) == []


def test_a_rollout_of_long_ago_is_no_alarm(settings: Settings) -> None:
    noted(settings, draft("rollout_rolled_back"), at_us=NOW_US - 8 * DAY)
    assert names(settings) == []


def test_a_trigger_that_fired_is_an_alarm_until_a_version_is_registered(
    settings: Settings,
) -> None:
    gates = tuple(
        GateResult(name=name, value=0.4, limit=0.3, passed=passed)
        for name, passed in (("drift", False), ("age", True))
    )
    plain = {"rollout": None, "gates": gates, "subject": "lead-1"}
    noted(settings, draft("retraining_considered", "needed: x", **plain))
    (alarm,) = alarms(settings).open
    assert (alarm.kind, alarm.subject) == ("retraining-needed", "lead-1")
    assert alarm.evidence == ("trigger drift: 0.4, the limit is 0.3",)
    quiet = {**plain, "gates": tuple(msgspec.structs.replace(g, passed=True) for g in gates)}
    noted(settings, draft("retraining_considered", "not needed: x", **quiet))
    assert names(settings) == []


def test_the_loops_jobs_are_alarms_where_somebody_knows_them(settings: Settings) -> None:
    jobs = [
        JobOutcome(job="backup", failed=True),
        JobOutcome(job="retraining", failed=True),
        JobOutcome(job="report", failed=True),
        JobOutcome(job="rollouts", late_hours=2.5),
        JobOutcome(job="retention"),
    ]
    told = ["backup-failed: backup", "job-failed: report", "job-late: rollouts"]
    told.append("retraining-failed: retraining")
    assert sorted(names(settings, jobs)) == told
    assert sorted(names(settings)) == told, "nobody knows them now: they stay"
    assert names(settings, [JobOutcome(job="backup")]) == []


def test_everything_quarantined_since_the_last_look_is_an_alarm(settings: Settings) -> None:
    """The totals are made up here, which the look through the log finds too."""

    def evidence() -> list[tuple[str, ...]]:
        return [a.evidence for a in alarms(settings).open if a.kind == "all-quarantined"]

    counted(settings, accepted=100, quarantined=900)
    assert evidence() == [], "what was before the first look is no news"
    counted(settings, quarantined=910)
    assert evidence() == [], "ten more may be chance"
    counted(settings, quarantined=925)
    assert evidence() == [("25 events quarantined, 0 accepted",)]
    assert evidence() == [("25 events quarantined, 0 accepted",)], "nothing came: it stays"
    counted(settings, accepted=101, quarantined=990)
    assert evidence() == []


def test_an_unusual_batch_is_an_alarm_of_its_source(settings: Settings) -> None:
    engine = open_engine(settings.signals_db)
    create_tables(engine)

    def found(gate: str, count: int) -> None:
        with engine.begin() as connection:
            finding = QualityFinding(gate, "volume", "web/web.page_viewed")
            add_findings(connection, {finding: count})

    found("batch", 3)
    assert names(settings) == [], "what was before the first look is no news"
    found("event", 5)
    assert names(settings) == []
    found("batch", 1)
    (alarm,) = alarms(settings).open
    assert (alarm.kind, alarm.subject) == ("batch-findings", "web/web.page_viewed")
    assert alarm.evidence == ("rule volume: 4 times so far",)
    assert names(settings) == ["batch-findings: web/web.page_viewed"]
    engine.dispose()


def test_dead_letters_are_an_alarm_of_their_connector_until_they_are_dropped(
    settings: Settings,
) -> None:
    engine = asks(settings, now_effect("a"), now_effect("b", lead_id="lead_2"))
    assert names(settings) == []
    queue = EffectQueue(engine, SystemClock(), LIMITS, 60)
    refused, other = queue.claim("crm", 2)
    queue.settle([(refused, EffectReceipt(verdict="never", rule="r")), (other, RELEASED)])
    (alarm,) = alarms(settings).open
    assert (alarm.kind, alarm.subject) == ("effects-dead", "crm")
    assert alarm.evidence == ("1 effects are dead letters", "1 wait")
    desk = desk_of(settings)
    desk.drop(desk.dead_keys(), by="ann", reason="nobody needs it")
    assert alarms(settings).ended == ("effects-dead: crm",)


def test_degraded_answers_and_stale_features_are_seen_in_recent_decisions(
    settings: Settings,
) -> None:
    decided(settings, [decision(n, degraded=True, took_us=1) for n in range(99)])
    assert names(settings) == [], "99 say nothing"
    decided(settings, [decision(n, took_us=1) for n in range(99, 1_000)])
    (alarm,) = alarms(settings).open
    assert (alarm.kind, alarm.evidence) == (
        "answers-degraded",
        ("9.9% of 1,000 decisions are degraded",),
    )
    decided(settings, [decision(n, took_us=1) for n in range(1_000, 2_100)])
    assert names(settings) == []


def test_stale_means_that_even_the_freshest_are_old(settings: Settings) -> None:
    old = [decision(n, stale_s=30_000.0, took_us=1) for n in range(150)]
    decided(settings, old)
    assert names(settings) == ["features-stale: features"]
    decided(settings, [decision(n, stale_s=60.0, took_us=1) for n in range(150, 155)])
    assert names(settings) == [], "five of 155 are fresh: events arrive"


def test_a_full_disk_is_an_alarm(settings: Settings) -> None:
    (settings.home / "alerts.yaml").write_text("version: 1\nlimits: {disk_free_share: 1}\n")
    (alarm,) = alarms(settings).open
    assert alarm.kind == "disk-nearly-full"
    assert "the limit is 100%" in alarm.evidence[0]


def test_a_store_that_cannot_be_read_is_an_alarm_and_ends_no_other(settings: Settings) -> None:
    noted(settings, draft("rollout_rolled_back"))
    assert names(settings) == ["rollout-rolled-back: rollout-1"]
    path = settings.home / "ledger.db"
    kept = path.read_bytes()
    path.write_bytes(b"this is no database " * 500)
    result = alarms(settings)
    assert {a.kind for a in result.open} >= {"rollout-rolled-back", "store-away"}
    assert any(name.startswith("rollouts: ") for name in result.blind)
    path.write_bytes(kept)
    assert names(settings) == ["rollout-rolled-back: rollout-1"]


def test_an_altered_ledger_is_an_alarm(settings: Settings) -> None:
    noted(settings, draft("rollout_started"), draft("rollout_aborted"))
    with closing(sqlite3.connect(settings.home / "ledger.db")) as connection:
        for (trigger,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("UPDATE promotion_ledger SET reason = 'another' WHERE sequence = 1")
        connection.commit()
    told = names(settings)
    assert "audit-unsound: ledger" in told
    assert any(name.startswith("registry-disagrees") for name in told)


def test_causes_and_calibration_of_the_newest_report(settings: Settings) -> None:
    reports = settings.home / "reports"
    reports.mkdir()

    def report(model: str, low: float, *causes: str) -> None:
        cause = {"about": "visits", "value": 100.0, "usual": 1.0, "action": "mend", "text": "x"}
        summary = {
            "meta": {"model": model, "made": "2026-01-01T00:00:00Z"},
            "measures": {"calibration_error": {"value": 0.08, "low": low, "high": 0.1}},
            "causes": [{"kind": kind, **cause} for kind in causes],
        }
        (reports / "report.json").write_bytes(msgspec.json.encode(summary))

    report("lead-1", 0.06, "unit change")
    assert names(settings) == [], "there is no champion"


def test_messages_go_out_and_the_command_shows_what_is_open(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.home / "alerts.yaml").write_text(
        "version: 1\nlimits: {disk_free_share: 0}\nchannels: {hook: {url_variable: ALERTS_HOOK}}\n"
    )
    noted(settings, draft("rollout_rolled_back", "error_rate is 0.2, the limit is 0.01"))
    with web_receiver() as web:
        monkeypatch.setenv("ALERTS_HOOK", web.url)
        done = leadscore(settings.home, "alerts", "send")
        again = leadscore(settings.home, "alerts", "send")
    assert (done.returncode, again.returncode) == (0, 0), done.stderr
    assert "1 open, 1 of them new; 0 ended" in done.stdout
    (post,) = web.posted
    assert post["title"] == "[ticket] rollout-rolled-back: rollout-1"
    assert "docs/runbooks/rollout-rolled-back.md" in post["message"]
    listed = leadscore(settings.home, "alerts", "list")
    assert "rollout-rolled-back" in listed.stdout
    shown = msgspec.json.decode(leadscore(settings.home, "alerts", "list", "--json").stdout)
    assert [alarm["kind"] for alarm in shown["alarms"]] == ["rollout-rolled-back"]
