"""Whether a higher score ever has a lower priority."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from decisions.policy.jdm import Node, row_name
from decisions.policy.lint import PolicyFinding
from decisions.proof.fact_cells import SCORED, FactGroup, Point
from decisions.proof.subject import MOST_TOLD, Subject, finding, in_words, rules_of
from decisions.proof.walk import Choice
from domain.versions.policy_manifest import GoldenRow


def falls(subject: Subject) -> Iterator[PolicyFinding]:
    """A higher score, all else alike, with a lower priority (a greater number)."""
    wanted = [subject.answer["priority"]]
    tables = subject.before(wanted)
    read = {f for g in subject.groups(tables) for f in g.facts}
    for rising in (SCORED, ("percentile",)):
        if read & set(rising):
            yield from _falls(subject, tables, wanted, set(rising))


def _falls(
    subject: Subject, tables: Sequence[Node], wanted: Sequence[str], rising: set[str]
) -> Iterator[PolicyFinding]:
    ruled = [f"{t.content.output_path}.rule" for t in tables]
    walk = subject.walk(tables, [*wanted, *ruled])

    def choices(group: FactGroup) -> list[Choice]:
        if not rising & set(group.facts):
            return [Choice((point, point), 1.0) for point in group.points]
        return [Choice(pair, 1.0) for pair in _rises(group, rising)]

    kinds: set[tuple[str, ...]] = set()
    for (low, high), (trace, _) in walk.run(choices, leads=2).ends.items():
        before, after = dict(low.kept), dict(high.kept)
        worse = float(after[wanted[0]] or 0) > float(before[wanted[0]] or 0)
        now = [str(after[name]) for name in ruled]
        if not worse or set(now) & set(subject.declared.may_fall):
            continue
        leads = subject.lead(trace, 0), subject.lead(trace, 1)
        kind = (*leads[0].decision.rules, *leads[1].decision.rules)
        if leads[1].decision.priority > leads[0].decision.priority and kind not in kinds:
            kinds.add(kind)
            if len(kinds) <= MOST_TOLD:
                yield _fall(subject, tables, *leads)


def _rises(group: FactGroup, rising: set[str]) -> Iterator[tuple[Point, Point]]:
    """Pairs of points that differ in nothing but one step up of what rises."""
    up = [at for at, fact in enumerate(group.facts) if fact in rising]
    lines: dict[Point, list[Point]] = {}
    for point in group.points:
        rest = tuple(v for at, v in enumerate(point) if at not in up)
        lines.setdefault(rest, []).append(point)
    for line in lines.values():
        ordered = [
            p for p in line if all(type(p[at]) is not bool and p[at] is not None for at in up)
        ]
        ordered.sort(key=lambda p: float(p[up[0]] or 0))
        yield from pairwise(ordered)


def _fall(
    subject: Subject, tables: Sequence[Node], low: GoldenRow, high: GoldenRow
) -> PolicyFinding:
    path = subject.answer["priority"].partition(".")[0]
    table = next(t for t in tables if t.content.output_path == path)
    at = next(i for i, rule in enumerate(rules_of(table)) if rule in high.decision.rules)
    what = (
        f"a lead with {in_words(high)} gets priority {high.decision.priority}, one with score "
        f"{low.facts.score:g} (grade {low.facts.grade}) gets {low.decision.priority}: name the "
        "rule under `may_fall` if this is meant"
    )
    return finding("monotone", row_name(table, at), what, low, high)
