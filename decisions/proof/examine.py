"""All that can be said against a policy before it is used: checks, review, proof, and its cases."""

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import msgspec

from decisions.policy.lint import PolicyFinding
from decisions.policy.policy import check_policy, load_policy, read_policy
from decisions.policy.table_axes import GRADES
from decisions.proof.capacity import capacity
from decisions.proof.cases import cases_file, failures, read_cases
from decisions.proof.consent import consent
from decisions.proof.declared import personal, types
from decisions.proof.fact_cells import Unfinished
from decisions.proof.gaps import holes
from decisions.proof.monotone import falls
from decisions.proof.overlaps import overlaps
from decisions.proof.reach import never_fires
from decisions.proof.subject import Subject
from domain.errors import BadConfiguration

Check = Callable[[Subject], Iterable[PolicyFinding]]
CHECKS: dict[str, Check] = {
    "declared types": types,
    "rules that never fire, and complete tables": never_fires,
    "overlaps": overlaps,
    "gaps": holes,
    "a higher score never has a lower priority": falls,
    "consent": consent,
    "capacity of queues": capacity,
}
"""What is proven of a policy that can be run, by what it is called where it cannot be finished."""


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; how many cases were run; what could not be looked at completely, in words."""

    findings: list[PolicyFinding]
    cases: int = 0
    limits: tuple[str, ...] = ()


def examine(
    path: Path,
    known: Collection[str] | None = None,
    before: Path | None = None,
    grades: Sequence[str] = GRADES,
    cases: Path | None = None,
) -> Examination:
    """Examine a policy's file; the arguments of `check_policy`, and a file of cases.

    Without `cases`, those beside the policy are run. A policy that cannot be run is not proven.
    """
    findings = check_policy(path, known, before, grades)
    try:
        policy = load_policy(path)
    except BadConfiguration:
        return Examination(findings=findings)
    file, graph = read_policy(path)
    subject = Subject(policy, graph, file, grades)
    limits = [
        f"{place}: its answer may change at values that it does not name"
        for place in subject.reading.inexact
    ]
    findings += personal(graph, file.description)
    findings += _unasked(subject, known)
    for name, check in CHECKS.items():
        try:
            findings = _joined(findings, check(subject))
        except Unfinished as bad:
            limits.append(f"{name}: {bad}")
        except BadConfiguration as bad:
            findings.append(PolicyFinding(rule=bad.rule, where="the decision", what=bad.what))
    beside = cases or cases_file(path)
    if cases is None and not beside.is_file():
        return Examination(findings=findings, limits=tuple(limits))
    cases_read = read_cases(beside)
    findings += failures(cases_read, policy)
    return Examination(findings=findings, cases=len(cases_read.cases), limits=tuple(limits))


def _unasked(subject: Subject, known: Collection[str] | None) -> list[PolicyFinding]:
    """Consent that is known here, and that the policy does not look at."""
    fact = subject.declared.consent.fact
    if known is None or fact.rpartition(".")[2] not in known or fact in subject.cells:
        return []
    what = f"{fact!r} is known of leads, and no rule looks at it: who refuses is marketed to"
    return [PolicyFinding(rule="policy-consent", where="the facts", what=what)]


def _joined(
    known: Sequence[PolicyFinding], findings: Iterable[PolicyFinding]
) -> list[PolicyFinding]:
    """Findings with those that are new: of what was found before, the proof alone is."""
    by_place = {(one.rule, one.where): one for one in findings}
    joined = [_proven(one, by_place.pop((one.rule, one.where), None)) for one in known]
    return [*joined, *by_place.values()]


def _proven(one: PolicyFinding, again: PolicyFinding | None) -> PolicyFinding:
    if again is None or one.proof:
        return one
    return msgspec.structs.replace(one, proof=again.proof)
