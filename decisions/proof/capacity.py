"""Whether queues get more leads than they can take, by the declared demand."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from decisions.policy.lint import PolicyFinding
from decisions.policy.table_axes import CellValue
from decisions.proof.conditions import CellCondition
from decisions.proof.fact_cells import SCORED, FactGroup
from decisions.proof.subject import Subject, finding, in_words
from decisions.proof.walk import Choice, Trace

K = TypeVar("K")


def capacity(subject: Subject) -> Iterator[PolicyFinding]:
    """Queues that get more leads than they can take, by the declared demand."""
    capacities, demand = subject.declared.capacities, subject.declared.demand
    if not capacities or demand is None:
        return
    queue = subject.answer["queue"]
    tables = subject.before([queue])
    ruled = f"{queue.partition('.')[0]}.rule"
    walk = subject.walk(tables, [queue, ruled])
    loads: dict[str, dict[str, float]] = {}
    leads: dict[str, tuple[float, Trace | None]] = {}
    for side, (trace, share) in walk.run(lambda g: _shared(subject, g)).ends.items():
        kept = dict(side[0].kept)
        name, part = str(kept[queue]), share * demand.leads_per_day
        by_rule = loads.setdefault(name, {})
        by_rule[str(kept[ruled])] = by_rule.get(str(kept[ruled]), 0.0) + part
        leads[name] = max(leads.get(name, (-1.0, None)), (part, trace), key=lambda one: one[0])
    for name, limit in sorted(capacities.items()):
        load = sum(loads.get(name, {}).values())
        if load > limit * (1 + 1e-9):
            yield _overload(subject, name, loads[name], limit, leads[name][1])


def _overload(
    subject: Subject, queue: str, by_rule: dict[str, float], limit: float, trace: Trace | None
) -> PolicyFinding:
    most = sorted(by_rule.items(), key=lambda one: -one[1])[:3]
    rules = ", ".join(f"{rule} {part:.3g}" for rule, part in most)
    lead = subject.lead(trace)
    what = (
        f"{sum(by_rule.values()):.3g} leads a day are expected, {limit:g} can be taken; most by "
        f"{rules}; as a lead with {in_words(lead)} (facts taken as independent)"
    )
    return finding("capacity", f"queue {queue!r}", what, lead)


def _shared(subject: Subject, group: FactGroup) -> list[Choice]:
    """The points of a group with their shares of all leads, those of its facts multiplied."""
    shares = {fact: _shares(subject, fact) for fact in group.facts if fact not in SCORED}
    scored = _score_shares(subject)
    choices = []
    for point in group.points:
        values = dict(zip(group.facts, point, strict=True))
        share = 1.0
        for fact, of in shares.items():
            share *= of[values[fact], type(values[fact])]
        if SCORED[0] in values:
            share *= scored[values["score"], values["grade"]]
        choices.append(Choice((point,), share))
    return choices


def _shares(subject: Subject, fact: str) -> dict[tuple[CellValue, type], float]:
    """The share of each cell of a fact: cells that pass the same test share alike."""
    cells = subject.cells[fact]
    passed = [_test_of(subject, fact, value) for value in cells]
    keys: list[tuple[CellValue, type]] = [(v, type(v)) for v in cells]
    return _spread(keys, passed, subject.shares.get(fact, {}), (None, type(None)))


def _score_shares(subject: Subject) -> dict[tuple[CellValue, CellValue], float]:
    name = next((n for n in ("grade", "score") if n in subject.shares), "grade")
    place = SCORED.index(name)
    passed = [_test_of(subject, name, point[place]) for point in subject.scores]
    keys = [(point[0], point[1]) for point in subject.scores]
    return _spread(keys, passed, subject.shares.get(name, {}))


def _test_of(subject: Subject, fact: str, value: CellValue) -> str:
    """The first declared test that a value passes, "" for none."""
    for test in subject.shares.get(fact, {}):
        probe = CellCondition("", 0, "", fact, test, (fact,), ())
        if subject.evaluator.holds(probe, {fact: value}):
            return test
    return ""


def _spread(
    keys: Sequence[K], passed: Sequence[str], shares: Mapping[str, float], unknown: K | None = None
) -> dict[K, float]:
    """The share of each cell by the test that it passes; what the tests leave is unknown.

    Cells of one test share alike; where nothing can be unknown, those of no test do.
    """
    left = max(0.0, 1.0 - sum(share for test, share in shares.items() if test in passed))
    untested = [key for key, test in zip(keys, passed, strict=True) if not test]
    rest = [unknown] if unknown in untested else untested
    return {
        key: shares[test] / passed.count(test) if test else left / len(rest) * (key in rest)
        for key, test in zip(keys, passed, strict=True)
    }
