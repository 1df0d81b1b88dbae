"""At which moments leads are scored for training, and the labels beside them."""

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.clock import DAY, from_us
from domain.errors import BadConfiguration, Missing
from domain.identifiers import account_id
from domain.journeys import FOREVER, FirstEvent, Journeys, LeadSpan, OutcomeEvent
from training.config import After, Every, FirstContact, TrainingConfig
from training.data.cutoffs import Cutoff, choose, companies, weights

CLOSING = frozenset({"won", "lost"})
START = 20_000 * DAY


def day(days: float) -> int:
    return START + round(days * DAY)


def span(lead: str, born: float, **more: Any) -> LeadSpan:
    held = LeadSpan(lead, day(born), known_us=day(born), final=lead)
    for name, value in more.items():
        setattr(held, name, value)
    return held


def world(
    *spans: LeadSpan,
    outcomes: list[OutcomeEvent] | None = None,
    anchors: list[FirstEvent] | None = None,
    end: float = 200.0,
) -> Journeys:
    # somebody else's outcome, so that the outcome is known at all
    told = [won("somebody", 0), *(outcomes or [])]
    return Journeys({s.lead_id: s for s in spans}, told, anchors or [], day(end), 1, "")


def won(lead: str, happened: float, known: float | None = None, name: str = "won") -> OutcomeEvent:
    return OutcomeEvent(lead, name, day(happened), day(happened if known is None else known))


def config(**changes: Any) -> TrainingConfig:
    held: dict[str, Any] = {
        "horizon_days": 10.0,
        "cutoffs": Every(days=10.0),
        "begin": from_us(START),
    }
    return TrainingConfig(**(held | changes))


def days_of(cutoffs: list[Cutoff], lead: str = "a") -> list[float]:
    return [(c.moment_us - START) / DAY for c in cutoffs if c.lead_id == lead]


def labels_of(cutoffs: list[Cutoff], lead: str = "a") -> dict[float, int]:
    return {(c.moment_us - START) / DAY: c.label for c in cutoffs if c.lead_id == lead}


def test_every_lead_is_scored_on_the_grid_while_it_exists() -> None:
    chosen = choose(world(span("a", 15), span("b", 30), end=60), config(), CLOSING)
    assert days_of(chosen.cutoffs, "a") == [20, 30, 40, 50]
    assert days_of(chosen.cutoffs, "b") == [30, 40, 50]  # born at the very moment
    assert chosen.removed == {"censored": 2}  # day 60, whose horizon had not passed
    assert chosen.cutoffs == sorted(chosen.cutoffs, key=lambda c: (c.moment_us, c.lead_id))


def test_without_from_the_grid_begins_a_horizon_after_the_first_event() -> None:
    chosen = choose(world(span("b", 3), span("a", 5), end=30), config(begin=None), CLOSING)
    assert days_of(chosen.cutoffs, "a") == [13]
    assert days_of(chosen.cutoffs, "b") == [13]
    late = choose(world(span("a", 5), end=60), config(begin=from_us(day(32))), CLOSING)
    assert days_of(late.cutoffs) == [32, 42]


def test_the_anonymous_are_left_out_until_they_are_known() -> None:
    known = span("a", 0, known_us=day(20))
    never = span("b", 0, known_us=FOREVER)
    chosen = choose(world(known, never, end=40), config(), CLOSING)
    assert days_of(chosen.cutoffs) == [20, 30]
    assert chosen.removed == {"anonymous": 2 + 5, "censored": 1}
    everyone = choose(world(known, never, end=40), config(identified_only=False), CLOSING)
    assert days_of(everyone.cutoffs, "b") == [0, 10, 20, 30]


@pytest.mark.parametrize("name", ["won", "lost"])
def test_the_decided_are_scored_no_more(name: str) -> None:
    told = [won("a", 25, name=name)]
    chosen = choose(world(span("a", 0), outcomes=told, end=60), config(), CLOSING)
    assert days_of(chosen.cutoffs) == [0, 10, 20]
    assert chosen.removed == {"decided": 3, "censored": 1}
    at = choose(world(span("a", 0), outcomes=[won("a", 30, name=name)], end=60), config(), CLOSING)
    assert days_of(at.cutoffs) == [0, 10, 20]


def test_an_outcome_that_was_told_late_decides_from_when_it_happened() -> None:
    """Its story is over, though nobody knew: a row after it could have no label but no."""
    told = [won("a", 25, known=45)]
    chosen = choose(world(span("a", 0), outcomes=told, end=60), config(), CLOSING)
    assert labels_of(chosen.cutoffs) == {0: 0, 10: 0, 20: 1}


def test_an_outcome_that_does_not_close_may_come_again() -> None:
    told = [won("a", 5), won("a", 25)]
    chosen = choose(world(span("a", 0), outcomes=told, end=50), config(), frozenset())
    assert labels_of(chosen.cutoffs) == {0: 1, 10: 0, 20: 1, 30: 0, 40: 0}


def test_labels_at_the_edges_of_the_horizon() -> None:
    edge = 1 / DAY  # a microsecond
    for happened, wanted in [
        (20 + edge, 1),  # just after the moment
        (30, 1),  # at the horizon's end
        (30 + edge, 0),  # just after it
    ]:
        journeys = world(span("a", 0), outcomes=[won("a", happened)], end=100)
        assert labels_of(choose(journeys, config(), CLOSING).cutoffs)[20] == wanted
    at = world(span("a", 0), outcomes=[won("a", 20)], end=100)
    assert 20 not in labels_of(choose(at, config(), CLOSING).cutoffs)
    assert labels_of(choose(at, config(), frozenset()).cutoffs)[20] == 0


def test_the_censored_are_those_whose_horizon_passes_the_watermark() -> None:
    assert days_of(choose(world(span("a", 0), end=20), config(), CLOSING).cutoffs) == [0, 10]
    short = choose(world(span("a", 0), end=20 - 1 / DAY), config(), CLOSING)
    assert days_of(short.cutoffs) == [0]


def test_a_merged_lead_is_scored_under_the_id_it_had_and_labelled_by_what_it_became() -> None:
    cookie = span("a", 0, ended_us=day(20), into="b", final="c")
    person = span("b", 20, ended_us=day(35), into="c", final="c")
    known = span("c", 5)
    journeys = world(cookie, person, known, outcomes=[won("c", 28)], end=60)
    chosen = choose(journeys, config(), frozenset())
    assert labels_of(chosen.cutoffs, "a") == {0: 0, 10: 0}  # not at 20, where it ended
    assert labels_of(chosen.cutoffs, "b") == {20: 1, 30: 0}
    assert labels_of(chosen.cutoffs, "c") == {10: 0, 20: 1, 30: 0, 40: 0, 50: 0}
    assert {c.final_id for c in chosen.cutoffs} == {"c"}


def test_the_account_is_the_one_that_was_known_then() -> None:
    moved = span("a", 0, accounts=[(day(10), "one"), (day(25), "two")])
    chosen = choose(world(moved, end=40), config(), CLOSING)
    assert [c.account_id for c in chosen.cutoffs] == ["", "one", "one", "two"]


def after(**changes: Any) -> TrainingConfig:
    rule = After(types=("x.y",), delay_hours=24.0)
    return config(cutoffs=rule, **({"begin": None} | changes))


def test_after_takes_the_first_anchor_of_each_lead_a_delay_later() -> None:
    anchors = [FirstEvent("a", day(5)), FirstEvent("b", day(7))]
    journeys = world(span("a", 1), span("b", 2), span("c", 2), anchors=anchors)
    chosen = choose(journeys, after(), CLOSING)
    assert [(c.lead_id, c.moment_us) for c in chosen.cutoffs] == [("a", day(6)), ("b", day(8))]
    later = choose(journeys, after(begin=from_us(day(6))), CLOSING)
    assert [c.lead_id for c in later.cutoffs] == ["b"]


def test_after_follows_a_merge_and_scores_the_person_once() -> None:
    cookie = span("a", 0, ended_us=day(5.5), into="b", final="b")
    anchors = [FirstEvent("b", day(9)), FirstEvent("a", day(5))]
    chosen = choose(world(cookie, span("b", 2), anchors=anchors), after(), CLOSING)
    assert [(c.lead_id, c.moment_us) for c in chosen.cutoffs] == [("b", day(6))]
    # merged only later: under its own id
    parted = span("a", 0, ended_us=day(50), into="b", final="b")
    chosen = choose(world(parted, span("b", 2), anchors=anchors), after(), CLOSING)
    assert [(c.lead_id, c.moment_us) for c in chosen.cutoffs] == [("a", day(6))]


def test_a_person_anchored_before_from_is_not_scored_by_a_later_anchor() -> None:
    cookie = span("a", 0, ended_us=day(50), into="b", final="b")
    anchors = [FirstEvent("a", day(5)), FirstEvent("b", day(9))]
    journeys = world(
        cookie, span("b", 2), span("c", 0), anchors=[*anchors, FirstEvent("c", day(9))]
    )
    chosen = choose(journeys, after(begin=from_us(day(7))), CLOSING)
    assert [c.lead_id for c in chosen.cutoffs] == ["c"]


def test_an_outcome_that_nobody_has_is_refused() -> None:
    with pytest.raises(BadConfiguration) as caught:
        choose(world(span("a", 0)), config(outcome="bought"), CLOSING)
    assert caught.value.rule == "outcome-known"
    assert "won" in str(caught.value)


def test_no_cutoff_left_is_missing_and_says_why() -> None:
    with pytest.raises(Missing) as caught:
        choose(world(span("a", 0, known_us=FOREVER), end=30), config(), CLOSING)
    assert caught.value.rule == "cutoffs-left"
    assert "no strong identifier" in str(caught.value)
    with pytest.raises(Missing):
        choose(world(), config(), CLOSING)
    with pytest.raises(Missing):
        choose(world(span("a", 0)), after(), CLOSING)


def first(**changes: Any) -> TrainingConfig:
    return config(cutoffs=FirstContact(delay_hours=12.0), **({"begin": None} | changes))


def test_first_contact_scores_each_lead_once_after_it_was_first_known() -> None:
    journeys = world(span("a", 1), span("b", 2, known_us=day(4)), span("c", 3, known_us=FOREVER))
    chosen = choose(journeys, first(), CLOSING)
    assert [(c.lead_id, c.moment_us) for c in chosen.cutoffs] == [
        ("a", day(1.5)),
        ("b", day(4.5)),
    ]
    assert chosen.removed == {"anonymous": 1}
    everyone = choose(journeys, first(identified_only=False), CLOSING)
    assert [c.moment_us for c in everyone.cutoffs] == [day(1.5), day(2.5), day(3.5)]
    later = choose(journeys, first(begin=from_us(day(2))), CLOSING)
    assert [c.lead_id for c in later.cutoffs] == ["b"]


def test_first_contact_follows_a_merge() -> None:
    """A browser of day 0 that day 5 shows to be a person's; the person is known since day 3."""
    cookie = span("a", 0, known_us=FOREVER, ended_us=day(5), into="b", final="b")
    journeys = world(cookie, span("b", 3))
    chosen = choose(journeys, first(), CLOSING)
    assert [(c.lead_id, c.moment_us) for c in chosen.cutoffs] == [("b", day(3.5))]
    everyone = choose(journeys, first(identified_only=False), CLOSING)
    assert [(c.lead_id, c.moment_us) for c in everyone.cutoffs] == [("a", day(0.5))]


def test_the_eventual_outcome_is_known_beside_the_label() -> None:
    told = [won("a", 25), won("b", 55)]
    chosen = choose(world(span("a", 0), span("b", 0), outcomes=told, end=60), config(), CLOSING)
    assert {c.lead_id: c.eventual for c in chosen.cutoffs} == {"a": 1, "b": 1}
    assert labels_of(chosen.cutoffs)[0] == 0
    assert all(c.label <= c.eventual for c in chosen.cutoffs)


def cutoff(lead: str, account: str = "", at: int = 0) -> Cutoff:
    return Cutoff(lead, account, lead, at, 0)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60), st.sampled_from("abc"))
def test_weights_depend_on_the_past_alone(leads: list[str], more: str) -> None:
    """A later cutoff, which an outcome could prevent, changes no ratio of weights before it."""
    held = [cutoff(lead) for lead in leads]
    some, all_of = weights(held), weights([*held, cutoff(more)])
    assert some.mean() == pytest.approx(1.0)
    assert [w / some[0] for w in some] == pytest.approx([w / all_of[0] for w in all_of[:-1]])
    for lead in set(leads):
        mine = [w for w, c in zip(some, held, strict=True) if c.lead_id == lead]
        assert sum(mine) <= mine[0] * (1 + math.log(len(mine))) + 1e-9


def test_a_company_is_its_account_with_all_its_leads_and_what_they_lead_to() -> None:
    held = [
        cutoff("a", "one"),
        cutoff("b", "one"),
        cutoff("b", "two"),  # moved: both accounts are one company
        cutoff("c", "two"),
        cutoff("d"),
        cutoff("e", "three"),
        cutoff("a"),  # before its account was known
    ]
    names = companies(held)
    assert len({names[i] for i in (0, 1, 2, 3, 6)}) == 1
    assert len(set(names)) == 3
    back = companies(held[::-1])[::-1]
    assert names == back  # whatever their order


whens = st.floats(0, 60).map(lambda d: round(d, 3))


@limits(max_examples=200)
@given(
    st.lists(st.tuples(whens, whens, st.one_of(st.none(), whens)), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), whens, st.floats(0, 9), st.booleans()), max_size=10),
    st.sampled_from([2.5, 7.0, 30.0]),
)
def test_each_grid_moment_is_kept_or_counted(
    leads: list[tuple[float, float, float | None]],
    told: list[tuple[int, float, float, bool]],
    step: float,
) -> None:
    """Against the rules told row by row; labels from the raw list of outcomes."""
    spans = []
    for i, (born, known, ended) in enumerate(leads):
        ends = FOREVER if ended is None or ended <= born else day(ended)
        spans.append(span(f"l{i}", born, known_us=day(max(born, known)), ended_us=ends))
    outcomes = [won(f"l{i}", at, at + lag, "won" if good else "lost") for i, at, lag, good in told]
    journeys = world(*spans, outcomes=outcomes, end=60)
    kept, removed = [], 0
    for one in spans:
        for k in range(100):
            moment = from_us(START) + k * timedelta(days=step)
            us = START + round(k * step * DAY)
            assert from_us(us) == moment
            if not one.born_us <= us < one.ended_us or us > day(60):
                continue
            mine = [o for o in outcomes if o.lead_id == one.lead_id]
            open_yet = all(o.happened_us > us for o in mine)
            if one.known_us <= us and us + 10 * DAY <= day(60) and open_yet:
                yes = any(o.name == "won" and us < o.happened_us <= us + 10 * DAY for o in mine)
                kept.append((us, one.lead_id, int(yes)))
            else:
                removed += 1
    asked = config(cutoffs=Every(days=step))
    if not kept:
        with pytest.raises(Missing):
            choose(journeys, asked, CLOSING)
        return
    chosen = choose(journeys, asked, CLOSING)
    assert [(c.moment_us, c.lead_id, c.label) for c in chosen.cutoffs] == sorted(kept)
    assert sum(chosen.removed.values()) == removed


def test_accounts_are_left_out_as_files_name_them() -> None:
    accounts = {"one": "acme.com", "two": "A-17", "three": "other.org"}
    spans = {
        name: span(name, 0, accounts=[(day(0), account_id(account))])
        for name, account in accounts.items()
    }
    outcome = OutcomeEvent("three", "won", day(25), day(25))
    journeys = Journeys(spans, [outcome], [], day(60), 1, "")
    asked = TrainingConfig(
        horizon_days=10.0, cutoffs=Every(days=10.0), exclude_accounts=("Acme.com ", "A-17")
    )
    chosen = choose(journeys, asked, CLOSING)
    assert {c.lead_id for c in chosen.cutoffs} == {"three"}
    assert chosen.removed["account_excluded"] > len(chosen.cutoffs)
