"""Alarms over days of looks: some of the markets that `tests.rehearsal.alarms` has hundreds of."""

import pytest

from tests.rehearsal.alarms import first_alarm, lines, tally
from tests.rehearsal.markets import PLANS, Plan

BY_NAME = {plan.name: plan for plan in PLANS}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["steady", "seasonal, a year known"])
def test_where_nothing_is_planted_nothing_alarms(name: str) -> None:
    assert first_alarm(BY_NAME[name], 1000)[1] is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "plan", [p for p in PLANS if p.name in {"half-silent feed", "unit change", "new segment"}]
)
def test_what_is_planted_is_named_rightly(plan: Plan) -> None:
    result = tally(plan, 1)
    assert (result.alarmed, result.right) == (1, 1), result.names
    assert plan.name in "\n".join(lines([result]))
