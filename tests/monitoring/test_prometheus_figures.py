"""Figures of a rollout from a real Prometheus server that scrapes the service's metrics."""

from collections.abc import Iterator

import pytest

from monitoring.prometheus_figures import prometheus_figures, worse_of
from registry.rollout_decision import ArmFigures
from tests.prometheus import metrics_page, prometheus
from tests.waiting import until


def page(scrape: int) -> list[str]:
    """The service's page: each scrape finds 100 more answers, 2 of them faults."""
    labels = 'endpoint="score",arm="challenger"'
    return [
        f'leadscore_answers_total{{arm="champion",outcome="ok"}} {98 * scrape}',
        f'leadscore_answers_total{{arm="",outcome="internal"}} {2 * scrape}',
        f'leadscore_answers_total{{arm="",outcome="unknown-lead"}} {0 * scrape}',
        *(
            f'leadscore_answer_seconds_bucket{{{labels},le="{le}"}} {count * scrape}'
            for le, count in (("0.005", 90), ("0.01", 100), ("+Inf", 100))
        ),
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus(page, tmp_path_factory.mktemp("prometheus")) as url:
        yield url


def test_errors_and_latency_are_the_servers(server: str) -> None:
    until(lambda: prometheus_figures(server, 60.0).error_rate is not None)
    found = prometheus_figures(server, 60.0)
    assert found.absent == ()
    assert found.error_rate == pytest.approx(0.02, rel=0.1)
    assert found.p99_ms == pytest.approx(9.5, rel=0.05), "nine tenths of the way from 5 to 10"
    measured = worse_of(ArmFigures(decisions=5, error_rate=0.5, p99_ms=1.0, degraded=0.1), found)
    assert (measured.decisions, measured.error_rate, measured.degraded) == (5, 0.5, 0.1)
    assert measured.p99_ms == found.p99_ms


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://[", "nonsense"])
def test_a_server_that_does_not_tell_is_absent_not_well(url: str) -> None:
    found = prometheus_figures(url, 60.0)
    assert found == ArmFigures(absent=("Prometheus",))
    assert worse_of(ArmFigures(decisions=5, error_rate=0.0), found).absent == ("Prometheus",)


def test_a_server_that_says_something_else_is_absent() -> None:
    with metrics_page(page) as target:
        found = prometheus_figures(f"http://{target}", 60.0)
    assert found.absent == ("Prometheus",)
