"""From a raw score to a probability, and what is said of it."""

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.bucketing import Arm

FloatArray = NDArray[np.float64]


class Calibrator(msgspec.Struct, frozen=True, kw_only=True):
    """A monotone map from log-odds to probability.

    - `none`: the logistic function itself.
    - `platt`, coefficients (a, b): logistic(a·m + b), Platt 1999.
    - `beta`, coefficients (a, b, c): logistic(a·ln p − b·ln(1 − p) + c) of p = logistic(m),
      Kull, Silva Filho and Flach 2017.
    - `isotonic`: straight lines between the knots (x, y), held level outside them. With
      coefficients (t,) mixed with the share t of the logistic function, so that it rises with the
      log-odds everywhere, and leads that differ keep their order.

    `shift` is added to the log-odds of what the kind gives, which moves the rate that is told and
    leaves the order of leads (`training.model.rate_level`).
    """

    kind: Literal["none", "platt", "beta", "isotonic"] = "none"
    coefficients: tuple[float, ...] = ()
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    shift: float = 0.0

    def apply(self, margins: FloatArray) -> FloatArray:
        """Probabilities [n] of log-odds [n]."""
        match self.kind:
            case "none":
                return logistic(margins + self.shift)
            case "platt":
                a, b = self.coefficients
                return logistic(a * margins + (b + self.shift))
            case "beta":
                a, b, c = self.coefficients
                # ln p and ln(1 - p) of p = logistic(m), without forming p
                rising = -a * np.logaddexp(0, -margins) + b * np.logaddexp(0, margins)
                return logistic(rising + (c + self.shift))
            case "isotonic":
                level = np.asarray(np.interp(margins, self.x, self.y), dtype=np.float64)
                tilt = self.coefficients[0] if self.coefficients else 0.0
                chance = level + tilt * (logistic(margins) - level) if tilt else level
                return _moved(chance, self.shift) if self.shift else chance


def _moved(chance: FloatArray, shift: float) -> FloatArray:
    """Probabilities whose odds are e^shift times those of `chance` [n]; 0 and 1 stay."""
    odds = np.exp(shift)
    return np.asarray(odds * chance / (1 - chance + odds * chance), dtype=np.float64)


def logistic(margins: FloatArray) -> FloatArray:
    """1 / (1 + exp(−m)), without overflow.

    >>> logistic(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return np.asarray(np.exp(-np.logaddexp(0, -margins)), dtype=np.float64)


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a score is what it is: a feature, its value, its contribution in log-odds, a sentence."""

    feature: str
    value: float | str | None
    contribution: float
    text: str


class VersionSet(msgspec.Struct, frozen=True, kw_only=True):
    """The versions that made an answer.

    `catalogue` is that of the sentences of its reasons, "" in answers from before it was kept.
    """

    model: str
    feature_service: str
    policy: str
    catalogue: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What to do about a lead, and the identifiers of the rules that said so.

    `owner_pool` names those of whom one becomes its owner, "" where the policy names none.
    `service_level_h` is within how many working hours the next step is due, None where it is not
    said. `because` says why the next best action is this one; None in decisions from before it was
    kept, which hold neither of the other two.
    """

    eligible: bool
    action: str
    queue: str
    priority: int
    next_best_action: str
    rules: tuple[str, ...]
    owner_pool: str = ""
    service_level_h: float | None = None
    because: str | None = None

    def unlike(self, now: "Decision") -> tuple[str, ...]:
        """The fields in which a decision that is made again differs, of those that this one holds.

        >>> was = Decision(eligible=True, action="call", queue="a", priority=1,
        ...     next_best_action="call", rules=("r",))
        >>> now = msgspec.structs.replace(was, queue="b", because="asked for a demonstration")
        >>> was.unlike(now)
        ('queue',)
        """
        fields = self.__struct_fields__ if self.because is not None else _FIRST_KEPT
        return tuple(name for name in fields if getattr(self, name) != getattr(now, name))


_FIRST_KEPT = ("eligible", "action", "queue", "priority", "next_best_action", "rules")


class Arms(msgspec.Struct, frozen=True, kw_only=True):
    """The arm of an account in the rollout of models, and in that of policies.

    Whose routing is drawn at random is in a holdout; the champion scores it.
    """

    model: Arm = "champion"
    policy: Arm = "champion"


class ScoreAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller of the service gets for one lead. `score` is a calibrated probability.

    `arm` says of both `arms` what matters first: holdout, else challenger, else champion.
    `degraded_by` says why it is degraded, of `domain.ports.DEGRADED_BY`, "" where it is not, and
    in answers from before it was kept.
    """

    lead_id: str
    score: float
    percentile: float
    grade: str
    reasons: tuple[Reason, ...]
    decision: Decision
    versions: VersionSet
    arm: Arm
    features_as_of: str
    staleness_s: float
    degraded: bool
    decision_id: str
    trace_id: str
    arms: Arms = Arms()
    degraded_by: str = ""
