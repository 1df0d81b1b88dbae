"""What a lead would score if it were otherwise: an answer that is no decision, and not recorded."""

from typing import Annotated, Literal

import msgspec

from domain.scores import Decision, Reason, VersionSet

FeatureValue = float | str | None
"""Of a feature; None is missing."""

MOST_CHANGES = 50


class WhatIfRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lead, by its id or by identifiers of it, and its features as they are taken to be.

    A number that is null, and a text that is null or empty, is taken to be missing.
    """

    changes: Annotated[dict[str, FeatureValue], msgspec.Meta(min_length=1, max_length=MOST_CHANGES)]
    lead_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    identifiers: (
        Annotated[
            dict[str, Annotated[str, msgspec.Meta(min_length=1, max_length=512)]],
            msgspec.Meta(min_length=1),
        ]
        | None
    ) = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A feature that was taken to be otherwise: what it is, and what it was asked to be."""

    feature: str
    was: FeatureValue
    now: FeatureValue


class HypotheticalScore(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a lead. `score` is a calibrated probability."""

    score: float
    percentile: float
    grade: str
    reasons: tuple[Reason, ...]
    decision: Decision


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """A lead as it is and as it would be, by the same version and policy, at one moment.

    Only the named features change: others that would follow in life stay as they are. `notes` say
    what makes the changed answer doubtful, such as a value that was not seen in training.
    """

    lead_id: str
    changes: tuple[Change, ...]
    before: HypotheticalScore
    after: HypotheticalScore
    notes: tuple[str, ...]
    versions: VersionSet
    arm: Literal["champion", "challenger", "holdout"]
    features_as_of: str
