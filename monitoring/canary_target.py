"""On which outcome two versions are compared: the one that both learnt, or a stated one.

A probability is of an event within a horizon. Held against what happened within another one it
looks badly calibrated whatever it is worth; how it ranks leads may still be compared.
"""

import msgspec

from domain.errors import BadInput


class Learnt(msgspec.Struct, frozen=True, kw_only=True):
    """What a version tells the probability of: an outcome within so many days."""

    outcome: str
    horizon_days: float

    @property
    def in_words(self) -> str:
        """In words."""
        return f"{self.outcome} within {self.horizon_days:g} days"


class Target(Learnt, frozen=True, kw_only=True):
    """The outcome that decides.

    `waits_days`: a decision counts only so long after the horizon's end, so that every horizon
    in question is over. `of_both` says that both versions tell just this probability.
    """

    waits_days: float = 0.0
    of_both: bool = True


def common(one: Learnt, other: Learnt, horizon_days: float | None = None) -> Target | None:
    """The target of two versions: what both learnt, or a stated horizon; else None.

    With a stated horizon, decisions count once the longest of all three is over: else outcomes
    that came early would be compared alone. Raises BadInput for a horizon that is none.
    """
    if horizon_days is not None and not horizon_days > 0:
        raise BadInput(
            f"--horizon-days is {horizon_days:g}, must be above 0", rule="canary-horizon"
        )
    if one.outcome != other.outcome:
        return None
    same = one.horizon_days == other.horizon_days
    if horizon_days is None and not same:
        return None
    horizon = one.horizon_days if horizon_days is None else horizon_days
    longest = max(one.horizon_days, other.horizon_days, horizon)
    return Target(
        outcome=one.outcome,
        horizon_days=horizon,
        waits_days=longest - horizon,
        of_both=same and horizon == one.horizon_days,
    )
