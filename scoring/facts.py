"""What a policy is told of a lead: of all that is known, what it looks at."""

from collections.abc import Mapping

from domain.decisions import Facts
from domain.ports import Policy

Known = float | str | None


def facts_of(
    policy: Policy,
    values: Mapping[str, float | str],
    outcome: str,
    score: float,
    percentile: float,
    *,
    account_known: bool,
) -> Facts:
    """The facts of one lead: `values` of its features by name, `outcome` that closed it, or ""."""
    profile, features = policy.looks_at
    held = {name: known(values.get(name)) for name in profile if name != "outcome"}
    return Facts(
        score=score,
        percentile=percentile,
        grade=policy.grade(score),
        account_known=account_known,
        profile={"outcome": outcome or None, **held},
        features={name: known(values.get(name)) for name in features},
    )


def known(value: Known) -> Known:
    """None for what is missing: NaN, and the empty text."""
    return None if value == "" or value != value else value  # noqa: PLR0124 (NaN)
