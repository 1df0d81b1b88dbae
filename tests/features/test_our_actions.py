"""Signals that our own actions caused: kept out of features or apart, alike on every path."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.definition import Family, FeatureDefinition
from domain.signals import Signal, decode, encode, recall
from domain.state import COUNT, Matrix, empty, fold, half_lives_of, layout_of
from feature_repo.catalogue import number_names
from feature_repo.features import numbers
from feature_repo.standard import standard_service
from signals.events.feature_matching import MatchedColumns, Matcher
from signals.store import state_kernels
from tests.features.events import Draft, accepted, marked_drafts, signal_of

D = standard_service()
ATTRIBUTES = {"crm.lead_updated", "support.ticket_closed"}
APART = Family(
    name="answered_us",
    channel="ours",
    types=("marketing.*", "web.page_viewed"),
    text="answered us",
    of_actions=True,
)


def state_of(definition: FeatureDefinition, signals: Sequence[Signal]) -> Matrix:
    """The state of one lead's signals, by the compiled kernel; the plain one says the same."""
    matcher, columns = Matcher(definition), MatchedColumns()
    for signal in signals:
        matcher.add(accepted(signal), 0, columns)
    plain, compiled = (empty(layout_of(definition), 1) for _ in range(2))
    lives = half_lives_of(definition)
    fold(plain, columns.events(), 0, len(signals), lives)
    state_kernels.fold(compiled, columns.events(), 0, len(signals), lives)
    np.testing.assert_allclose(plain, compiled, rtol=1e-12)
    return plain


def features_of(definition: FeatureDefinition, signals: Sequence[Signal]) -> dict[str, float]:
    accounts = np.zeros((1, layout_of(definition).account_width))
    row = numbers(definition, state_of(definition, signals), accounts, np.array([1.8e9]))[0]
    return dict(zip(number_names(definition), row.tolist(), strict=True))


def same(one: dict[str, float], other: dict[str, float]) -> bool:
    return all(
        (np.isnan(one[name]) and np.isnan(other[name])) or np.isclose(one[name], other[name])
        for name in one
    )


def signals_of(events: Sequence[Draft]) -> list[Signal]:
    return [signal_of(draft, f"e-{i}") for i, draft in enumerate(events)]


@limits(max_examples=60)
@given(st.lists(marked_drafts, max_size=12))
def test_marked_signals_move_no_feature(events: list[Draft]) -> None:
    """As though they had not come, but for the attributes that they write."""
    signals = [s for s in signals_of(events) if not (s.actionid and s.type in ATTRIBUTES)]
    unmarked = [s for s in signals if not s.actionid]
    assert same(features_of(D, signals), features_of(D, unmarked))
    ours = len(signals) - len(unmarked)
    assert state_of(D, signals)[0, COUNT] == len(unmarked) + ours * 2.0**-20


@limits(max_examples=40)
@given(st.lists(marked_drafts, max_size=12))
def test_where_they_are_counted_a_mark_changes_nothing(events: list[Draft]) -> None:
    counted = msgspec.structs.replace(D, version=2, our_actions="counted")
    signals = signals_of(events)
    bare = [msgspec.structs.replace(s, actionid=None) for s in signals]
    assert same(features_of(counted, signals), features_of(D, bare))
    assert same(features_of(counted, bare), features_of(D, bare))


@limits(max_examples=40)
@given(st.lists(marked_drafts, max_size=12))
def test_a_family_of_actions_counts_them_and_no_others(events: list[Draft]) -> None:
    apart = msgspec.structs.replace(D, version=3, families=(*D.families, APART))
    signals = signals_of(events)
    features = features_of(apart, signals)
    ours = [
        s
        for s in signals
        if s.actionid and (s.type.startswith("marketing.") or s.type == "web.page_viewed")
    ]
    assert features["answered_us_count"] == len(ours)
    plain = features_of(D, signals)
    assert same({n: features[n] for n in plain if n != "breadth"}, plain)


def test_an_attribute_and_an_outcome_hold_whoever_caused_them() -> None:
    """Who opts out by a link in our e-mail has opted out."""
    matcher, columns = Matcher(D), MatchedColumns()
    out = Signal(
        id="1",
        source="tests",
        type="marketing.consent_changed",
        time=signals_of([(1, 0, [("crm_id", "1")], ("crm.deal_won", {}))])[0].time,
        actionid="mail-7",
        data={"consent": "withdrawn"},
    )
    matcher.add(accepted(out), 0, columns)
    won = msgspec.structs.replace(out, id="2", type="crm.deal_won", data={})
    matcher.add(accepted(won), 0, columns)
    assert [text for _, _, text in columns.texts] == ["withdrawn", "won"]


def test_a_log_without_marks_is_written_and_read_as_before() -> None:
    (signal,) = signals_of([(1, 0, [("crm_id", "1")], ("crm.deal_won", {}))])
    assert b"actionid" not in encode(signal)
    assert recall(encode(signal)).actionid is None
    marked = msgspec.structs.replace(signal, actionid="decision:0198e2ca")
    assert recall(encode(marked)).actionid == decode(encode(marked)).actionid == marked.actionid


@pytest.mark.parametrize("name", ["", "someone@company.com", "a b", "x" * 129])
def test_an_action_is_named_by_an_id(name: str) -> None:
    document = b'{"id":"1","source":"s","type":"a.b","time":"2026-01-01T00:00:00Z","actionid":"%s"}'
    with pytest.raises(msgspec.ValidationError):
        decode(document % name.encode())


def test_a_definition_without_such_rules_has_the_fingerprint_that_it_had() -> None:
    """What stands in Feast, in manifests and beside homes was made before there were marks."""
    assert D.fingerprint == "fd4a019f6154c305"
    assert msgspec.structs.replace(D, our_actions="counted").fingerprint != D.fingerprint
