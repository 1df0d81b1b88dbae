"""Traps of real data: noticed where they are, silent where they are not."""

from dataclasses import replace

import numpy as np
import pytest

from domain.clock import DAY
from domain.errors import Refused
from domain.journeys import Journeys, LeadSpan, OutcomeEvent
from tests.training.worlds import CONFIG, START, dataset
from training.cutoffs import Cutoff
from training.traps import notice, refuse_one_company


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
