"""What a policy is asked, and what is kept of every decision."""

import msgspec

from domain.scores import ScoreAnswer


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a policy may look at. `profile` holds the lead's attributes by name.

    Nothing else may move a decision: no clock, no setting, no state of the process.
    """

    score: float
    percentile: float
    grade: str
    account_known: bool
    profile: dict[str, float | str | None]
    features: dict[str, float | str | None]


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One decision, complete: enough to replay it to the same answer.

    `features` are the named features in the order of the feature service, `texts` the category
    features after them; `shadow` holds the scores that other versions gave to the same features;
    `watermark_us` is the newest moment the log knew of when it was made.
    """

    decided_us: int
    as_of_us: int
    watermark_us: int
    account_id: str
    features: tuple[float | None, ...]
    texts: tuple[str, ...]
    margin: float
    rollout: str
    shadow: dict[str, float]
    facts: Facts
    answer: ScoreAnswer
