"""A lead as it would be: against the same lead made anew with those features."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.ports import LeadRef
from domain.what_if import FeatureValue
from feature_repo.catalogue import category_names, number_names
from scoring.what_if import read_changes
from tests.commands import Answer, leadscore
from tests.conftest import Trained
from wiring.scoring import Scoring, open_scoring


@pytest.fixture(scope="module")
def scoring(trained: Trained) -> Scoring:
    return open_scoring(trained.settings)


@pytest.fixture(scope="module")
def leads(scoring: Scoring) -> list[LeadRef]:
    return list(scoring.plane.directory.all())[:12]


def test_it_is_the_score_of_the_changed_features_and_nothing_is_recorded(
    scoring: Scoring, leads: list[LeadRef]
) -> None:
    d, before = scoring.plane.definition, scoring.trail.head()
    arms = set()
    for lead in leads:
        asked: dict[str, FeatureValue] = {
            "employees": 5_000.0,
            "country": "FR",
            "pricing_view_count": None,
        }
        found = scoring.what_ifs.ask(lead, asked)
        live = scoring.versions.current()
        arms.add(found.arm)
        loaded = live.challenger if found.arm == "challenger" else live.champion
        assert loaded is not None
        assert found.versions.model == loaded.scorer.label
        rows = scoring.answerer.features([lead], int(scoring.clock.now().timestamp() * 1e6))
        was = loaded.scorer.score(rows.numbers, rows.texts)
        assert found.before.score == was.scores[0]
        changed, texts = rows.numbers.copy(), [list(rows.texts[0])]
        changed[0, number_names(d).index("employees")] = 5_000.0
        changed[0, number_names(d).index("pricing_view_count")] = np.nan
        texts[0][category_names(d).index("country")] = "FR"
        now = loaded.scorer.score(changed, texts)
        assert found.after.score == now.scores[0]
        assert found.after.percentile == now.percentiles[0]
        total = sum(r.contribution for r in found.after.reasons)
        assert abs(total) <= np.abs(loaded.scorer.explain(now.leaves)).sum() + 1e-9
        assert [c.now for c in found.changes] == [5_000.0, "FR", None]
        assert found.after.grade == scoring.policy().champion.grade(found.after.score)
    assert arms == {"champion", "challenger"}
    assert scoring.trail.head() == before


def test_what_changes_nothing_answers_as_it_is(scoring: Scoring, leads: list[LeadRef]) -> None:
    found = scoring.what_ifs.ask(leads[0], {"employees": 10.0})
    same = scoring.what_ifs.ask(leads[0], {"employees": found.changes[0].was})
    assert same.before == same.after == found.before


def test_the_policy_decides_on_the_changed_features(scoring: Scoring, leads: list[LeadRef]) -> None:
    told = [scoring.what_ifs.ask(lead, {"consent": "withdrawn"}).after.decision for lead in leads]
    assert not any(decision.eligible for decision in told)


@pytest.mark.parametrize(
    ("changes", "rule", "words"),
    [
        ({"employes": 1.0}, "feature-known", "employees"),
        ({"qqqqq": 1.0}, "feature-known", "no feature"),
        ({"employees": "many"}, "what-if-value", "number"),
        ({"employees": float("inf")}, "what-if-value", "number"),
        ({"country": 5.0}, "what-if-value", "text"),
        ({}, "what-if-changes", "1 to 50"),
    ],
)
def test_bad_changes_are_refused(
    scoring: Scoring, leads: list[LeadRef], changes: dict[str, FeatureValue], rule: str, words: str
) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        scoring.what_ifs.ask(leads[0], changes)
    assert caught.value.rule == rule


def test_what_training_did_not_see_is_said(scoring: Scoring, leads: list[LeadRef]) -> None:
    asked: dict[str, FeatureValue] = {"industry": "alchemy", "employees": 1e9, "country": "US"}
    notes = scoring.what_ifs.ask(leads[0], asked).notes
    assert len(notes) == 2
    assert notes[0].startswith("industry: such a value was not seen")
    assert notes[1].startswith("employees: values were from")
    assert scoring.what_ifs.ask(leads[0], {"industry": None, "employees": None}).notes == ()


@limits(max_examples=40)
@given(data=st.data())
def test_any_change_of_any_feature_has_an_answer(
    scoring: Scoring, leads: list[LeadRef], data: Any
) -> None:
    d = scoring.plane.definition
    numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
    asked = data.draw(
        st.dictionaries(st.sampled_from(number_names(d)), numbers, min_size=1, max_size=5)
    ) | data.draw(st.dictionaries(st.sampled_from(category_names(d)), st.text(max_size=20)))
    found = scoring.what_ifs.ask(leads[0], asked)
    assert 0 <= found.after.score <= 1
    assert {c.feature for c in found.changes} == set(asked)


def test_changes_as_typed(scoring: Scoring) -> None:
    d = scoring.plane.definition
    typed = ["employees=5e2", "country=", "industry=a=b", "form_count="]
    assert read_changes(typed, d) == {
        "employees": 500.0,
        "country": None,
        "industry": "a=b",
        "form_count": None,
    }
    for bad in ("employees", "=5", "employees=x"):
        with pytest.raises(BadInput):
            read_changes([bad], d)


def test_by_the_command_line(trained: Trained, leads: list[LeadRef]) -> None:
    def run(*asked: str) -> Answer:
        return leadscore(trained.settings.home, "score", *asked)

    lead = str(leads[0].lead_id)
    told = run(lead, "--what-if", "employees=900", "--what-if", "industry=alchemy", "--json")
    assert told.returncode == 0
    answer = json.loads(told.stdout)
    assert answer["lead_id"] == lead
    assert [c["feature"] for c in answer["changes"]] == ["employees", "industry"]
    refused = run(lead, "--what-if", "employes=900")
    assert refused.returncode == 2
    assert "employees" in refused.stderr
