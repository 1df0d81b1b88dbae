"""Bounds of the numbers that people configure.

Each bound is wide: what lies outside is a slip of the pen, or more than any arithmetic after it
holds. A number that is not finite is in none of them, nor in any YAML file that is read.
"""

from typing import Annotated

from msgspec import Meta

from domain.definition import LONGEST_DAYS

Days = Annotated[float, Meta(ge=0, le=LONGEST_DAYS)]
PositiveDays = Annotated[float, Meta(gt=0, le=LONGEST_DAYS)]
Hours = Annotated[float, Meta(ge=0, le=LONGEST_DAYS * 24)]
PositiveHours = Annotated[float, Meta(gt=0, le=LONGEST_DAYS * 24)]
Seconds = Annotated[float, Meta(ge=0, le=LONGEST_DAYS * 86_400)]
PositiveSeconds = Annotated[float, Meta(gt=0, le=LONGEST_DAYS * 86_400)]
WaitMilliseconds = Annotated[int, Meta(ge=1, le=3_600_000)]

Share = Annotated[float, Meta(ge=0, le=1)]
PositiveShare = Annotated[float, Meta(gt=0, le=1)]
OpenShare = Annotated[float, Meta(gt=0, lt=1)]

Count = Annotated[int, Meta(ge=0, le=10**12)]
PositiveCount = Annotated[int, Meta(ge=1, le=10**12)]
Magnitude = Annotated[float, Meta(ge=0, le=1e9)]
"""Of a quantity without a unit, such as a margin or a weight."""
PositiveMagnitude = Annotated[float, Meta(gt=0, le=1e9)]

FileVersion = Annotated[int, Meta(ge=1, le=2**31 - 1)]
RetentionDays = Annotated[int, Meta(ge=1, le=LONGEST_DAYS)]
Seed = Annotated[int, Meta(ge=0, le=2**32 - 1)]
"""What numpy, scikit-learn and CatBoost all take as a seed."""
