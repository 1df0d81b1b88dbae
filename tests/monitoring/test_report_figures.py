"""Figures: exact, by arm and by group, each standing as its evidence says; and what leads."""

from pathlib import Path

import numpy as np
import pytest

from measures.calibration_error import calibration_error
from measures.ranking import lift_at
from monitoring.reports.figure import Figure, FigureStatus
from monitoring.reports.summary import Summary
from tests.monitoring.reports_data import leads, outcomes, written


def figures(summary: Summary, name: str) -> dict[tuple[str, str], Figure]:
    return {(f.by, f.group): f for f in summary.figures if f.name == name}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return written(tmp_path_factory.mktemp("sound")).summary


@pytest.fixture(scope="module")
def off(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return written(tmp_path_factory.mktemp("off"), odds=3.0, degraded=0.2).summary


def test_figures_are_counted_of_all_rows(sound: Summary) -> None:
    matured = outcomes(leads(2), 1.0)
    y, p = matured.label, matured.score
    everyone = "all", "all leads"
    assert figures(sound, "TopTenthLift")[everyone].value == lift_at(y, p, 0.1)
    assert figures(sound, "ConversionRate")[everyone].value == y.mean()
    assert figures(sound, "ConversionsByPrediction")[everyone].value == pytest.approx(
        y.sum() / p.sum()
    )
    error = calibration_error(y, p, matured.accounts)
    assert figures(sound, "CalibrationError")[everyone].value == error.value
    german = matured.texts["country"] == "DE"
    assert figures(sound, "ConversionRate")["country", "DE"].value == y[german].mean()
    challenger = np.arange(len(y)) % 4 == 0
    assert figures(sound, "ConversionRate")["arm", "challenger"].value == y[challenger].mean()
    assert figures(sound, "DecisionCount")["arm", "challenger"].value == challenger.sum()


def test_a_sound_version_stands_well(sound: Summary) -> None:
    assert [f.text for f in sound.figures if f.status == FigureStatus.BAD] == []
    assert sound.verdict.startswith("Nothing to do: no cause of drift was found; of all leads, ")
    assert len(sound.look_at) == 3
    assert {finding.todo for finding in sound.look_at} == {"nothing"}


def test_what_is_off_stands_ill_and_leads(off: Summary) -> None:
    bad = {(f.name, f.by, f.group) for f in off.figures if f.status == FigureStatus.BAD}
    assert bad >= {
        ("ConversionsByPrediction", "all", "all leads"),
        ("ConversionsByPrediction", "arm", "champion"),
        ("CalibrationError", "all", "all leads"),
        ("DegradedShare", "all", "all leads"),
        ("ActionableCauses", "all", "all leads"),
    }
    assert off.verdict.startswith("Train: concept drift, of all leads, ")
    assert [finding.subject for finding in off.look_at] == [
        "concept drift: all leads",
        "conversions",
        "calibration",
    ]


def test_small_groups_tell_nothing(tmp_path: Path) -> None:
    from monitoring.reports.outcome_figures import MaturedRows, OutcomeGroup, outcome_figures
    from monitoring.reports.rules import ReportLimits

    few = MaturedRows(np.full(29, 0.5), np.arange(29.0) % 2, np.arange(29))
    one = MaturedRows(np.full(90, 0.5), np.arange(90.0) % 2, np.zeros(90, dtype=np.int64))
    alike = MaturedRows(np.full(90, 0.5), np.zeros(90), np.arange(90))
    groups = [
        OutcomeGroup("arm", name, rows) for name, rows in {"a": few, "b": one, "c": alike}.items()
    ]
    assert list(outcome_figures(groups, {}, ReportLimits())) == []
