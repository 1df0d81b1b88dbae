"""The versioned rule of a verdict: margins, levels, and how much must have matured."""

from pathlib import Path
from typing import Annotated

import msgspec

from storage.config_numbers import FileVersion, OpenShare, PositiveCount, PositiveDays, Seed
from storage.typed_yaml import read_typed

STANDARD_FILE = Path(__file__).with_name("canary.yaml")

LEAST_SKILL = 0.02
"""The least skill that a margin is a share of, itself as a share of the prior's Brier score."""


AccountCount = Annotated[int, msgspec.Meta(ge=2, le=10**9)]
Draws = Annotated[int, msgspec.Meta(ge=100, le=100_000)]


class CertificateRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which decisions a certificate counts: an account's first `most`, within a window.

    The window is `window_days` from the account's first decision, so that each account is one
    independent, bounded value.
    """

    most: PositiveCount = 5
    window_days: PositiveDays = 7.0


class CanaryRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of the rule; the file says what each key means."""

    version: FileVersion
    margin: OpenShare
    ranking_margin: OpenShare = 0.03
    conversion_margin: OpenShare = 0.1
    min_matured: PositiveCount = 200
    min_positives: PositiveCount = 20
    min_accounts: AccountCount = 100
    level: OpenShare = 0.95
    best_at: PositiveCount = 1000
    certificate: CertificateRule = CertificateRule()
    draws: Draws = 1000
    seed: Seed = 7

    @property
    def alpha(self) -> float:
        """The chance of a wrong verdict, over all looks."""
        return 1 - self.level

    def brier_margin(self, rate: float, brier: float) -> float:
        """How much worse a Brier score may be than `brier`, where leads convert at a rate in 0..1.

        The margin is a share of the champion's skill, which is taken as `LEAST_SKILL` at least.
        """
        unskilled = rate * (1 - rate)
        return self.margin * max(unskilled - brier, LEAST_SKILL * unskilled)


def load_rule(path: Path = STANDARD_FILE) -> CanaryRule:
    """A rule from its file. Raises BadConfiguration."""
    return read_typed(path, CanaryRule, "canary-rule")
