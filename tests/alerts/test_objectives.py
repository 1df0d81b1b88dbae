"""What is left of each error budget; where nobody knows, nobody says `met`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import Settings
from domain.errors import BadConfiguration
from jobs.alerts.objectives import objectives_status
from monitoring.objectives import STANDARD_FILE, ObjectiveStatus
from tests.alerts.homes import decided, decision, home
from tests.commands import leadscore
from tests.prometheus import prometheus
from tests.waiting import until


def by_name(settings: Settings) -> dict[str, ObjectiveStatus]:
    return {row.objective: row for row in objectives_status(settings)}


def test_without_evidence_everything_is_unknown_and_nothing_is_met(tmp_path: Path) -> None:
    rows = by_name(home(tmp_path))
    assert {row.state for row in rows.values()} == {"unknown"}
    assert all(row.measured is None and row.budget_left is None for row in rows.values())
    assert all(row.note for row in rows.values()), "each says what is missing"


def test_latency_and_degraded_answers_are_told_by_the_trail(tmp_path: Path) -> None:
    settings = home(tmp_path)
    fast = [decision(n, took_us=50_000) for n in range(995)]
    slow = [decision(n, took_us=50_001, degraded=True) for n in range(995, 1_000)]
    old = [decision(n, ago_s=31 * 86_400, took_us=10**9) for n in range(1_000, 1_100)]
    decided(settings, [*old, *fast, *slow])
    rows = by_name(settings)
    for name in ("latency", "degraded"):
        row = rows[name]
        assert (row.state, row.source) == ("met", "audit trail")
        assert row.measured == pytest.approx(0.005)
        assert row.budget_left == pytest.approx(0.5)
    assert {rows[name].state for name in ("availability", "freshness", "ingest_lag")} == {"unknown"}


def test_a_spent_budget_is_below_nothing_and_exits_1(tmp_path: Path) -> None:
    settings = home(tmp_path)
    decided(settings, [decision(n, took_us=1, degraded=n % 20 == 0) for n in range(200)])
    row = by_name(settings)["degraded"]
    assert row.state == "broken"
    assert row.budget_left == pytest.approx(-4.0)
    (settings.home / "settings.yaml").write_text("clock: system\n")
    done = leadscore(settings.home, "slo", "--json")
    assert done.returncode in {0, 1}
    assert "degraded" in done.stdout


def test_a_homes_own_objectives_count(tmp_path: Path) -> None:
    settings = home(tmp_path)
    latency = "latency:      {target: 0.99, limit_s: 0.05}"
    standard = STANDARD_FILE.read_text()
    assert latency in standard
    own = standard.replace(latency, "latency: {target: 0.5, limit_s: 1}")
    (settings.home / "slo.yaml").write_text(own)
    decided(settings, [decision(n, took_us=2_000_000 if n < 25 else 1) for n in range(100)])
    row = by_name(settings)["latency"]
    assert (row.target, row.limit_s, row.measured) == (0.5, 1.0, 0.25)
    assert row.budget_left == pytest.approx(0.5)
    (settings.home / "slo.yaml").write_text(own.replace("0.5, limit_s: 1", "1.0, limit_s: 1"))
    with pytest.raises(BadConfiguration, match=r"slo\.yaml"):
        by_name(settings)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1"])
def test_a_server_that_does_not_tell_leaves_it_unknown(tmp_path: Path, url: str) -> None:
    rows = by_name(home(tmp_path, prometheus=url))
    assert rows["availability"].state == "unknown"
    assert rows["availability"].note == "Prometheus does not answer"


def page(scrape: int) -> list[str]:
    """The service's page: each scrape finds 1,000 more requests, 2 of them refused by fault."""
    labels = 'endpoint="score",arm="champion"'
    return [
        f'leadscore_answers_total{{arm="champion",outcome="ok"}} {998 * scrape}',
        f'leadscore_answers_total{{arm="",outcome="internal"}} {2 * scrape}',
        f"leadscore_events_seconds_count {1_000 * scrape}",
        f'leadscore_events_seconds_bucket{{le="2.5"}} {990 * scrape}',
        "leadscore_lag_seconds 90",
        f"leadscore_answer_seconds_count{{{labels}}} {998 * scrape}",
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus(page, tmp_path_factory.mktemp("prometheus")) as url:
        yield url


def test_prometheus_tells_what_the_trail_cannot(tmp_path: Path, server: str) -> None:
    settings = home(tmp_path, prometheus=server)
    until(lambda: by_name(settings)["availability"].measured not in (None, 0.0))
    until(lambda: by_name(settings)["ingest_lag"].measured is not None)
    rows = by_name(settings)
    assert rows["availability"].measured == pytest.approx(0.002, rel=0.2)
    assert rows["availability"].state == "broken"
    assert rows["freshness"].measured == pytest.approx(0.01, rel=0.2)
    assert rows["ingest_lag"].measured == pytest.approx(1.0)
    assert rows["degraded"].measured == 0.0
    assert rows["latency"].state == "unknown", "no bucket of that bound"
    decided(settings, [decision(n, took_us=1, degraded=n == 0) for n in range(100)])
    both = by_name(settings)["degraded"]
    assert (both.measured, both.source) == (0.01, "audit trail and Prometheus"), "the worse"
