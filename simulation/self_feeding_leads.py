"""Leads whom we work by their scores, and whose answers to us look like interest.

The loop that feeds on itself: whoever scores high is worked, working leaves signals (e-mails that
are opened, pages that are visited from them), and a model that takes those for interest scores them
higher. Here working changes nothing else: what becomes of a lead rests on its intent alone, so that
every rise by our own signals is an error, and the truth is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from domain.signals import Signal

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
KINDS: tuple[tuple[str, dict[str, str]], ...] = (
    ("web.page_viewed", {"page": "pricing"}),
    ("web.page_viewed", {"page": "docs"}),
    ("marketing.email_opened", {}),
)
"""What a lead does of itself, and what it does in answer to us: the same kinds."""
A_DAY = np.array([0.10, 0.10, 0.06])
"""How often a lead of middle intent does each of itself, a day."""
ANSWERS = np.array([0.5, 0.2, 0.7])
"""How often a worked lead does each in answer to us, a day."""
HAZARD = 0.006
"""Of a conversion a day, at middle intent."""


@dataclass(frozen=True, slots=True)
class SelfFeedingLeads:
    """Leads [n] of some intent, day by day; `marked` says whether answers carry an action's id."""

    intent: NDArray[np.float64]
    seed: int
    marked: bool

    def __len__(self) -> int:
        return len(self.intent)

    @property
    def hazard(self) -> NDArray[np.float64]:
        """The chance of a conversion a day [n], whatever we do."""
        return np.asarray(HAZARD * np.exp(0.9 * self.intent))

    def converts_within(self, days: int) -> NDArray[np.float64]:
        """The chance of a conversion within so many days [n]."""
        return np.asarray(1 - (1 - self.hazard) ** days)

    def day(self, at: int, worked: Sequence[bool]) -> list[tuple[int, Signal]]:
        """What leads do on a day, with the number of each; answers come from `worked` [n] alone.

        The same seed and day give the same; what leads do of themselves does not rest on `worked`.
        """
        own = np.random.default_rng([self.seed, at, 0])
        often = A_DAY[:, None] * np.exp(0.7 * self.intent)[None, :]
        signals = self._signals(at, own.poisson(often), None)
        answers = np.random.default_rng([self.seed, at, 1]).poisson(
            np.broadcast_to(ANSWERS[:, None], often.shape)
        )
        return signals + self._signals(at, answers * np.asarray(worked, dtype=np.int64), "action")

    def _signals(
        self, at: int, counts: NDArray[np.int64], action: str | None
    ) -> list[tuple[int, Signal]]:
        signals: list[tuple[int, Signal]] = []
        for kind, lead in zip(*np.nonzero(counts), strict=True):
            name, data = KINDS[kind]
            for one in range(int(counts[kind, lead])):
                moment = BEGIN + timedelta(days=at, minutes=60 + 7 * one + int(lead) % 600)
                signal = Signal(
                    id=f"{action or 'own'}-{at}-{kind}-{lead}-{one}",
                    source="simulation",
                    type=name,
                    time=moment,
                    actionid=f"{action}-{at}-{lead}" if action and self.marked else None,
                    identifiers={"crm_id": str(lead)},
                    data=data,
                )
                signals.append((int(lead), signal))
        return signals


def self_feeding_leads(n: int, seed: int, *, marked: bool) -> SelfFeedingLeads:
    """`n` leads of a seed; the same ones whether their answers are marked or not."""
    return SelfFeedingLeads(np.random.default_rng([seed, 9]).normal(size=n), seed, marked)
