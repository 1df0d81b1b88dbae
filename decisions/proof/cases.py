"""Named test cases beside a policy: leads, and what is to be decided of them.

They stand in a file of their own, `routing.cases.yaml` beside `routing.json`:

    cases:
      - name: a large company in Germany
        facts: {grade: A, profile.employees: 5000, profile.country: DE}
        expect: {queue: enterprise_emea, priority: 1}
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec

from decisions.expressions.cost import LARGEST
from decisions.policy.lint import LOWEST_PRIORITY, MOST_HOURS, PolicyFinding
from decisions.policy.table_axes import GRADES
from decisions.policy.zen_policy import ZenPolicy
from domain.decisions import Facts
from domain.errors import BadConfiguration
from domain.versions.policy_manifest import GoldenRow
from storage.typed_yaml import read_typed

MOST_CASES = 1_000
_FACTS = r"^(score|percentile|grade|account_known|(profile|features)\..+)$"
_FactName = Annotated[str, msgspec.Meta(pattern=_FACTS)]
_Number = Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ExpectedDecision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a decision must be; what is not given may be anything. `rules` are some of its rules."""

    eligible: bool | None = None
    action: str | None = None
    queue: str | None = None
    priority: Annotated[int, msgspec.Meta(ge=1, le=LOWEST_PRIORITY)] | None = None
    next_best_action: str | None = None
    owner_pool: str | None = None
    service_level_h: Annotated[float, msgspec.Meta(gt=0, le=MOST_HOURS)] | None = None
    rules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.rules and all(v is None for v in msgspec.structs.astuple(self)[:-1]):
            raise ValueError("`expect` says nothing")


class PolicyCase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lead by its facts, named as in the tables, and what is expected.

    `score`, else the least of `grade`; what is not given is unknown, an account is.
    """

    name: _Text
    facts: dict[_FactName, bool | _Number | str | None]
    expect: ExpectedDecision

    def __post_init__(self) -> None:
        if self.facts.get("grade", "A") not in GRADES:
            raise ValueError(f"`grade` is none of {', '.join(GRADES)}")
        for fact, most in (("score", 1), ("percentile", 100)):
            value = self.facts.get(fact, 0.0)
            if type(value) not in (int, float) or not 0 <= cast("float", value) <= most:
                raise ValueError(f"`{fact}` must be a number from 0 to {most}")

    def lead(self, policy: ZenPolicy) -> Facts:
        """The facts, with the grade that the policy gives."""
        least = dict(policy.grades)[str(self.facts.get("grade", "D"))]
        score = float(self.facts.get("score", least) or 0.0)
        return Facts(
            score=score,
            percentile=float(self.facts.get("percentile", 50.0) or 0.0),
            grade=policy.grade(score),
            account_known=bool(self.facts.get("account_known", True)),
            profile=self._part("profile."),
            features=self._part("features."),
        )

    def _part(self, begins: str) -> dict[str, float | str | None]:
        return {k.removeprefix(begins): v for k, v in self.facts.items() if k.startswith(begins)}


class PolicyCases(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cases of a policy; their names differ."""

    cases: Annotated[tuple[PolicyCase, ...], msgspec.Meta(min_length=1, max_length=MOST_CASES)]

    def __post_init__(self) -> None:
        names = [case.name for case in self.cases]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two cases are named {name!r}")


def cases_file(policy: Path) -> Path:
    """Where the cases of a policy's file stand.

    >>> cases_file(Path("policies/routing.json")).name
    'routing.cases.yaml'
    """
    return policy.with_suffix(".cases.yaml")


def read_cases(path: Path) -> PolicyCases:
    """The cases in a file. Raises BadConfiguration naming file and line."""
    return read_typed(path, PolicyCases, "policy-cases", todo=_TODO, prepare=_with_known_facts)


_TODO = "See docs/policies.md for the form of cases."


def _with_known_facts(document: Any) -> Any:
    """The document, whose facts are named as in tables; raises BadConfiguration for others.

    What is no document of cases is left to the types.
    """
    cases = document.get("cases") if isinstance(document, dict) else None
    for at, case in enumerate(cases if isinstance(cases, list) else ()):
        facts = case.get("facts") if isinstance(case, dict) else None
        for name in facts if isinstance(facts, dict) else ():
            if not re.match(_FACTS, str(name)):
                raise BadConfiguration(
                    f"no fact has the name {str(name)!r}",
                    rule="policy-cases",
                    key=f"$.cases[{at}].facts.{name}",
                    todo="Write score, grade, percentile, account_known, profile.NAME or "
                    "features.NAME.",
                )
    return document


def failures(cases: PolicyCases, policy: ZenPolicy) -> Iterator[PolicyFinding]:
    """The cases that a policy decides otherwise."""
    for case in cases.cases:
        facts = case.lead(policy)
        row = GoldenRow(facts=facts, decision=policy.decide(facts))
        wrong = list(_wrong(case.expect, row))
        if wrong:
            what = f"{', '.join(wrong)}; decided by {', '.join(row.decision.rules)}"
            yield PolicyFinding(
                rule="policy-case", where=f"case {case.name!r}", what=what, proof=(row,)
            )


def _wrong(expected: ExpectedDecision, row: GoldenRow) -> Iterator[str]:
    for name in ExpectedDecision.__struct_fields__:
        wanted = getattr(expected, name)
        if name == "rules" or wanted is None:
            continue
        if (decided := getattr(row.decision, name)) != wanted:
            yield f"{name} is {decided!r}, {wanted!r} is expected"
    for rule in expected.rules:
        if rule not in row.decision.rules:
            yield f"rule {rule!r} does not decide"
