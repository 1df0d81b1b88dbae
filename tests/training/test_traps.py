"""Traps of real data: noticed where they are, silent where they are not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from domain.clock import DAY
from domain.errors import Refused
from domain.journeys import Journeys, LeadSpan, OutcomeEvent
from tests.training.worlds import CONFIG, START, dataset
from training.data.cutoffs import Cutoff
from training.data.data_warnings import notice, refuse_one_company
from training.data.late_outcomes import begin_late, expected_before


def world(
    *, born: list[int], since: int = 0, rate: float = 0.3, account: str = ""
) -> tuple[list[Cutoff], Journeys]:
    """A cutoff per lead at its birth; outcomes five days later, none before day `since`."""
    random = np.random.default_rng(1)
    cutoffs, spans, outcomes = [], {}, []
    for i, day in enumerate(sorted(born)):
        at, name = START + day * DAY, f"lead{i}"
        won = day + 5 >= since and random.random() < rate
        spans[name] = LeadSpan(name, at, known_us=at, final=name)
        if won:
            outcomes.append(OutcomeEvent(name, "won", at + 5 * DAY, at + 5 * DAY))
        cutoffs.append(Cutoff(name, account or f"a{i}", name, at, int(won)))
    return cutoffs, Journeys(spans, outcomes, [], START + 300 * DAY, 1, "")


def rules(cutoffs: list[Cutoff], journeys: Journeys) -> list[str]:
    return [trap.rule for trap in notice(cutoffs, journeys, CONFIG)]


EVEN = [day for day in range(200) for _ in range(3)]


def test_steady_leads_of_many_accounts_are_no_trap() -> None:
    assert rules(*world(born=EVEN)) == []


def test_outcomes_that_begin_late_are_noticed_with_the_day_to_begin_from() -> None:
    cutoffs, journeys = world(born=EVEN, since=100)
    found = notice(cutoffs, journeys, CONFIG)
    assert [trap.rule for trap in found] == ["outcomes-begin-late"]
    first = min(o.happened_us for o in journeys.outcomes)
    early = sum(c.moment_us < first - 10 * DAY for c in cutoffs)
    assert f"{early:,} rows of {early:,} leads" in found[0].text
    later = [c for c in cutoffs if c.moment_us >= first - 10 * DAY]
    assert rules(later, journeys) == []


def drifting(seed: int, rate: Callable[[float], float]) -> tuple[list[Cutoff], Journeys]:
    """1,800 leads over 300 days whose rate of winning changes with the share of time gone."""
    random = np.random.default_rng(seed)
    cutoffs, outcomes = [], []
    for i, day in enumerate(np.sort(random.integers(0, 300, 1800)).tolist()):
        at, name, gap = START + day * DAY, f"lead{i}", int(random.integers(1, 10)) * DAY
        won = random.random() < rate(day / 300)
        if won:
            outcomes.append(OutcomeEvent(name, "won", at + gap, at + gap))
        cutoffs.append(Cutoff(name, "", name, at, int(won)))
    return cutoffs, Journeys({}, outcomes, [], START + 400 * DAY, 1, "")


@pytest.mark.parametrize(
    "rate",
    [
        lambda t: 0.1,
        lambda t: 0.3 * t,
        lambda t: 0.3 * t**2,
        lambda t: 0.3 * np.exp(-5 * (1 - t)),
        lambda t: 0.3 / (1 + np.exp(-20 * (t - 0.5))),
    ],
    ids=["steady", "linear", "square", "exponential", "logistic"],
)
def test_mere_drift_is_no_late_beginning(rate: Callable[[float], float]) -> None:
    found = [begin_late(*drifting(seed, rate), CONFIG) is not None for seed in range(40)]
    assert sum(found) <= 4


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_an_edge_is_told_from_drift(rate: float) -> None:
    found = [
        begin_late(*drifting(seed, lambda t: rate * (t > 0.5)), CONFIG) is not None
        for seed in range(40)
    ]
    assert sum(found) >= 28


def slow(seed: int, *, since: int) -> tuple[list[Cutoff], Journeys]:
    """1,800 leads whose rate of winning rises fast, within weeks or months; none before a day."""
    random = np.random.default_rng(seed)
    cutoffs, outcomes = [], []
    for i, day in enumerate(np.sort(random.integers(0, 300, 1800)).tolist()):
        at, name = START + day * DAY, f"lead{i}"
        took = int(DAY * (1 + random.lognormal(2.6, 1.3)))
        won = (
            random.random() < 0.2 / (1 + np.exp(-(day - 150) / 20))
            and at + took < START + 400 * DAY
        )
        won = bool(won) and at + took >= START + since * DAY
        if won:
            outcomes.append(OutcomeEvent(name, "won", at + took, at + took))
        cutoffs.append(Cutoff(name, "", name, at, int(won and took < 10 * DAY)))
    return cutoffs, Journeys({}, outcomes, [], START + 400 * DAY, 1, "")


def test_wins_that_only_slow_leads_have_tell_of_an_edge_whatever_the_rate() -> None:
    mere = [begin_late(*slow(seed, since=0), CONFIG) is not None for seed in range(60)]
    cut = [begin_late(*slow(seed, since=160), CONFIG) is not None for seed in range(60)]
    assert sum(mere) <= 4
    assert sum(cut) >= 45


def test_winners_at_the_very_ends_are_no_error() -> None:
    for labels in ([1.0] * 10 + [0.0] * 990, [0.0] * 990 + [1.0] * 10, [1.0] * 20):
        assert np.isfinite(expected_before(np.array(labels), 500))


def test_a_log_that_begins_in_the_middle_is_noticed() -> None:
    assert rules(*world(born=[0] * 200 + EVEN)) == ["leads-begin-early"]


def test_an_account_that_gives_its_labels_away_is_noticed() -> None:
    cutoffs, journeys = world(born=EVEN)
    others, theirs = cutoffs[:500], cutoffs[500:]
    all_won = [replace(c, account_id="big", label=1) for c in theirs]
    found = rules([*others, *all_won], journeys)
    assert found == ["one-account-large", "one-account-one-label"]
    mixed = [replace(c, account_id="big") for c in theirs]
    assert rules([*others, *mixed], journeys) == []
    few = [replace(c, account_id="small", label=1) for c in theirs[:5]]
    assert rules([*others, *few], journeys) == []


def test_one_account_that_is_nearly_everything_is_noticed() -> None:
    cutoffs, journeys = world(born=EVEN, account="only")
    assert rules(cutoffs, journeys) == ["one-account-large"]
    assert rules([replace(c, account_id="") for c in cutoffs], journeys) == []


def test_a_test_whose_winners_are_one_company_is_refused() -> None:
    data = dataset(100, 1)
    refuse_one_company(data)
    one = replace(data, groups=np.where(data.labels == 1, -1, data.groups))
    with pytest.raises(Refused) as caught:
        refuse_one_company(one)
    assert caught.value.rule == "one-company"
