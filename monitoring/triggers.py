"""Whether to train again: a pure decision on declared triggers, with its reasons."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec

from domain.clock import DAY
from domain.measurement import Interval
from storage.typed_yaml import read_typed

STANDARD_FILE = Path(__file__).with_name("triggers.yaml")

TriggerLimit = Annotated[float, msgspec.Meta(ge=0)]


class TriggerLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of the triggers' limits; None: that trigger is off. The file says more."""

    version: Annotated[int, msgspec.Meta(ge=1)]
    drift_share: TriggerLimit | None = None
    calibration_error: TriggerLimit | None = None
    age_days: TriggerLimit | None = None
    new_outcomes: Annotated[int, msgspec.Meta(ge=1)] | None = None
    rest_days: TriggerLimit = 0.0

    @property
    def label(self) -> str:
        """What records say they were: version, and a digest of all that they say."""
        digest = sha256(msgspec.json.encode(self)).hexdigest()[:12]
        return f"triggers_v{self.version}-{digest}"


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest monitoring report says, and of which version.

    `calibration_error` is None while too little has matured.
    """

    model: str
    drift_share: float
    calibration_error: Interval | None


class TriggerEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that the decision rests on; moments in microseconds.

    `learnt_us` is up to when the champion knew the log, `newest_us` up to when the newest version
    did, `new_outcomes` those that arrived since the champion's training.
    """

    now_us: int
    champion: str | None = None
    learnt_us: int = 0
    newest_us: int | None = None
    new_outcomes: int = 0
    report: Reported | None = None


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """What one trigger said; `value` is None where there was nothing to measure it by."""

    name: str
    value: float | None
    limit: float | None
    fired: bool
    note: str


class Retraining(msgspec.Struct, frozen=True, kw_only=True):
    """Whether to train again, and why, by which limits."""

    needed: bool
    triggers: tuple[Trigger, ...]
    limits: str
    evidence: TriggerEvidence

    @property
    def why(self) -> str:
        """The reasons in one line."""
        held = [t.note for t in self.triggers if t.fired == self.needed or t.name == "rest"]
        return "; ".join(held) or "no trigger is declared"


def decide(evidence: TriggerEvidence, limits: TriggerLimits) -> Retraining:
    """Train where a trigger fired, unless the newest version still rests; the first always."""
    if evidence.newest_us is None:
        note = "there is no version yet"
        first = Trigger(name="first", value=None, limit=None, fired=True, note=note)
        return _concluded((first,), evidence, limits, needed=True)
    triggers = tuple(_triggers(evidence, limits))
    days = (evidence.now_us - evidence.newest_us) / DAY
    fired = any(t.fired for t in triggers)
    if fired and days < limits.rest_days:
        rest = Trigger(
            name="rest",
            value=days,
            limit=limits.rest_days,
            fired=False,
            note=f"the newest version is {days:.1f} days old, and rests {limits.rest_days:g}",
        )
        return _concluded((*triggers, rest), evidence, limits, needed=False)
    return _concluded(triggers, evidence, limits, needed=fired)


def load_limits(path: Path = STANDARD_FILE) -> TriggerLimits:
    """Limits from a YAML file; the standard ones by default. Raises BadConfiguration."""
    return read_typed(path, TriggerLimits, "trigger-limits")


def _concluded(
    triggers: tuple[Trigger, ...], evidence: TriggerEvidence, limits: TriggerLimits, *, needed: bool
) -> Retraining:
    return Retraining(needed=needed, triggers=triggers, limits=limits.label, evidence=evidence)


def _triggers(e: TriggerEvidence, limits: TriggerLimits) -> Iterator[Trigger]:
    if e.champion is None:
        return
    report = e.report if e.report is not None and e.report.model == e.champion else None
    error = None if report is None else report.calibration_error
    share = None if report is None else report.drift_share
    absent = f"no report on {e.champion}" if report is None else "too little has matured"
    yield from _more("drift", share, limits.drift_share, "{} of the features drifted", absent)
    lowest = None if error is None else error.low
    yield from _more(
        "calibration", lowest, limits.calibration_error, "a calibration error of {} or more", absent
    )
    days = (e.now_us - e.learnt_us) / DAY
    yield from _more("age", days, limits.age_days, f"{{}} days of log since {e.champion}", "")
    if limits.new_outcomes is not None:
        yield Trigger(
            name="outcomes",
            value=e.new_outcomes,
            limit=limits.new_outcomes,
            fired=e.new_outcomes >= limits.new_outcomes,
            note=f"{e.new_outcomes:,} outcomes since, limit {limits.new_outcomes:,}",
        )


def _more(
    name: str, value: float | None, limit: float | None, what: str, absent: str
) -> Iterator[Trigger]:
    if limit is None:
        return
    fired = value is not None and value > limit
    told = f"{name}: {absent}" if value is None else what.format(f"{value:.3g}")
    note = told if value is None else f"{told}, limit {limit:g}"
    yield Trigger(name=name, value=value, limit=limit, fired=fired, note=note)
