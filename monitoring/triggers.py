"""Whether to train again: a pure decision on declared triggers, with its reasons."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from domain.clock import DAY
from domain.measurement import Interval
from monitoring.causes.cause import Action, CauseKind
from storage.config_numbers import Days, FileVersion, PositiveCount, Share
from storage.typed_yaml import read_typed

STANDARD_FILE = Path(__file__).with_name("triggers.yaml")


class TriggerLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of the triggers' limits; None: that trigger is off. The file says more."""

    version: FileVersion
    drift: tuple[CauseKind, ...] = ()
    drift_share: Share | None = None
    calibration_error: Share | None = None
    age_days: Days | None = None
    new_outcomes: PositiveCount | None = None
    rest_days: Days = 0.0

    @property
    def label(self) -> str:
        """What records say they were: version, and a digest of all that they say."""
        digest = sha256(msgspec.json.encode(self)).hexdigest()[:12]
        return f"triggers_v{self.version}-{digest}"


class ReportedCause(msgspec.Struct, frozen=True, kw_only=True):
    """A cause of drift that a report named, in a sentence, and what to do about it."""

    kind: CauseKind
    text: str
    action: Action


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest monitoring report says, and of which version.

    `calibration_error` is None while too little has matured.
    """

    model: str
    drift_share: float
    causes: tuple[ReportedCause, ...] = ()
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
        notes = [t.note for t in self.triggers if t.fired == self.needed or t.name == "rest"]
        return "; ".join(notes) or "no trigger is declared"


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
    if limits.drift:
        yield _named(report, limits.drift, absent)
    yield from _more(
        "drift_share", share, limits.drift_share, "{} of the explanations drifted", absent
    )
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


def _named(report: Reported | None, kinds: tuple[CauseKind, ...], absent: str) -> Trigger:
    """Fires where the report names a cause of these kinds that is to be acted upon."""
    if report is None:
        note = f"drift: {absent}"
        return Trigger(name="drift", value=None, limit=0, fired=False, note=note)
    causes = [c for c in report.causes if c.kind in kinds and c.action != "none"]
    note = "; ".join(f"{c.kind}: {c.text}" for c in causes) or "no cause of drift to train for"
    return Trigger(name="drift", value=len(causes), limit=0, fired=bool(causes), note=note)


def _more(
    name: str, value: float | None, limit: float | None, what: str, absent: str
) -> Iterator[Trigger]:
    if limit is None:
        return
    fired = value is not None and value > limit
    sentence = f"{name}: {absent}" if value is None else what.format(f"{value:.3g}")
    note = sentence if value is None else f"{sentence}, limit {limit:g}"
    yield Trigger(name=name, value=value, limit=limit, fired=fired, note=note)
