"""A home as data frames says what the product says elsewhere."""

from itertools import islice
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import leadscore
from config.settings import Settings
from domain.clock import from_us
from domain.errors import BadInput, LeadscoreError, Missing, UnknownLead
from jobs.analysis.home import Home
from leadscore.terminal.lookup import features_of

mpl.use("Agg")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, trained: Any) -> Home:
    import shutil

    folder = tmp_path_factory.mktemp("frames") / "home"
    shutil.copytree(trained.settings.home, folder)
    opened = leadscore.open(folder)
    refs = islice(opened._scoring.plane.directory.all(), 40)
    opened._scoring.answerer.score([str(ref.lead_id) for ref in refs])
    return opened


def test_leads_are_those_of_the_trail_highest_first(home: Home) -> None:
    leads = home.leads()
    assert len(leads) == 40
    assert leads["score"].is_monotonic_decreasing
    assert leads.index.is_unique
    record = home._scoring.trail.get(leads["decision_id"].iloc[0])
    assert record.answer.score == leads["score"].iloc[0]
    assert str(leads["decided"].dtype).endswith("UTC]")
    assert set(home.leads(grade="D")["grade"]) <= {"D"}
    assert len(home.leads(limit=7)) == 7


def test_contributions_are_the_services(home: Home) -> None:
    leads = home.leads()
    mine = leads[(leads["model"] == "lead-1")].index[0]
    explained = home.explain(mine)
    reasons = home._scoring.trail.get(leads.loc[mine, "decision_id"]).answer.reasons
    assert {one.text for one in reasons} <= set(explained["text"])
    assert explained["contribution"].abs().is_monotonic_decreasing
    assert not home.explain(mine).empty


def test_features_now_and_then_are_those_of_the_command_line(home: Home) -> None:
    lead = home.leads().index[0]
    settings: Settings = home.settings
    now = home.features([lead])
    for name, value in features_of(settings, lead, None).items():
        own = now.loc[lead, name]
        assert (own == value) or (value is None and (own == "" or pd.isna(own))), name
    moment = from_us(home._scoring.plane.directory.watermark_us()).isoformat()
    then = home.features([lead], at=moment)
    told = features_of(settings, lead, moment)
    for name, value in told.items():
        own = then.loc[lead, name]
        assert (own == value) or (value is None and (own == "" or pd.isna(own))), name
    assert home.features([lead], at="1999-01-01T00:00:00Z").empty


def test_versions_are_compared_and_plotted(home: Home) -> None:
    versions = home.versions()
    assert list(versions["stage"]) == ["champion", "challenger"]
    compared = home.compare("lead-1", "lead-2")
    gap = compared["lead-2"] - compared["lead-1"]
    np.testing.assert_allclose(gap, compared["difference"], atol=1e-9)
    for axes in (
        home.plot_comparison("lead-1", "lead-2"),
        home.plot_leads(),
        home.plot_explanation(home.leads().index[0]),
    ):
        assert axes.get_xlabel()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda home: home.leads(limit=0), BadInput),
        (lambda home: home.features(at="yesterday"), BadInput),
        (lambda home: home.explain("lead_nobody"), UnknownLead),
        (lambda home: home.train(trails=3), BadInput),
        (lambda home: home.train(trials=0), LeadscoreError),
        (lambda home: home.compare("lead-1", "lead-9"), Missing),
    ],
)
def test_what_cannot_be_is_refused(home: Home, call: Any, error: type[LeadscoreError]) -> None:
    with pytest.raises(error):
        call(home)


def test_a_folder_that_is_no_home_is_told(tmp_path: Any) -> None:
    with pytest.raises(Missing):
        leadscore.open(tmp_path / "none")
