"""What stands on the serving hot path: one decision, one entry, a hundred entries."""

import os
from typing import Any

import msgspec
import pytest

from decisions.audit.decision_id import new_decision_id
from decisions.audit.trail import AuditTrail
from decisions.policy.zen_policy import ZenPolicy
from domain.decisions import DecisionRecord
from tests.decisions.conftest import MakeRecord


def test_decide(benchmark: Any, standard: ZenPolicy, make_record: MakeRecord) -> None:
    benchmark(standard.decide, make_record().facts)


@pytest.mark.parametrize("count", [1, 100])
def test_append(benchmark: Any, trail: AuditTrail, make_record: MakeRecord, count: int) -> None:
    pattern = make_record()

    def fresh() -> tuple[tuple[list[DecisionRecord]], dict[str, Any]]:
        ids = [new_decision_id(0, os.urandom) for _ in range(count)]
        answers = [msgspec.structs.replace(pattern.answer, decision_id=i) for i in ids]
        return ([msgspec.structs.replace(pattern, answer=a) for a in answers],), {}

    benchmark.pedantic(trail.append, setup=fresh, rounds=200)
