"""The monitoring report: causes of drift, calibration and lift of recent scores, put together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measures.little_bootstrap import little_bootstrap
from monitoring.canary_measures import METRICS
from monitoring.causes.concept import Matured
from monitoring.causes.diagnosis import Diagnosis, Evidence, Known, diagnose
from monitoring.causes.moves import Reference
from monitoring.causes.population import REASON, SCORE
from monitoring.causes.shares import equal
from monitoring.causes.window import newest
from monitoring.reports.drift_figures import drift_figures
from monitoring.reports.figure import Figure
from monitoring.reports.headline import headline
from monitoring.reports.outcome_figures import (
    MaturedRows,
    OutcomeGroup,
    arm_groups,
    outcome_figures,
    segment_groups,
)
from monitoring.reports.rules import ReportLimits
from monitoring.reports.summary import Meta, Summary
from monitoring.reports.traffic_figures import RecentTraffic, traffic_figures
from monitoring.tidy import tidied

LABEL, GROUP, LEAD, DAY = "label", "account", "lead", "day"
ASIDE = (LABEL, GROUP, LEAD, DAY, "moment", "lately")
"""Columns that are no features, beside the score and the reason."""


@dataclass(frozen=True, slots=True)
class ReportContext:
    """What a report knows beside decisions: of the version, and events a day by type."""

    known: Known = field(default_factory=Known)
    feeds: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportEvidence:
    """What was decided, and what became of it.

    `reference` and `current` hold the named features, `score`, and may hold `reason`; `current`,
    one row a lead, has `account` too, of all companies or of `drawn` ones; the reference may have
    it, and `label`. `rows` are all decisions whose outcome is known, `matured` the same with days
    and texts, None where those are not told. `arms` are the probabilities that were served, each
    with its arm. `traffic`: what was decided of late.
    """

    reference: pd.DataFrame
    current: pd.DataFrame
    rows: MaturedRows
    drawn: bool = False
    matured: Matured | None = None
    arms: tuple[MaturedRows, NDArray[np.str_]] | None = None
    traffic: RecentTraffic | None = None


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """What the report says, and Evidently's snapshot of it."""

    summary: Summary
    snapshot: Any


def build_report(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    meta: Meta,
    folder: Path,
    context: ReportContext | None = None,
    *,
    seed: int = 7,
) -> Summary:
    """Write `report.html` and `report.json` of frames that fit into memory; what the JSON says.

    Both hold the named features, `score` and `label`, and may hold `reason`; a `label` of
    NaN has not matured. `current`, oldest first, has `account` too, the cluster of each row, and
    where leads are scored again and again `lead` and `day`, a number.
    """
    context = context or ReportContext()
    ripe = current[current[LABEL].notna()]
    evidence = ReportEvidence(
        reference=reference,
        current=current.iloc[_newest_rows(current)].reset_index(drop=True),
        rows=_matured_rows(ripe),
        matured=_matured(ripe, context.known),
    )
    return write_files(evidence, meta, folder, context, seed=seed).summary


def write_files(
    evidence: ReportEvidence,
    meta: Meta,
    folder: Path,
    context: ReportContext,
    limits: ReportLimits | None = None,
    *,
    seed: int = 7,
) -> WrittenReport:
    """Write `report.html` and `report.json` to a folder. Raises Refused of too large a page."""
    from monitoring.reports.distributions import WeightedSides
    from monitoring.reports.page import write_page
    from monitoring.reports.sections import Outcomes

    reference, current = evidence.reference, evidence.current
    names = [c for c in reference.columns if c not in ASIDE and c in current]
    leads = Reference(tidied(reference, names), _accounts(reference), partial=[REASON])
    now = tidied(current, names)
    looked_at = Evidence(now, current[GROUP].to_numpy(), context.feeds, evidence.matured)
    diagnosis = diagnose(leads, looked_at, context.known)
    summary = _summary(diagnosis, evidence, meta, seed)
    figures = _figures(summary, evidence, context.known, limits or ReportLimits())
    summary = msgspec.structs.replace(summary, figures=tuple(figures))
    lead = headline(summary)
    summary = msgspec.structs.replace(summary, verdict=lead.verdict, look_at=lead.look_at)
    folder.mkdir(parents=True, exist_ok=True)
    sides = WeightedSides(
        leads.frame, diagnosis.reference_weight, now, equal(current[GROUP].to_numpy()).weight
    )
    outcomes = Outcomes(evidence.rows, _labelled_reference(reference))
    snapshot = write_page(summary, sides, outcomes, folder / "report.html")
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(summary)))
    return WrittenReport(summary, snapshot)


def _figures(
    summary: Summary, evidence: ReportEvidence, known: Known, limits: ReportLimits
) -> Iterator[Figure]:
    groups = [OutcomeGroup("all", "all leads", evidence.rows)]
    if evidence.matured is not None and known.segments:
        groups = segment_groups(evidence.matured, known.segments)
    if evidence.arms is not None:
        groups += arm_groups(*evidence.arms)
    yield from drift_figures(summary)
    yield from outcome_figures(groups, summary.measures, limits)
    if evidence.traffic is not None:
        yield from traffic_figures(evidence.traffic, limits)


def _accounts(reference: pd.DataFrame) -> NDArray[np.int64]:
    """The company of each row; where none is told, each is its own."""
    if GROUP in reference:
        return reference[GROUP].to_numpy(dtype=np.int64)
    return np.arange(len(reference))


def _newest_rows(current: pd.DataFrame) -> NDArray[np.int64]:
    """Places of the rows that drift is told from: each lead's newest of the last days."""
    if DAY not in current or LEAD not in current:
        return np.arange(len(current))
    return newest(*(current[name].to_numpy(dtype=np.int64) for name in (DAY, LEAD, GROUP)))


def _matured_rows(ripe: pd.DataFrame) -> MaturedRows:
    return MaturedRows(
        ripe[SCORE].to_numpy(dtype=np.float64),
        ripe[LABEL].to_numpy(dtype=np.float64),
        _accounts(ripe),
    )


def _labelled_reference(reference: pd.DataFrame) -> MaturedRows | None:
    if LABEL not in reference:
        return None
    return _matured_rows(reference[reference[LABEL].notna()])


def _matured(ripe: pd.DataFrame, known: Known) -> Matured | None:
    """Decisions whose outcome is known; None where days or leads are not told."""
    if DAY not in ripe or LEAD not in ripe:
        return None
    rows = _matured_rows(ripe)
    return Matured(
        days=ripe[DAY].to_numpy(dtype=np.int64),
        leads=ripe[LEAD].to_numpy(dtype=np.int64),
        accounts=rows.account,
        score=rows.score,
        label=rows.label,
        texts={name: ripe[name].to_numpy(dtype=object) for name in text_names(known, ripe.columns)},
    )


def text_names(known: Known, columns: Any) -> list[str]:
    """Columns of texts by which outcomes are looked at: of segments, and those that list theirs."""
    return sorted({s.column for s in known.segments if s.column} | ({*known.texts} & {*columns}))


def _summary(diagnosis: Diagnosis, evidence: ReportEvidence, meta: Meta, seed: int) -> Summary:
    moves = sorted(diagnosis.moves.features, key=lambda move: (not move.drifted, -move.distance))
    rows = evidence.rows
    return Summary(
        meta=meta,
        rows_reference=round(diagnosis.reference_rows),
        rows_current=round(diagnosis.rows),
        sampled=evidence.drawn,
        too_few=diagnosis.too_few,
        unlike=diagnosis.unlike,
        drift=any(cause.actionable for cause in diagnosis.causes),
        causes=diagnosis.causes,
        drift_share=diagnosis.moves.weight,
        score_drift=diagnosis.moves.score,
        reason_drift=diagnosis.moves.reason,
        columns=tuple(moves),
        matured=len(rows),
        positives=int(rows.label.sum()),
        measures=_measures(rows, seed),
    )


def _measures(rows: MaturedRows, seed: int) -> dict[str, Any]:
    """Every measure of matured decisions, with intervals clustered by account."""
    from measures.calibration_error import calibration_error

    y = rows.label
    if not len(y) or y.min() == y.max():
        return {}
    measured = {
        name: little_bootstrap(metric, y, rows.score, rows.account, draws=500, seed=seed)
        for name, metric in METRICS.items()
    }
    return {**measured, "calibration_error": calibration_error(y, rows.score, rows.account)}
