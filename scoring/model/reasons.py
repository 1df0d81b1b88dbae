"""Reasons: contributions as sentences that a salesperson understands.

Features about the same thing speak as one reason: their contributions are added, since
contributions in log-odds add up.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from domain.definition import FeatureDefinition
from domain.scores import Reason
from feature_repo.catalogue import Feature, catalogue
from scoring.model.top_reasons import strongest

FeatureValues = Mapping[str, float | str]
CATALOGUE = "reasons-2"
"""Name and version of the sentences: it grows with every change of their wording or units."""

UNKNOWN = "not known"
UNITS = {"employees": " people", "satisfaction": " of 5"}
"""What numbers of the profile are counted in, as it follows them."""
GAPS = {
    "last_gap_d": "Time between the last two visits or contacts",
    "mean_gap_d": "Usual time between visits or contacts",
}

TREND = math.log(1.5)
"""Half as often again is more often than before."""
SMALLEST = 0.01
"""Contributions below this, 1% of the odds, are no reason."""


class Reasoner:
    """Makes reasons of one version's contributions."""

    def __init__(self, definition: FeatureDefinition, features: Sequence[str]) -> None:
        self._features = tuple(features)
        self._known = {f.name: f for f in catalogue(definition)}
        self._families = {f.name: f.text or f.name for f in definition.families}
        names = [self._known[name].group for name in features]
        at = {name: place for place, name in enumerate(dict.fromkeys(names))}
        self._group_of = np.array([at[name] for name in names], dtype=np.int64)
        self._groups = len(at)
        self.reasons(np.zeros(len(names)), {})  # compiled now, not in the first request

    def reasons(
        self, contributions: NDArray[np.float64], values: FeatureValues, each: int = 3
    ) -> tuple[Reason, ...]:
        """At most `each` reasons for and `each` against, the strongest first.

        `contributions` [features] of one row, `values` by name of all named features.
        """
        places, totals = strongest(contributions, self._group_of, self._groups, each, SMALLEST)
        pairs = zip(places.tolist(), totals.tolist(), strict=True)
        return tuple(self._reason(self._features[at], total, values) for at, total in pairs)

    def _reason(self, name: str, total: float, values: FeatureValues) -> Reason:
        raw = values[name]
        value = None if raw == "" or (isinstance(raw, float) and math.isnan(raw)) else raw
        sentence = self._say(self._known[name], values)
        return Reason(
            feature=name,
            value=value,
            contribution=total,
            text=f"{sentence[:1].upper()}{sentence[1:]}: {effect(total)}",
        )

    def _say(self, feature: Feature, values: FeatureValues) -> str:
        group, name = feature.group, feature.name
        if group in self._families:
            sentence = _family(self._families[group], group, values)
            return sentence + _trend(values[name]) if name == f"{group}_velocity" else sentence
        match group:
            case "activity":
                return _activity(name, values)
            case "breadth":
                return f"{_many(values['channels_30d'], 'channel')} used in the last 30 days"
            case "sequence":
                return _sequence(feature, values, self._families)
            case "account":
                return _account(values)
            case _:
                sentence, unit = _plain(values[name]), UNITS.get(name, "")
                return f"{feature.text}: {sentence}{unit if sentence != UNKNOWN else ''}"


def effect(contribution: float) -> str:
    """What a contribution in log-odds does to the odds.

    >>> effect(math.log(1.4)), effect(math.log(0.5))
    ('raises the odds by 40%', 'lowers the odds by 50%')
    """
    factor = math.exp(min(contribution, 50.0))
    if factor >= 3:
        return f"multiplies the odds by {factor:.1f}"
    if factor >= 1:
        return f"raises the odds by {100 * (factor - 1):.0f}%"
    return f"lowers the odds by {100 * (1 - factor):.0f}%"


def _family(text: str, name: str, values: FeatureValues) -> str:
    count = values[f"{name}_count"]
    if not isinstance(count, float) or not count:
        return f"{text}: never"
    return f"{text} {_times(count)}, {_ago(values[f'{name}_recency_d'])}"


def _times(count: float | str) -> str:
    return "once" if count == 1 else f"{_count(count)} times"


def _account(values: FeatureValues) -> str:
    people = _many(values["account_people"], "person", "people")
    active = _count(values["account_active_7d"]) if values["account_active_7d"] else "none"
    return f"{people} known at the account, {active} active in the last week"


def _activity(name: str, values: FeatureValues) -> str:
    if name.startswith("active_days_"):
        window = name.removeprefix("active_days_")
        return f"active on {_count(values[name])} of the last {window} days"
    if not values["events"]:
        return "never seen"
    return f"seen {_times(values['events'])} in all, {_ago(values['recency_d'])}"


def _trend(velocity: float | str) -> str:
    """Whether it happens more often than it used to, by the log ratio of the two intensities."""
    if not isinstance(velocity, float) or not abs(velocity) >= TREND:
        return ""
    return ", more often than before" if velocity > 0 else ", less often than before"


def _since(days: float | str) -> str:
    return "never" if not isinstance(days, float) or math.isnan(days) else _ago(days)


def _days(days: float | str) -> str:
    if not isinstance(days, float) or math.isnan(days):
        return UNKNOWN
    if days < 1:
        return "less than an hour" if days < 1 / 24 else f"{_many(round(days * 24), 'hour')}"
    return _many(float(round(days)), "day")


def _sequence(feature: Feature, values: FeatureValues, families: Mapping[str, str]) -> str:
    name = feature.name
    if name in GAPS:
        return f"{GAPS[name]}: {_days(values[name])}"
    if name.endswith("_recency_d"):
        what = feature.text.removeprefix("days since ")
        return f"{what}: {_since(values[name]).removeprefix('last ')}"
    steps = [str(values[name]) for name in ("last_event_1", "last_event_2") if values.get(name)]
    if not steps:
        return "nothing seen yet"
    return "latest: " + ", before that ".join(families.get(step, step) for step in steps)


def _ago(days: float | str) -> str:
    if not isinstance(days, float) or math.isnan(days):
        return "never seen"
    if days < 1 / 24:
        return "last within the hour"
    if days < 1.5 / 24:
        return "last an hour ago"
    if days < 1:
        return f"last {days * 24:.0f} hours ago"
    return "last a day ago" if days < 1.5 else f"last {days:.0f} days ago"


def _count(value: float | str) -> str:
    return str(value) if isinstance(value, str) else f"{value:,.0f}"


def _many(value: float | str, one: str, several: str = "") -> str:
    return f"{_count(value)} {one if value == 1 else several or one + 's'}"


def _plain(value: float | str) -> str:
    if isinstance(value, str):
        return value or UNKNOWN
    return UNKNOWN if math.isnan(value) else f"{value:,.6g}"
