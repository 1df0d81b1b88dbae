"""Whether to train again, put together: evidence gathered, decided, and put into the ledger."""

import msgspec

from config.home_files import rules_file
from config.settings import Settings
from domain.clock import to_us
from domain.errors import BadInput
from domain.measurement import Interval
from domain.versions.manifest import Stage
from monitoring.triggers import (
    STANDARD_FILE,
    Reported,
    ReportedCause,
    Retraining,
    TriggerEvidence,
    decide,
    load_limits,
)
from registry.ledger_entry import GateResult, LedgerDraft
from registry.store import Registry
from signals.events.outcomes import arrived_since
from wiring.clock import clock_of
from wiring.registry import MODEL, open_registry
from wiring.signals import open_signals

REPORT = "report.json"


def consider(settings: Settings, by: str) -> Retraining:
    """Decide by the home's triggers, or the standard ones, and record it with its reasons."""
    registry = open_registry(settings)
    limits = load_limits(rules_file(settings, STANDARD_FILE))
    retraining = decide(evidence(settings, registry), limits)
    registry.ledger.append(
        LedgerDraft(
            kind="retraining_considered",
            subject=retraining.evidence.champion or MODEL,
            by=by,
            reason=f"{'needed' if retraining.needed else 'not needed'}: {retraining.why}",
            gates=tuple(
                GateResult(
                    name=t.name, value=t.value, limit=t.limit, passed=not t.fired, note=t.note
                )
                for t in retraining.triggers
            ),
            rules=retraining.limits,
        )
    )
    return retraining


def evidence(settings: Settings, registry: Registry) -> TriggerEvidence:
    """What the log, the registry and the newest report say now."""
    plane = open_signals(settings)
    now_us = to_us(clock_of(settings, plane.directory).now())
    learnt = [registry.fetch(v)[1].lineage.watermark_us for v in registry.versions()[-1:]]
    champion = registry.at(Stage.CHAMPION)
    if champion is None:
        return TriggerEvidence(now_us=now_us, newest_us=max(learnt, default=None))
    manifest = registry.fetch(champion)[1]
    return TriggerEvidence(
        now_us=now_us,
        champion=champion.label,
        learnt_us=manifest.lineage.watermark_us,
        newest_us=max(learnt, default=None),
        new_outcomes=arrived_since(
            plane.engine, plane.definition, manifest.outcome, manifest.lineage.events
        ),
        report=_report(settings),
    )


class _Meta(msgspec.Struct, frozen=True):
    model: str


class _Report(msgspec.Struct, frozen=True):
    """The part of a report's `Summary` that triggers look at: its libraries stay away."""

    meta: _Meta
    drift_share: float
    measures: dict[str, Interval]
    causes: tuple[ReportedCause, ...] = ()


def _report(settings: Settings) -> Reported | None:
    """The home's newest report. Raises BadInput where it cannot be read."""
    path = settings.home / "reports" / REPORT
    if not path.is_file():
        return None
    try:
        report = msgspec.json.decode(path.read_bytes(), type=_Report)
    except msgspec.DecodeError as bad:
        raise BadInput(
            str(bad),
            rule="report-readable",
            where=str(path),
            todo="Run `leadscore monitor report` again.",
        ) from bad
    return Reported(
        model=report.meta.model,
        drift_share=report.drift_share,
        causes=report.causes,
        calibration_error=report.measures.get("calibration_error"),
    )
