"""What drift is told from: a version's leads, reasons and segments, and the log's feeds."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.settings import Settings
from domain.clock import DAY
from domain.definition import FeatureDefinition
from domain.versions.input_profile import read_profile
from domain.versions.manifest import LEADS_FILE, REFERENCE_FILE, Manifest
from feature_repo.catalogue import catalogue, category_names, number_names
from monitoring.causes.concept import segments
from monitoring.causes.diagnosis import Known
from monitoring.causes.feeds import WEEKS
from monitoring.causes.moves import Reference
from monitoring.causes.population import REASON, SCORE
from monitoring.causes.season import same_season
from monitoring.reports.report import ReportContext
from monitoring.tidy import tidied
from scoring.model.scorer import Scorer
from signals.events.feed_counts import daily_counts
from training.data.scored_leads import LATELY, MOMENT
from wiring.signals import SignalPlane

EXPLAINED_ROWS = 5_000
"""Rows of a side whose reasons are looked at; what is left has none."""

SEGMENT_COLUMNS = 3
"""Categories, those of most weight, whose values are segments."""

FEED_DAYS = 7 * WEEKS + 14
ASLEEP = 0.2
"""The last days of a home of past events bring less than this share of its usual day: the end."""

COLUMNS_ASIDE = (SCORE, REASON, "label", "account", MOMENT, LATELY)


class VersionReasons:
    """What moves a version's scores: its reasons' features, and how much each weighs."""

    def __init__(self, label: str, folder: Path, manifest: Manifest) -> None:
        self._scorer = Scorer(label, folder, manifest, manifest.definition)
        self._numbers = number_names(manifest.definition)
        self._texts = category_names(manifest.definition)
        groups = {f.name: f.group for f in catalogue(manifest.definition)}
        names = [groups[name] for name in manifest.features]
        self._groups = np.array(sorted({*names}), dtype=object)
        self._of = np.array([sorted({*names}).index(name) for name in names])

    def first(self, frame: pd.DataFrame) -> NDArray[np.object_]:
        """What the first reason of each row is about; None for rows beyond EXPLAINED_ROWS."""
        reasons = np.full(len(frame), None, dtype=object)
        chosen = np.arange(len(frame))
        if len(frame) > EXPLAINED_ROWS:
            chosen = np.random.default_rng(7).choice(len(frame), EXPLAINED_ROWS, replace=False)
        parts = self._contributions(frame.iloc[chosen])
        sums = np.zeros((len(chosen), len(self._groups)))
        np.add.at(sums.T, self._of, parts.T)
        reasons[chosen] = self._groups[np.abs(sums).argmax(axis=1)]
        return reasons

    def importance(self, frame: pd.DataFrame) -> dict[str, float]:
        """Each feature's share of the mean absolute contributions, over some of the rows."""
        mean = np.abs(self._contributions(frame[:EXPLAINED_ROWS])).mean(axis=0)
        return dict(zip(self._scorer.features, (mean / mean.sum()).tolist(), strict=True))

    def _contributions(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        full = frame.reindex(columns=[*self._numbers, *self._texts])
        numbers = full[list(self._numbers)].to_numpy(dtype=np.float64)
        texts = full[list(self._texts)].fillna("").astype(str).to_numpy().tolist()
        return self._scorer.explain(self._scorer.score(numbers, texts).leaves)


@dataclass(frozen=True, slots=True)
class VersionLeads:
    """The leads that a version is compared with, and those of earlier seasons if any are kept."""

    lately: pd.DataFrame
    earlier: pd.DataFrame


def leads_of(folder: Path) -> VersionLeads:
    """A version's leads; its reference sample where it was made before leads were kept."""
    path = folder / LEADS_FILE
    if not path.is_file():
        frame = pd.read_parquet(folder / REFERENCE_FILE)
        return VersionLeads(frame, frame[:0].assign(**{MOMENT: []}))
    frame = pd.read_parquet(path)
    return VersionLeads(frame[frame[LATELY]].reset_index(drop=True), frame[~frame[LATELY]])


def context_of(
    plane: SignalPlane,
    settings: Settings,
    folder: Path,
    manifest: Manifest,
    leads: VersionLeads,
    reasons: VersionReasons,
    now_us: int,
) -> ReportContext:
    """All that a report knows beside decisions."""
    importance = reasons.importance(leads.lately)
    profile = read_profile(folder)
    texts = {c.name: frozenset(c.values or ()) for c in (profile.categories if profile else ())}
    ranked = sorted(manifest.categories, key=lambda name: -importance.get(name, 0.0))
    known = Known(
        importance=importance,
        source_columns=_source_columns(manifest.definition, manifest.features),
        texts={name: values for name, values in texts.items() if values},
        segments=segments(leads.lately, SCORE, ranked[:SEGMENT_COLUMNS]),
        horizon_days=manifest.horizon_days,
        earlier=_earlier(leads.earlier, now_us),
    )
    return ReportContext(known=known, feeds=_feeds(plane, settings, now_us))


def _source_columns(definition: FeatureDefinition, features: tuple[str, ...]) -> list[str]:
    """Attributes, and sums of values: columns that a source's fault shows in."""
    attributes = {a.name for a in (*definition.numbers, *definition.texts)}
    return [name for name in features if name in attributes or name.endswith("_total")]


def _earlier(rows: pd.DataFrame, now_us: int) -> Reference | None:
    days = (rows[MOMENT].to_numpy(dtype=np.float64) // DAY).astype(np.int64)
    chosen = rows[same_season(days, now_us // DAY)].reset_index(drop=True)
    if not len(chosen):
        return None
    names = [str(name) for name in chosen.columns if name not in COLUMNS_ASIDE]
    return Reference(tidied(chosen, [*names, SCORE]), chosen["account"].to_numpy())


def _feeds(plane: SignalPlane, settings: Settings, now_us: int) -> dict[str, NDArray[np.int64]]:
    """Events a day by type, of days that are over; a home of past events ends with its log."""
    counts = daily_counts(plane.engine, now_us, FEED_DAYS)
    if not counts or settings.clock == "system":
        return counts
    total = np.sum(list(counts.values()), axis=0)
    awake = np.flatnonzero(total >= ASLEEP * np.median(total[total > 0]))
    end = int(awake[-1]) + 1 if len(awake) else len(total)
    return {name: values[:end] for name, values in counts.items()}
