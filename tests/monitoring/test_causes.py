"""Causes of drift: each found where it is planted, and none where chance or age explains it."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from domain.scores import logistic
from monitoring.causes.alike import alike
from monitoring.causes.cause import ALARM_DAYS, ALARM_LEVEL, SHARES, CauseKind, daily_level
from monitoring.causes.concept import Matured, concept_drift, once_a_horizon, segments
from monitoring.causes.diagnosis import Diagnosis, Evidence, Known, diagnose
from monitoring.causes.moves import Reference, judged, moves
from monitoring.causes.season import same_season
from monitoring.causes.shares import Shares, benjamini_hochberg, chance_apart, equal
from monitoring.causes.units import changed_unit
from monitoring.causes.window import DAYS, newest

TOLD = ("employees", "country", "note")


def leads(seed: int, rows: int = 900, oldest: float = 100.0) -> pd.DataFrame:
    """Open leads: counts and recencies follow age, as they do in a market."""
    random = np.random.default_rng(seed)
    age = random.uniform(0, oldest, rows)
    visits = random.poisson(0.3 * age).astype(np.float64)
    return pd.DataFrame(
        {
            "tenure_d": age,
            "visits": visits,
            "employees": np.exp(random.normal(4, 1.6, rows)).round() + 1,
            "country": random.choice(np.array(["US", "DE", "FR"], dtype=object), rows),
            "note": np.array([f"n{i}" for i in random.integers(0, 10_000, rows)], dtype=object),
            "score": logistic(-3 + 0.02 * visits + random.normal(0, 0.5, rows)),
        }
    )


def look(current: pd.DataFrame, known: Known | None = None, **more: object) -> Diagnosis:
    known = known or Known(source_columns=TOLD, importance={"visits": 0.6, "employees": 0.4})
    reference = Reference(leads(1), np.arange(900) // 2)
    evidence = Evidence(current, np.arange(len(current)) // 2, **more)  # type: ignore[arg-type]
    return diagnose(reference, evidence, known)


def names(found: Diagnosis) -> list[tuple[CauseKind, str]]:
    return [(cause.kind, cause.about) for cause in found.causes]


def spoilt(change: Callable[[pd.DataFrame], object], seed: int = 2) -> pd.DataFrame:
    frame = leads(seed)
    change(frame)
    return frame


def test_alarms_of_all_tests_and_days_are_within_the_budget() -> None:
    assert sum(SHARES.values()) == pytest.approx(1)
    assert sum(daily_level(test) for test in SHARES) * ALARM_DAYS == pytest.approx(ALARM_LEVEL)


@pytest.mark.parametrize(("rate", "sizes"), [(0.02, (60, 200)), (0.5, (40, 40)), (0.9, (300, 90))])
def test_chance_is_a_bound_of_how_often_sampling_goes_so_far(
    rate: float, sizes: tuple[int, int]
) -> None:
    """Both sides of one rate, at no tolerance: of 20,000 pairs no more than the level reach it."""
    random = np.random.default_rng(3)
    sides = [Shares(random.binomial(n, rate, 20_000) / n, np.full(20_000, float(n))) for n in sizes]
    chances = chance_apart(sides[0], sides[1], 0.0)
    for level in (0.05, 0.01, 0.001):
        assert np.mean(chances <= level) <= level


def test_beyond_the_tolerance_it_is_seen_and_within_it_never() -> None:
    sizes = np.array([400.0]), np.array([900.0])
    there = Shares(np.array([0.3]), sizes[1])
    assert chance_apart(Shares(np.array([0.39]), sizes[0] * 1000), there, 0.1)[0] == 1.0
    assert chance_apart(Shares(np.array([0.6]), sizes[0]), there, 0.1)[0] < 1e-6
    assert chance_apart(Shares(np.array([0.05]), sizes[0]), there, 0.1)[0] < 1e-3


def test_false_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    from scipy.stats import false_discovery_control

    chances = np.random.default_rng(4).random(50) ** 3
    np.testing.assert_allclose(benjamini_hochberg(chances), false_discovery_control(chances))


def test_a_company_counts_once_however_many_rows_it_has() -> None:
    frame = leads(5, 40)
    many = pd.concat([frame] * 25, ignore_index=True)
    reference = Reference(leads(1), np.arange(900))
    found = []
    for rows, accounts in ((frame, np.arange(40)), (many, np.tile(np.arange(40), 25))):
        units = equal(accounts)
        assert units.effective == pytest.approx(40)
        coded = reference.code(rows)
        found.append([m.chance for m in moves(reference, reference.units, coded, units, {})])
    np.testing.assert_allclose(found[0], found[1])


def test_older_leads_of_the_same_market_have_not_drifted() -> None:
    """A market that grew older: everything moved, until the reference is weighted by age."""
    reference = Reference(leads(1, 2_000), np.arange(2_000))
    current = leads(2, 2_000)
    current = current[current["tenure_d"] > 60].reset_index(drop=True)
    units = equal(np.arange(len(current)))
    coded = reference.code(current)
    plain = judged(moves(reference, reference.units, coded, units, {}), 1e-4)
    assert {"visits", "tenure_d"} <= {move.column for move in plain if move.drifted}
    like = alike(reference.frame, reference.units, current, units)
    coded = reference.code(current[like.kept])
    weighted = judged(moves(reference, like.reference, coded, like.current, {}), 1e-4)
    assert [move.column for move in weighted if move.drifted] == []


def test_leads_older_than_any_of_the_reference_are_left_out_and_told() -> None:
    found = look(leads(2, 900, oldest=200.0))
    assert found.unlike == pytest.approx(0.5, abs=0.06)
    assert names(found) == []


@pytest.mark.parametrize("seed", range(2, 12))
def test_where_nothing_moved_nothing_is_named(seed: int) -> None:
    assert names(look(leads(seed))) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda f: f.__setitem__("country", f["country"].where(f.index % 2 == 0)),
            [(CauseKind.NULL_BURST, "country")],
        ),
        (lambda f: f.__setitem__("country", "US"), [(CauseKind.CONSTANT, "country")]),
        (lambda f: f.__setitem__("employees", 250.0), [(CauseKind.CONSTANT, "employees")]),
        (
            lambda f: f.__setitem__("employees", f["employees"] * 1000),
            [(CauseKind.UNIT_CHANGE, "employees")],
        ),
        (
            lambda f: f.__setitem__(
                "employees", f["employees"].where(f.index % 2 == 0, f["employees"] / 100)
            ),
            [(CauseKind.UNIT_CHANGE, "employees")],
        ),
        (
            lambda f: f.__setitem__("country", f["country"].where(f.index % 8 > 0, "BR")),
            [(CauseKind.NEW_CATEGORY, "country")],
        ),
        (
            lambda f: f.__setitem__("visits", f["visits"] + 15),
            [(CauseKind.POPULATION_SHIFT, "visits")],
        ),
        (
            lambda f: f.__setitem__("score", np.sqrt(f["score"])),
            [(CauseKind.POPULATION_SHIFT, "score")],
        ),
    ],
)
def test_each_cause_is_named_rightly(
    change: Callable[[pd.DataFrame], object], found: list[tuple[CauseKind, str]]
) -> None:
    diagnosis = look(spoilt(change))
    assert [(c.kind, c.about) for c in diagnosis.causes if c.actionable] == found, [
        c.text for c in diagnosis.causes
    ]


def test_a_column_that_moves_no_score_is_no_shift() -> None:
    frame = spoilt(lambda f: f.__setitem__("visits", f["visits"] + 15))
    assert names(look(frame, Known(importance={"employees": 1.0}))) == []


def test_while_a_fault_stands_what_moved_is_told_and_not_acted_upon() -> None:
    def both(frame: pd.DataFrame) -> None:
        frame["employees"] *= 1000
        frame["score"] = np.sqrt(frame["score"])

    found = look(spoilt(both))
    assert {c.kind: c.action for c in found.causes} == {
        CauseKind.UNIT_CHANGE: "mend",
        CauseKind.POPULATION_SHIFT: "none",
    }


def test_too_few_say_nothing() -> None:
    few = spoilt(lambda f: f.__setitem__("employees", f["employees"] * 1000))[:50]
    found = look(few)
    assert found.too_few
    assert names(found) == []


def test_a_factor_is_told_as_a_unit_in_use() -> None:
    random = np.random.default_rng(6)
    there, here = (np.exp(random.normal(4, 1.5, 600)) for _ in range(2))
    ones = np.ones(600)
    assert changed_unit((there, ones), (here * 1000, ones), 600) == (1000.0, 1.0)
    factor, share = changed_unit(
        (there, ones), (np.where(ones.cumsum() % 2, here, here / 60), ones), 600
    ) or (0.0, 0.0)
    assert factor == pytest.approx(1 / 60)
    assert share == pytest.approx(0.5, abs=0.1)
    assert changed_unit((there, ones), (here * 1.5, ones), 600) is None


def test_a_season_is_told_where_an_earlier_year_is_known() -> None:
    def busier(seed: int) -> pd.DataFrame:
        return spoilt(lambda f: f.__setitem__("visits", f["visits"] + 15), seed)

    year_ago = Reference(busier(7), np.arange(900))
    known = Known(importance={"visits": 1.0}, earlier=year_ago)
    assert [(c.kind, c.action) for c in look(busier(2), known).causes] == [
        (CauseKind.SEASON, "none")
    ]
    other = Known(importance={"visits": 1.0}, earlier=Reference(leads(7), np.arange(900)))
    assert [c.kind for c in look(busier(2), other).causes] == [CauseKind.POPULATION_SHIFT]
    assert same_season(np.array([0, 330, 365, 700]), 730).tolist() == [True, True, True, False]


def feeds(days: int = 80) -> dict[str, np.ndarray]:
    random = np.random.default_rng(8)
    week = np.tile([1.2, 1.2, 1.1, 1.1, 1.0, 0.4, 0.3], days // 7 + 1)[:days]
    trend = np.linspace(1.0, 1.3, days)
    rates = {"web": 300.0, "product": 150.0, "crm": 60.0, "mail": 90.0, "support": 3.0}
    return {
        name: random.poisson(rate * week * trend * random.gamma(100, 0.01, days))
        for name, rate in rates.items()
    }


def fed(change: Callable[[dict[str, np.ndarray]], object]) -> list[tuple[CauseKind, str]]:
    held = feeds()
    change(held)
    return names(look(leads(2), feeds=held))


def times(name: str, factor: float, days: int) -> Callable[[Mapping[str, np.ndarray]], None]:
    def change(held: Mapping[str, np.ndarray]) -> None:
        held[name][-days:] = held[name][-days:] * factor

    return change


def test_feeds_with_weekdays_and_trends_are_heard() -> None:
    assert fed(lambda held: None) == []
    for day in range(40, 80):
        cut = {name: counts[:day] for name, counts in feeds().items()}
        assert names(look(leads(2), feeds=cut)) == []


def test_silent_and_half_silent_feeds_are_named() -> None:
    assert fed(times("product", 0.0, 2)) == [(CauseKind.SILENT_FEED, "product")]
    assert fed(times("web", 0.45, 7)) == [(CauseKind.HALF_SILENT_FEED, "web")]
    assert fed(times("web", 0.9, 14)) == []


def test_a_holiday_lowers_all_feeds_and_silence_of_all_is_named() -> None:
    def holiday(held: dict[str, np.ndarray]) -> None:
        for name in held:
            times(name, 0.5, 3)(held)

    def away(held: dict[str, np.ndarray]) -> None:
        for name in held:
            times(name, 0.0, 2)(held)

    assert fed(holiday) == []
    assert {kind for kind, _ in fed(away)} == {CauseKind.SILENT_FEED}


def test_a_feed_that_comes_once_a_week_is_not_silent_between() -> None:
    def weekly(held: dict[str, np.ndarray]) -> None:
        day = np.arange(len(held["web"]))
        held["web"] = np.where(day % 7 == 2, 2_000, 0)

    assert fed(weekly) == []


def decided(seed: int, odds: float, rows: int = 3_000) -> Matured:
    random = np.random.default_rng(seed)
    margin = random.normal(-2, 0.8, rows)
    country = random.choice(np.array(["US", "DE"], dtype=object), rows)
    shift = np.where((country == "DE") & (np.arange(rows) > 800), np.log(odds), 0.0)
    return Matured(
        days=np.arange(rows) // 30,
        leads=np.arange(rows),
        accounts=np.arange(rows) // 2,
        score=logistic(margin),
        label=(random.random(rows) < logistic(margin + shift)).astype(np.float64),
        texts={"country": country},
    )


def test_leads_of_a_segment_that_convert_less_than_told_are_concept_drift() -> None:
    held = decided(9, 0.25)
    frame = pd.DataFrame({"score": held.score, **held.texts})
    known = segments(frame, "score", ["country"])
    assert next(s.name for s in known) == "all leads"
    (cause,) = concept_drift(held, known, 14, "retrain")
    assert (cause.kind, cause.about) == (CauseKind.CONCEPT_DRIFT, "country DE")
    assert cause.value < cause.usual
    for seed in range(10, 16):
        assert list(concept_drift(decided(seed, 1.0), known, 14, "retrain")) == []


def test_outcomes_that_share_time_are_bet_on_once() -> None:
    held = decided(9, 1.0, 60)
    days, lead = np.arange(60) // 2, np.arange(60) % 2
    daily = Matured(days, lead, lead, held.score, held.label, held.texts)
    assert once_a_horizon(daily, 14).days.tolist() == [0, 0, 14, 14, 28, 28]


def test_the_newest_row_of_each_lead_is_looked_at() -> None:
    days = np.repeat(np.arange(40), 300)
    lead = np.tile(np.arange(300), 40)
    kept = newest(days, lead, lead)
    assert len(kept) == 300
    assert set(days[kept]) == {39}
    few = lead < 20
    assert len(newest(days[few], lead[few], lead[few])) == 20
    assert DAYS < 28
