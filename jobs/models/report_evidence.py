"""What a report is told from: one pass over the trail, joined with outcomes, and a sample."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from config.settings import Settings
from domain.clock import DAY
from domain.errors import NoModel
from domain.versions.manifest import Manifest
from feature_repo.catalogue import category_names, number_names
from jobs.models.canary import join_rule, learnt_by
from jobs.models.drift_evidence import VersionReasons, context_of, leads_of
from monitoring.canary_target import Target
from monitoring.causes.concept import Matured
from monitoring.causes.diagnosis import Known
from monitoring.causes.population import REASON, SCORE
from monitoring.causes.window import LONGER_DAYS, newest
from monitoring.decision_columns import Ints
from monitoring.outcomes import OutcomeTable, join_columns
from monitoring.reports.outcome_figures import MaturedRows
from monitoring.reports.report import ReportContext, ReportEvidence, text_names
from monitoring.reports.sample import drawn_companies
from monitoring.reports.traffic_figures import RecentTraffic
from monitoring.reports.trail_pass import TrailPass, TrailReader, VersionFeatures
from monitoring.tidy import tidied
from signals.events.outcomes import read_outcomes
from signals.identity.directory import Directory
from wiring.decisions import open_trail
from wiring.signals import SignalPlane

BULK = 5_000
"""Leads that are looked up at once."""

SEED = 7


@dataclass(frozen=True, slots=True)
class ReportedVersion:
    """The version that a report is on: its label, files and manifest, and its home."""

    label: str
    folder: Path
    manifest: Manifest
    plane: SignalPlane
    settings: Settings


def gathered(
    version: ReportedVersion, now_us: int, as_of_us: int | None = None
) -> tuple[ReportEvidence, ReportContext, int]:
    """What was decided, what is known of the version, and how many decisions are immature.

    Raises NoModel where no decision was recorded on a lead that was open.
    """
    plane, manifest = version.plane, version.manifest
    leads = leads_of(version.folder)
    reasons = VersionReasons(version.label, version.folder, manifest)
    context = context_of(plane, version.settings, version.folder, manifest, leads, reasons, now_us)
    leads.lately[REASON] = reasons.first(leads.lately)
    trail = open_trail(version.settings)
    features = features_of(version.label, manifest, leads.lately)
    passed = TrailPass.of(trail, features, now_us)
    learnt = learnt_by(manifest)
    target = Target(outcome=learnt.outcome, horizon_days=learnt.horizon_days)
    watermark_us = plane.directory.watermark_us()
    table = join_columns(
        passed.columns,
        read_outcomes(plane.engine, plane.definition),
        join_rule(target, plane.definition),
        watermark_us=watermark_us if as_of_us is None else min(watermark_us, as_of_us),
        canonical=canonical_of(plane.directory),
    )
    evidence, immature = evidence_of(trail, passed, table, features, leads.lately, context.known)
    evidence.current[REASON] = reasons.first(evidence.current)
    return evidence, context, immature


def canonical_of(directory: Directory) -> Callable[[Sequence[str]], list[str | None]]:
    """Current ids of many leads, a chunk at a time."""

    def current(leads: Sequence[str]) -> list[str | None]:
        ids: list[str | None] = []
        for at in range(0, len(leads), BULK):
            known = directory.known(leads[at : at + BULK]).leads
            ids += [None if lead is None else str(lead.lead_id) for lead in known]
        return ids

    return current


def features_of(label: str, manifest: Manifest, reference: pd.DataFrame) -> VersionFeatures:
    """A version's features, and where they stand in a decision."""
    numbers, texts = number_names(manifest.definition), category_names(manifest.definition)
    own = [name for name in manifest.features if name in numbers]
    categories = [name for name in manifest.features if name in texts]
    rows = tidied(reference, own)
    return VersionFeatures(
        label=label,
        service=manifest.definition.label,
        numbers=tuple(own),
        number_places=tuple(numbers.index(name) for name in own),
        texts=tuple(categories),
        text_places=tuple(texts.index(name) for name in categories),
        lowest=rows.min().to_numpy(dtype=np.float64),
        highest=rows.max().to_numpy(dtype=np.float64),
    )


def evidence_of(
    trail: TrailReader,
    passed: TrailPass,
    table: OutcomeTable,
    features: VersionFeatures,
    reference: pd.DataFrame,
    known: Known,
) -> tuple[ReportEvidence, int]:
    """The evidence of decisions that were joined, and how many of them are immature."""
    score = table.scores_of(features.label)
    scored = np.flatnonzero(np.isfinite(score))
    if not len(scored):
        c = table.counts
        raise NoModel(
            f"{c.decisions} decisions are recorded, {c.closed} of them on leads already decided",
            rule="decisions-recorded",
            todo="Score leads that are still open: `leadscore score`, or POST /score.",
        )
    days = table.as_of_us // DAY
    lately = scored[newest(days[scored], table.lead[scored], table.account[scored])]
    chosen = lately[drawn_companies(table.account[lately], SEED)]
    frame = passed.frame_of(trail, table.place[chosen])
    frame[SCORE], frame["account"] = score[chosen], table.account[chosen]
    ripe = scored[table.matured[scored]]
    rows = MaturedRows(score[ripe], table.y[ripe].astype(np.float64), table.account[ripe])
    served = np.flatnonzero(table.matured & np.isfinite(table.score))
    arms = MaturedRows(
        table.score[served], table.y[served].astype(np.float64), table.account[served]
    )
    evidence = ReportEvidence(
        reference=reference,
        current=frame,
        rows=rows,
        drawn=len(chosen) < len(lately),
        matured=_matured(passed, table, rows, ripe, known, features),
        arms=(arms, table.arm[served]),
        traffic=_traffic(passed, features, reference),
    )
    return evidence, len(scored) - len(ripe)


def _matured(
    passed: TrailPass,
    table: OutcomeTable,
    rows: MaturedRows,
    ripe: Ints,
    known: Known,
    features: VersionFeatures,
) -> Matured:
    names = text_names(known, features.texts)
    return Matured(
        days=table.as_of_us[ripe] // DAY,
        leads=table.lead[ripe],
        accounts=rows.account,
        score=rows.score,
        label=rows.label,
        texts={name: passed.texts_of(name, table.place[ripe]) for name in names},
    )


def _traffic(
    passed: TrailPass, features: VersionFeatures, reference: pd.DataFrame
) -> RecentTraffic:
    """Of decisions of the four weeks before the newest one."""
    as_of = passed.columns.column("as_of_us")
    lately = np.flatnonzero(as_of > as_of.max() - LONGER_DAYS * DAY)
    arms = np.array(passed.columns.names("arm"), dtype=np.str_)
    usual = tidied(reference, [*features.numbers, *features.texts]).isna().mean()
    return RecentTraffic(
        arm=arms[passed.columns.column("arm")[lately]],
        staleness_s=passed.column("staleness_s")[lately].astype(np.float64),
        degraded=passed.column("degraded")[lately].astype(np.bool_),
        feature_rows=passed.counts.rows,
        missing=passed.counts.missing,
        outside=passed.counts.outside,
        usually_missing={str(name): float(share) for name, share in usual.items()},
    )
