"""The champion's health: causes of drift that the newest report names, and its calibration."""

from collections.abc import Iterator, Mapping
from math import exp, log

from domain.errors import Missing
from jobs.alerts.watch import UNKNOWN, ReportCause, Watched, looked
from monitoring.alarms.alarm import AlarmLook, Sighting
from monitoring.alarms.catalogue import DRIFT, AlarmName
from registry.registry_state import fold

EVERY_HOURS = 24.0
"""How often the whole audit trail is read for the evidence about calibration."""
LEVEL = 0.05
"""The chance of ever seeing evidence of 1/LEVEL or more against a version that is calibrated."""
EVIDENCE, LOOKED_AT = "calibration-evidence", "calibration-looked-at"
_KINDS: Mapping[str, AlarmName] = {name.replace("-", " "): name for name in DRIFT}


def watch_drift(watched: Watched) -> AlarmLook:
    """The causes of drift in the newest report on the champion that somebody is to act upon."""
    report, champion = watched.report, champion_of(watched)
    if report is None or report.causes is None or report.meta.model != champion:
        return UNKNOWN
    acted_on = [cause for cause in report.causes if cause.action != "none" and cause.kind in _KINDS]
    return looked(DRIFT, [_drifted(cause, report.meta.model) for cause in acted_on])


def _drifted(cause: ReportCause, model: str) -> Sighting:
    return Sighting(
        kind=_KINDS[cause.kind],
        subject=cause.about,
        evidence=(
            f"now {cause.value:.4g}, usually {cause.usual:.4g}, by the report on {model}",
            f"what to do: {cause.action}",
        ),
    )


def watch_calibration(watched: Watched) -> AlarmLook:
    """Evidence that the champion's probabilities are off, by its outcomes and by the report."""
    champion = champion_of(watched)
    if champion is None:
        return looked(("calibration-off",))
    evidence = [*_by_outcomes(watched, champion), *_by_report(watched, champion)]
    sightings = [Sighting(kind="calibration-off", subject=champion, evidence=tuple(evidence))]
    return looked(("calibration-off",), sightings if evidence else ())


def champion_of(watched: Watched) -> str | None:
    """The champion model's label, by the ledger."""
    return fold(watched.entries, "model").champion


def _by_outcomes(watched: Watched, champion: str) -> Iterator[str]:
    """What the outcomes since say; the trail is read once a day, its figure is kept."""
    name = f"{EVIDENCE}:{champion}"
    value = watched.before.get(name)
    if watched.due(LOOKED_AT, EVERY_HOURS) or value is None:
        value = _log_evidence(watched, champion)
        watched.counted[name] = value
    if value >= log(1 / LEVEL):
        yield f"evidence of {exp(min(value, 50)):.3g} to 1 that its odds are off by a quarter"


def _log_evidence(watched: Watched, champion: str) -> float:
    import numpy as np

    from jobs.models.canary import matured
    from measures.calibration_alarm import calibration_evidence
    from wiring.registry import open_registry

    try:
        table = matured(watched.settings, open_registry(watched.settings).fetch(champion)[1])
    except Missing as missing:
        if missing.retryable:
            raise
        return 0.0
    ripe = table.matured & (table.model == champion) & np.isfinite(table.score)
    if not ripe.any():
        return 0.0
    evidence = calibration_evidence(table.y[ripe], table.score[ripe], table.account[ripe])
    return float(evidence.either[-1])


def _by_report(watched: Watched, champion: str) -> Iterator[str]:
    report, limit = watched.report, watched.objectives.calibration_error
    error = None if report is None else report.measures.get("calibration_error")
    if report is None or report.meta.model != champion or error is None or error.low <= limit:
        return
    yield (
        f"a calibration error of {error.value:.3g} ({error.low:.3g} to {error.high:.3g}), "
        f"the objective is {limit:g}"
    )
