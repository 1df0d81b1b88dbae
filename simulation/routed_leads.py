"""Leads whose conversion depends on how they are routed, with the truth of every routing.

What off-policy evaluation and uplift are tried on: of each lead it is known what would become of
it under any action. Working a lead helps those in the middle most: the eager ones buy anyhow, and
the idle ones do not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.decisions import Facts

Floats = NDArray[np.float64]
COUNTRIES = ("DE", "FR", "US", "CA", "JP", "BR", "GB", "ZZ")
STRENGTH = {"contact": 1.0, "nurture": 0.35, "self_serve": 0.2, "hold": 0.0, "none": 0.0}
"""How much of the effect of being worked each action has; others have none."""


@dataclass(frozen=True, slots=True)
class RoutedLeads:
    """Leads [n]: what a policy sees of them, and what working them does.

    `intent` and `size` are hidden causes; `score` tells the probability under the action
    `nurture`, with noise. `account` numbers companies, of some two leads each.
    """

    intent: Floats
    size: Floats
    score: Floats
    account: NDArray[np.int64]
    facts: tuple[Facts, ...]

    def __len__(self) -> int:
        return len(self.score)

    def chances(self, actions: list[str]) -> Floats:
        """Probabilities [n] of conversion under these actions [n]."""
        strength = np.array([STRENGTH.get(action, 0.0) for action in actions])
        return _chance(self.intent, strength * self.gains)

    @property
    def gains(self) -> Floats:
        """What being worked in full adds to the log-odds [n]: most in the middle."""
        return np.asarray(1.6 * np.exp(-((self.intent - 0.3) ** 2)) + 0.3 * self.size)


def routed_leads(n: int, seed: int) -> RoutedLeads:
    """`n` leads of a seed, with facts that the standard policy decides on."""
    rng = np.random.default_rng([seed, n])
    account = np.sort(rng.integers(0, max(n // 2, 1), n))
    company = rng.normal(size=int(account.max()) + 1)
    intent = 0.5 * company[account] + rng.normal(scale=0.87, size=n)
    size = (rng.random(n) < 0.4).astype(np.float64)
    score = _chance(intent + rng.normal(scale=0.4, size=n), STRENGTH["nurture"] * 0.9 + 0 * intent)
    percentile = 100.0 * np.argsort(np.argsort(score)) / n
    consent = rng.random(n)
    facts = tuple(
        Facts(
            score=float(score[at]),
            percentile=float(percentile[at]),
            grade="",
            account_known=bool(rng.random() < 0.8),
            profile={
                "country": COUNTRIES[int(rng.integers(len(COUNTRIES)))],
                "employees": float(2000 if size[at] else rng.integers(5, 800)),
                "consent": "withdrawn" if consent[at] < 0.03 else "granted",
                "outcome": None,
                "satisfaction": None,
            },
            features=_behaviour(rng, float(intent[at])),
        )
        for at in range(n)
    )
    return RoutedLeads(intent, size, score, account, facts)


def _behaviour(rng: np.random.Generator, intent: float) -> dict[str, float | str | None]:
    """Recency and rates of behaviour, which is the more recent the higher the intent."""
    recent = {
        name: float(rng.exponential(30.0 * np.exp(-0.5 * intent)))
        for name in ("recency_d", "docs_view_recency_d", "sales_activity_recency_d")
    }
    rates = {
        name: float(rng.poisson(2.0 * np.exp(0.4 * intent)))
        for name in ("pricing_view_rate_7d", "feature_use_rate_7d")
    }
    seldom = (
        *("demo_request_recency_d", "invite_recency_d", "meeting_recency_d"),
        *("sign_up_recency_d", "webinar_recency_d", "ticket_recency_d", "severe_ticket_recency_d"),
    )
    rare = {name: float(rng.exponential(60.0)) if rng.random() < 0.2 else None for name in seldom}
    return {**recent, **rates, **rare}


def _chance(intent: Floats, effect: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-(-2.2 + 0.9 * intent + effect))))
