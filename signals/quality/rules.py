"""The rules of the gates at the signal plane's door, as configuration; see `quality.yaml`."""

from datetime import UTC, datetime
from typing import Annotated, Literal, TypeGuard

import msgspec

from storage.config_numbers import (
    PositiveCount,
    PositiveDays,
    PositiveMagnitude,
    PositiveSeconds,
    PositiveShare,
)

Severity = Literal["off", "warn", "reject"]
"""What a broken rule does to one event: nothing, a count, or quarantine."""

Reaction = Literal["off", "warn", "stop"]
"""What a broken rule does to a batch: nothing, a count, or a refusal of the whole batch."""

Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]
Aware = Annotated[datetime, msgspec.Meta(tz=True)]


class ValueRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a data field's value must be, beyond its contract.

    `types` are the event types it is for; none named means all. Numbers lie in `least` to `most`
    and do not exceed the field `not_above`; texts are none of `none_of`, in any case. A field
    that is missing, or of another kind, breaks no rule.
    """

    rule: Slug
    field: str
    types: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    not_above: str | None = None
    none_of: tuple[str, ...] = ()
    severity: Severity = "reject"

    def __post_init__(self) -> None:
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(
                f"least is {self.least:g} and most {self.most:g}: no number lies between"
            )

    def broken_by(self, data: dict[str, object]) -> bool:
        """Whether an event's data breaks it."""
        value = data.get(self.field)
        if isinstance(value, str):
            return value.strip().lower() in {word.lower() for word in self.none_of}
        if not _number(value):
            return False
        ceiling = data.get(self.not_above) if self.not_above else None
        return (
            (self.least is not None and value < self.least)
            or (self.most is not None and value > self.most)
            or (_number(ceiling) and value > ceiling)
        )


class TimeRules(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"
):
    """What each rule about times does."""

    before_source: Severity = "reject"
    future_time: Severity = "reject"
    clock_ahead: Severity = "warn"
    clock_behind: Severity = "warn"
    very_late: Severity = "warn"


class EventRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules of the event gate.

    `since`: before it no source existed; `since_of` says so of single sources. Times more than
    `ahead_s` ahead of our clock show a clock that runs ahead, more than `future_s` a future time.
    A `recordedtime` more than `behind_s` before `time` shows a clock that is behind; one more
    than `late_days` after it is very late.
    """

    since: Aware = datetime(1990, 1, 1, tzinfo=UTC)
    since_of: dict[str, Aware] = {}
    ahead_s: PositiveSeconds = 300.0
    future_s: PositiveSeconds = 86_400.0
    behind_s: PositiveSeconds = 3_600.0
    late_days: PositiveDays = 730.0
    times: TimeRules = TimeRules()
    values: tuple[ValueRule, ...] = ()


class BatchRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules of the batch gate.

    A figure breaks its rule where it lies more than `cut` robust standard deviations from the
    profile's median and the change is large: shares change by `least_change`, volumes by the
    factor `least_factor`. The profile forgets half within `half_life_days` of event time. It is
    asked once it holds `warm_up_batches`. Parts of deliveries, such as what one call brings, are
    pooled in their process until they are `least_rows` rows. A field with more than `most_values`
    distinct values, or where new ones are usual in more than the share `most_new` of the rows, is
    no category.
    """

    volume: Reaction = "warn"
    null_rate: Reaction = "warn"
    unseen_values: Reaction = "warn"
    refused_share: Reaction = "warn"
    cut: PositiveMagnitude = 5.0
    least_change: PositiveShare = 0.1
    least_factor: Annotated[float, msgspec.Meta(gt=1, le=1e9)] = 3.0
    half_life_days: PositiveDays = 30.0
    warm_up_batches: PositiveCount = 8
    least_rows: PositiveCount = 200
    most_values: PositiveCount = 200
    most_new: PositiveShare = 0.2


def _number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
