"""Every named feature against a slow, obvious reference over the raw list of events."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.definition import (
    Backlog,
    Family,
    FeatureDefinition,
    ProfileAttribute,
    Ratio,
    Transition,
)
from domain.errors import BadConfiguration
from domain.signals import Signal
from domain.state import (
    LARGEST_SET,
    PEOPLE,
    SET_BITS,
    Matrix,
    empty,
    event_digest,
    fold,
    half_lives_of,
    layout_of,
    mark_of,
    tie_of,
)
from feature_repo.catalogue import catalogue, category_names, number_names
from feature_repo.features import categories, numbers
from feature_repo.standard import standard_service
from signals.events.feature_matching import MatchedColumns, Matcher
from tests.features.events import BEGIN, Draft, accepted, drafts, signal_of

DAY = 86_400.0
D = FeatureDefinition(
    service="tests",
    version=1,
    half_lives_days=(0.5, 7.0, 30.0),
    families=(
        Family(name="view", channel="web", types=("web.page_viewed",), distinct="page"),
        Family(name="pricing", channel="web", types=("web.*",), where={"page": "pricing"}),
        Family(name="mail", channel="marketing", types=("marketing.*",)),
        Family(name="asked", channel="web", types=("web.form_submitted",), where={"form": "demo"}),
        Family(name="closed", channel="support", types=("support.*",), value="satisfaction"),
    ),
    attributes=(
        ProfileAttribute(
            name="employees", kind="number", types=("crm.lead_updated",), field="employees"
        ),
        ProfileAttribute(name="country", kind="text", types=("crm.lead_updated",), field="country"),
    ),
    ratios=(
        Ratio(name="asks", of="asked", over="view", half_life_days=7.0, prior=0.2, weight=3.0),
        Ratio(name="pricing_share", of="pricing", over="view", half_life_days=0.0),
        Ratio(name="late", of="mail", over="view"),
    ),
    backlogs=(Backlog(name="unanswered", opened="mail", closed="closed"),),
    transitions=(
        Transition(name="priced_then_asked", begins="pricing", ends="asked"),
        Transition(name="again", begins="view", ends="view"),
    ),
)
Events = Sequence[Signal]
moments = st.integers(-5 * 24 * 3600, 120 * 24 * 3600).map(lambda s: BEGIN.timestamp() + s)


def folded(leads: Sequence[Events]) -> Matrix:
    """States [leads, width], by the real matcher and the plain algebra."""
    matcher, columns = Matcher(D), MatchedColumns()
    for row, events in enumerate(leads):
        for event in events:
            matcher.add(accepted(event), row, columns)
    states = empty(layout_of(D), len(leads))
    fold(states, columns.events(), 0, sum(map(len, leads)), half_lives_of(D))
    return states


def account_of(leads: Sequence[Events]) -> Matrix:
    """The account [1, account width] whose people these are."""
    width = layout_of(D).width
    vector = np.zeros((1, layout_of(D).account_width))
    vector[:, :width] = folded([[e for events in leads for e in events]])
    lasts = sorted((math.floor(max(map(at, events))) for events in leads), reverse=True)[:PEOPLE]
    vector[0, width] = len(leads)
    vector[0, width + 1 : width + 1 + len(lasts)] = lasts
    seen = sorted(leads, key=lambda events: -math.floor(max(map(at, events))))[:PEOPLE]
    active = [rate_to(events, math.floor(max(map(at, events))), 7.0) for events in seen]
    vector[0, width + 1 + PEOPLE : width + 1 + PEOPLE + len(active)] = active
    return vector


def at(event: Signal) -> float:
    return event.time_us() / 1_000_000


def feeds(family: str, event: Signal) -> bool:
    match family:
        case "view":
            return event.type == "web.page_viewed"
        case "pricing":
            return event.data.get("page") == "pricing"
        case "mail":
            return event.type.startswith("marketing.")
        case "asked":
            return event.data.get("form") == "demo"
        case _:
            return event.type.startswith("support.")


def newest(events: Events) -> list[Signal]:
    return sorted(events, key=lambda e: (at(e), tie_of(event_digest(e.source, e.id))), reverse=True)


def rate(events: Events, now: float, days: float) -> float:
    """The sum of 0.5 ** (age / half-life); events later than the moment are of the moment.

    Later ones are decayed among themselves: to the newest of them.
    """
    return rate_to(events, max([now, *map(at, events)]), days)


def rate_to(events: Events, upto: float, days: float) -> float:
    return math.fsum(math.pow(0.5, (upto - at(e)) / (days * DAY)) for e in events)


def since(events: Events, now: float) -> float:
    return max(now - max(map(at, events)), 0.0) / DAY if events else math.nan


def of_family(name: str, events: Events, now: float) -> dict[str, float]:
    mine = [e for e in events if feeds(name, e)]
    rates = [rate(mine, now, days) for days in D.half_lives_days]
    found = {f"{name}_count": float(len(mine)), f"{name}_recency_d": since(mine, now)}
    found |= {f"{name}_rate_{d:g}d": r for d, r in zip(D.half_lives_days, rates, strict=True)}
    found[f"{name}_velocity"] = math.log((rates[0] / 0.5 + 1 / 365) / (rates[2] / 30 + 1 / 365))
    return found


def compared(events: Events, now: float) -> dict[str, float]:
    of = {f.name: [e for e in events if feeds(f.name, e)] for f in D.families}
    steps = [(step_of(e), at(e)) for e in newest(events) if step_of(e)][:5]
    pages = {e.data["page"] for e in of["view"]}
    return {
        "view_distinct": estimated(pages),
        "asks": (rate(of["asked"], now, 7.0) + 0.6) / (rate(of["view"], now, 7.0) + 3.0),
        "pricing_share": len(of["pricing"]) / (len(of["view"]) + 1.0),
        "late": rate(of["mail"], now, 30.0) / (rate(of["view"], now, 30.0) + 1.0),
        "unanswered": max(float(len(of["mail"]) - len(of["closed"])), 0.0),
        "priced_then_asked_recency_d": passed("pricing", "asked", steps, now),
        "again_recency_d": passed("view", "view", steps, now),
    }


def estimated(values: set[str]) -> float:
    """Linear counting: of so many bits, those that no value hashes to tell how many there are."""
    taken = len({mark_of(v) for v in values})
    return -SET_BITS * math.log((SET_BITS - taken) / SET_BITS)


def passed(begins: str, ends: str, steps: Sequence[tuple[str, float]], now: float) -> float:
    for k, (step, t) in enumerate(steps):
        if step == ends and begins in [before for before, _ in steps[k + 1 :]]:
            return max(now - t, 0.0) / DAY
    return math.nan


def step_of(event: Signal) -> str:
    """The most particular family speaks for the event."""
    order = ["pricing", "asked", "view", "mail", "closed"]
    return next((n for n in order if feeds(n, event)), "")


def days_active(events: Events, now: float, window: int) -> float:
    today = math.floor(max([now, *map(at, events)]) / DAY)
    days = {math.floor(at(e) / DAY) for e in events}
    return float(len([d for d in days if d > today - window]))


def of_lead(events: Events, now: float) -> dict[str, float]:
    found = {
        "events": float(len(events)),
        "tenure_d": max(now - min(map(at, events)), 0.0) / DAY if events else math.nan,
        "recency_d": since(events, now),
        "active_days_7": days_active(events, now, 7),
        "active_days_28": days_active(events, now, 28),
    }
    found["intensity"] = rate(events, now, 7.0)
    found |= compared(events, now)
    for family in D.families:
        found |= of_family(family.name, events, now)
    lately = {f.channel for f in D.families if found[f"{f.name}_recency_d"] <= 30}
    found["channels_30d"] = float(len(lately))
    steps = [at(e) for e in newest(events) if any(feeds(f.name, e) for f in D.families)][:5]
    gaps = [(a - b) / DAY for a, b in pairwise(steps)]
    found["last_gap_d"] = gaps[0] if gaps else math.nan
    found["mean_gap_d"] = sum(gaps) / len(gaps) if gaps else math.nan
    found["closed_total"] = float(sum(e.data.get("satisfaction", 0) for e in events))
    written = [e.data["employees"] for e in newest(events) if "employees" in e.data]
    found["employees"] = float(written[0]) if written else math.nan
    return found


def of_account(leads: Sequence[Events], now: float) -> dict[str, float]:
    every = [e for events in leads for e in events]
    ages = [math.floor(now) - math.floor(max(map(at, events))) for events in leads]
    found = {
        "account_people": float(len(leads)),
        "account_active_7d": float(len([a for a in ages if a <= 7 * DAY])),
        "account_active_30d": float(len([a for a in ages if a <= 30 * DAY])),
        "account_recency_d": since(every, now),
        "account_events": float(len(every)),
        "account_best_rate": max(map(best_rate, leads, [now] * len(leads)), default=0.0),
    }
    for family in D.families:
        mine = [e for e in every if feeds(family.name, e)]
        found[f"account_{family.name}_rate"] = rate(mine, now, 7.0)
    return found


def best_rate(events: Events, now: float) -> float:
    """A person's intensity; one whose last event is to come counts as of its whole second."""
    return rate_to(events, max(now, math.floor(max(map(at, events)))), 7.0)


def signals_of(lead: int, events: Sequence[Draft]) -> list[Signal]:
    return [signal_of(draft, f"{lead}-{i}") for i, draft in enumerate(events)]


@limits(max_examples=150)
@given(st.lists(st.lists(drafts, min_size=1, max_size=12), min_size=1, max_size=4), moments)
@example([[]], BEGIN.timestamp())
def test_all_numbers_are_what_the_raw_events_say(leads: list[list[Draft]], now: float) -> None:
    raw = [signals_of(i, events) for i, events in enumerate(leads)]
    account = account_of(raw) if raw[0] else np.zeros((1, layout_of(D).account_width))
    held = numbers(D, folded(raw), np.repeat(account, len(raw), axis=0), np.full(len(raw), now))
    people = of_account(raw if raw[0] else [], now)
    for row, events in zip(held.tolist(), raw, strict=True):
        wanted = of_lead(events, now) | people
        assert wanted.keys() == set(number_names(D))
        for name, value in zip(number_names(D), row, strict=True):
            close = math.isclose(value, wanted[name], rel_tol=1e-9, abs_tol=1e-9)
            assert close or (math.isnan(value) and math.isnan(wanted[name])), name


@given(st.lists(drafts, max_size=12))
def test_categories_are_the_last_two_steps_apart_and_as_one_and_the_last_texts(
    events: list[Draft],
) -> None:
    raw = signals_of(0, events)
    last, before = ([s for e in newest(raw) if (s := step_of(e))] + ["", ""])[:2]
    both = f"{before}>{last}" if before else ""
    assert categories(D, folded([raw]), [["DE", "won"]]) == [[last, before, both, "DE"]]


@pytest.mark.parametrize("definition", [D, standard_service()])
def test_the_catalogue_lists_the_columns_in_their_order(definition: FeatureDefinition) -> None:
    names = [f.name for f in catalogue(definition)]
    assert len(set(names)) == len(names)
    assert names == [*number_names(definition), *category_names(definition)]
    layout = layout_of(definition)
    accounts = np.zeros((2, layout.account_width))
    held = numbers(definition, empty(layout, 2), accounts, np.array([1e9, 2e9]))
    assert held.shape == (2, len(number_names(definition)))
    texts = [["" for _ in definition.texts] + ["won"]]
    assert categories(definition, empty(layout, 1), texts)[0] == [""] * len(
        category_names(definition)
    )


def test_without_accounts_there_are_no_account_columns() -> None:
    alone = FeatureDefinition(service="alone", version=1, families=D.families, accounts=False)
    assert not [n for n in number_names(alone) if n.startswith("account")]
    held = numbers(alone, empty(layout_of(alone), 3), np.zeros((3, 0)), np.full(3, 1e9))
    assert held.shape == (3, len(number_names(alone)))


def test_nothing_seen_is_missing_where_it_is_no_count() -> None:
    layout = layout_of(D)
    held = numbers(D, empty(layout, 1), np.zeros((1, layout.account_width)), np.array([1e9]))[0]
    missing = {n for n, v in zip(number_names(D), held, strict=True) if math.isnan(v)}
    assert missing == {
        *(f"{f.name}_recency_d" for f in D.families),
        *(f"{t.name}_recency_d" for t in D.transitions),
        *("tenure_d", "recency_d", "last_gap_d", "mean_gap_d", "account_recency_d", "employees"),
    }
    rest = {n: v for n, v in zip(number_names(D), held, strict=True) if not math.isnan(v)}
    assert rest.pop("asks") == pytest.approx(0.2)  # nothing was seen, so that the prior stands
    assert set(rest.values()) == {0.0}


def test_an_account_counts_all_its_people_and_sees_sixteen_at_work() -> None:
    leads = [
        [signal_of((i, 0, [("crm_id", "1")], ("crm.deal_won", {})), str(i))] for i in range(20)
    ]
    now = np.array([BEGIN.timestamp() + DAY])
    held = numbers(D, folded(leads[:1]), account_of(leads), now)[0]
    named = dict(zip(number_names(D), held, strict=True))
    assert (named["account_people"], named["account_active_7d"]) == (20.0, float(PEOPLE))


def test_states_are_not_changed_by_reading() -> None:
    raw = [signals_of(0, [(5, 0, [("crm_id", "1")], ("web.page_viewed", {"page": "docs"}))])]
    states, account = folded(raw), account_of(raw)
    before = states.copy(), account.copy()
    numbers(D, states, account, np.array([BEGIN.timestamp()]))
    np.testing.assert_array_equal(states, before[0])
    np.testing.assert_array_equal(account, before[1])


def views(pages: Sequence[str]) -> list[Signal]:
    who = [("crm_id", "1")]
    return [
        signal_of((i, 0, who, ("web.page_viewed", {"page": page})), f"{i}")
        for i, page in enumerate(pages)
    ]


def distinct(events: Events) -> float:
    account = np.zeros((1, layout_of(D).account_width))
    held = numbers(D, folded([events]), account, np.array([BEGIN.timestamp()]))[0]
    return float(held[number_names(D).index("view_distinct")])


@pytest.mark.parametrize("values", [5, 20, 50, 100, 200])
def test_distinct_values_are_told_within_a_tenth(values: int) -> None:
    """The error over many sets of values is what linear counting promises."""
    trials = [
        distinct(views([f"page {t} {i}" for i in range(values)])) / values - 1 for t in range(60)
    ]
    assert abs(np.mean(trials)) < 0.05
    assert np.sqrt(np.mean(np.square(trials))) < 0.13


def test_the_same_value_again_is_no_other_and_a_full_set_has_an_end() -> None:
    few = ["a", "b", "c"]
    assert distinct(views(few)) == distinct(views(few * 5))
    assert 2.5 < distinct(views(few)) < 3.5
    assert distinct(views([str(i) for i in range(3000)])) == LARGEST_SET


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"ratios": (Ratio(name="x", of="nobody", over="view"),)}, "family-known"),
        ({"ratios": (Ratio(name="x", of="mail", over="view", half_life_days=3),)}, "half-life-kn"),
        ({"backlogs": (Backlog(name="x", opened="view", closed="y"),)}, "family-known"),
        ({"transitions": (Transition(name="x", begins="y", ends="view"),)}, "family-known"),
        ({"backlogs": (Backlog(name="view", opened="mail", closed="mail"),)}, "names-differ"),
        ({"ratios": (Ratio(name="intensity", of="mail", over="view"),)}, "name-reserved"),
    ],
)
def test_what_a_definition_cannot_mean_is_refused(changed: dict[str, Any], rule: str) -> None:
    plain = {"ratios": (), "backlogs": (), "transitions": ()}
    with pytest.raises(BadConfiguration) as refused:
        msgspec.structs.replace(D, **{**plain, **changed})
    assert refused.value.rule.startswith(rule)


@pytest.mark.parametrize("definition", [D, standard_service()])
def test_no_two_features_bear_one_name(definition: FeatureDefinition) -> None:
    names = [f.name for f in catalogue(definition)]
    assert len(set(names)) == len(names)
    said = {f.name for f in definition.families} | {a.name for a in definition.attributes}
    said |= {"activity", "breadth", "sequence", "account"}
    assert {f.group for f in catalogue(definition)} <= said  # what reasons have sentences for
    assert all(f.text for f in catalogue(definition))
