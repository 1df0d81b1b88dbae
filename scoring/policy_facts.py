"""The facts that a policy gets of a lead: only what it refers to."""

from collections.abc import Mapping

from domain.decisions import Facts
from domain.ports import Policy

FactValue = float | str | None
LooksAt = tuple[tuple[str, ...], tuple[str, ...]]


def facts_of(
    policy: Policy,
    looks_at: LooksAt,
    values: Mapping[str, float | str],
    outcome: str,
    score: float,
    percentile: float,
    *,
    account_known: bool,
) -> Facts:
    """The facts of one lead: `values` of its features by name, `outcome` that closed it, or "".

    The grade is the policy's own; `looks_at` are the attributes and features that it gets.
    """
    profile, features = looks_at
    facts = {name: known(values.get(name)) for name in profile if name != "outcome"}
    return Facts(
        score=score,
        percentile=percentile,
        grade=policy.grade(score),
        account_known=account_known,
        profile={"outcome": outcome or None, **facts},
        features={name: known(values.get(name)) for name in features},
    )


def known(value: FactValue) -> FactValue:
    """None for what is missing: NaN, and the empty text."""
    return None if value == "" or value != value else value  # noqa: PLR0124 (NaN)
