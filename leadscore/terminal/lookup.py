"""Finding a lead by what a person types, and its features now or then."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from config.settings import Settings
from domain.clock import parse_iso, to_us
from domain.errors import BadInput, UnknownLead
from domain.identifiers import STRENGTH
from domain.ports import LeadDirectory, LeadRef

if TYPE_CHECKING:
    from wiring.signals import SignalPlane

FeatureValues = Mapping[str, float | str | None]


def find(directory: LeadDirectory, key: str) -> LeadRef:
    """The lead of a lead id, or of kind:value. Raises UnknownLead or BadInput."""
    if ":" not in key:
        return directory.resolve(key)
    kind, value = identifier_of(key)
    return directory.find({kind: value})


def identifier_of(text: str) -> tuple[str, str]:
    """Kind and value of kind:value. Raises BadInput."""
    kind, colon, value = text.partition(":")
    if not colon or kind not in STRENGTH:
        raise BadInput(
            f"{kind!r} is not a kind of identifier" if colon else "not kind:value",
            rule="identifier-kind",
            todo=f"The kinds are {', '.join(STRENGTH)}.",
        )
    return kind, value


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
    from wiring.scratch_home import scratch_home
    from wiring.signals import open_signals

    plane = open_signals(settings)
    lead = find(plane.directory, key)
    with scratch_home(settings, plane.definition, "history") as scratch:
        return _history(scratch, plane, lead, moment_us)


def _history(
    scratch: Settings, plane: "SignalPlane", lead: LeadRef, moment_us: int
) -> FeatureValues:
    from feature_repo.catalogue import catalogue
    from jobs.signals.replay_log import replay_history
    from wiring.features import open_features

    journeys = replay_history(scratch, plane, ())
    spans = [
        s
        for s in journeys.spans.values()
        if s.final == lead.lead_id and s.born_us <= moment_us < s.ended_us
    ]
    if not spans:
        raise UnknownLead(
            "the lead was not known at that time", rule="unknown-lead", where="--as-of"
        )
    span = min(spans, key=lambda s: s.lead_id)
    features = open_features(scratch, plane.definition)
    frame = features.history([span.lead_id], [span.account_at(moment_us)], [moment_us])
    return _clean({f.name: frame[f.name].iloc[0] for f in catalogue(plane.definition)})


def _clean(values: Mapping[str, float | str]) -> FeatureValues:
    return {
        name: None if value == "" or value != value else value  # noqa: PLR0124 (NaN)
        for name, value in values.items()
    }
