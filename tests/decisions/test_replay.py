"""A decision replayed from its record, and its id."""

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.audit.decision_id import new_decision_id
from decisions.audit.replay import differences, replay
from decisions.audit.trail import AuditTrail
from decisions.policy.zen_policy import ZenPolicy
from domain.decisions import DecisionRecord
from tests.decisions.conftest import MakeRecord


def test_what_the_trail_kept_replays_without_difference(
    trail: AuditTrail, make_record: MakeRecord, standard: ZenPolicy
) -> None:
    trail.append([make_record(score=n / 20, lead_id=f"lead_{n}") for n in range(20)])
    for record in trail.records():
        assert replay(record, standard) == record.answer.decision
        assert differences(record, standard) == []


def test_another_policy_differs(make_record: MakeRecord, generic: ZenPolicy) -> None:
    told = differences(make_record(), generic)
    assert "policy was 'standard-1', is 'generic-1'" in told
    assert "queue was 'mid_market_emea', is 'sales'" in told


@pytest.mark.parametrize(
    ("part", "changed", "told"),
    [
        ("answer", {"grade": "C"}, ["grade of the facts was 'C'", "grade was 'C', is 'A'"]),
        ("answer", {"score": 0.39}, ["score of the facts was 0.39, is 0.5"]),
        ("answer", {"percentile": 1.0}, ["percentile of the facts was 1.0, is 90.0"]),
        ("facts", {"profile": {}}, ["queue was 'mid_market_emea', is 'small_business'"]),
        ("facts", {"score": 0.05}, ["grade was 'A', is 'C'", "action was 'contact'"]),
    ],
)
def test_each_change_is_told(
    make_record: MakeRecord,
    standard: ZenPolicy,
    part: str,
    changed: dict[str, object],
    told: list[str],
) -> None:
    record: DecisionRecord = make_record()
    inner = msgspec.structs.replace(getattr(record, part), **changed)
    found = differences(msgspec.structs.replace(record, **{part: inner}), standard)
    for sentence in told:
        assert any(line.startswith(sentence) for line in found), found


@given(us=st.integers(0, 2**48 * 1000 - 1), chance=st.binary(min_size=8, max_size=8))
def test_an_id_is_a_uuid_of_version_7(us: int, chance: bytes) -> None:
    made = UUID(new_decision_id(us, lambda n: chance[:n]))
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made.int >> 80 == us // 1000


@given(first=st.integers(0, 2**50), later=st.integers(1, 10**9), chance=st.binary(min_size=16))
def test_ids_sort_as_their_moments(first: int, later: int, chance: bytes) -> None:
    one = new_decision_id(first, lambda n: chance[:n])
    two = new_decision_id(first + later, lambda n: chance[-n:])
    assert one < two
