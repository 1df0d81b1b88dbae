"""Finding a lead by what a person types, and its features now or then."""

from collections.abc import Mapping

from config.settings import Settings
from domain.clock import parse_iso, to_us
from domain.errors import BadInput, UnknownLead
from jobs.leads.lead_lookup import find, identifier_of

__all__ = ("FeatureValues", "features_of", "find", "identifier_of", "moment")
FeatureValues = Mapping[str, float | str | None]


def features_of(settings: Settings, key: str, as_of: str | None) -> FeatureValues:
    """A lead's named features by name: as served now, or replayed from the log."""
    return _now(settings, key) if as_of is None else _then(settings, key, moment(as_of))


def moment(text: str, option: str = "--as-of") -> int:
    """A moment in microseconds since 1970. Raises BadInput, naming the option."""
    try:
        return to_us(parse_iso(text))
    except ValueError as bad:
        raise BadInput(
            "not a moment",
            rule="rfc-3339",
            where=option,
            todo="Write it as 2025-03-01T12:00:00Z.",
        ) from bad


def _now(settings: Settings, key: str) -> FeatureValues:
    from feature_repo.catalogue import category_names, number_names
    from wiring.scoring import open_scoring

    scoring = open_scoring(settings)
    lead = find(scoring.plane.directory, key)
    rows = scoring.answerer.features([lead], to_us(scoring.clock.now()))
    d = scoring.plane.definition
    numbers = dict(zip(number_names(d), rows.numbers[0].tolist(), strict=True))
    return _clean({**numbers, **dict(zip(category_names(d), rows.texts[0], strict=True))})


def _then(settings: Settings, key: str, moment_us: int) -> FeatureValues:
    """By the offline history, made anew from the log: what training would see."""
    from jobs.leads.features_then import features_then
    from wiring.signals import open_signals

    plane = open_signals(settings)
    lead = find(plane.directory, key)
    frame = features_then(settings, plane, [lead.lead_id], moment_us)
    if frame.empty:
        raise UnknownLead(
            "the lead was not known at that time", rule="unknown-lead", where="--as-of"
        )
    return _clean({str(name): value for name, value in frame.iloc[0].items()})


def _clean(values: Mapping[str, float | str]) -> FeatureValues:
    return {
        name: None if value == "" or value != value else value  # noqa: PLR0124 (NaN)
        for name, value in values.items()
    }
