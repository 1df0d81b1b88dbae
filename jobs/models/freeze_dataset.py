"""Freezes a data set: features at cutoffs with labels, as training would see them, in one file."""

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd

from config.home_definition import definition_of
from config.settings import Settings
from domain.errors import BadInput, Missing
from feature_repo.catalogue import category_names, number_names
from jobs.models.train import prepared
from monitoring.canary_target import Learnt
from monitoring.frozen_rows import FrozenDescription, write_frozen
from training.config import TrainingConfig
from training.data.cutoffs import Cutoff, choose, companies
from training.run import TrainingObserver, TrainingRun
from wiring.scratch_home import scratch_home


@dataclass(frozen=True, slots=True)
class CutoffWindow:
    """Cutoffs from `since_us` on and before `until_us`, in microseconds; None: no bound."""

    since_us: int | None = None
    until_us: int | None = None

    def holds(self, moment_us: int) -> bool:
        """Whether a cutoff lies within."""
        late = self.since_us is None or moment_us >= self.since_us
        return late and (self.until_us is None or moment_us < self.until_us)


def freeze(
    settings: Settings,
    config: TrainingConfig,
    window: CutoffWindow,
    out: Path,
    progress: TrainingObserver,
) -> FrozenDescription:
    """Write every cutoff within a window with all features of the home's feature service.

    Rows are those that `config` would train and test on, each as known at its cutoff. Raises
    BadInput where the folder of `out` is missing, Missing where no cutoff lies in the window.
    """
    if not out.parent.is_dir():
        raise BadInput("no such folder", rule="dataset-folder", where=f"--out {out.parent}")
    with scratch_home(settings, definition_of(settings), "dataset") as scratch:
        run = prepared(scratch, config, progress)
        cutoffs = _cutoffs(run, config, window)
        progress.phase(f"joining features to {len(cutoffs):,} cutoffs")
        frame = _frame(run, cutoffs)
        learnt = Learnt(outcome=config.outcome, horizon_days=config.horizon_days)
        label, watermark = run.definition.label, run.journeys.watermark_us
        return write_frozen(frame, learnt, label, watermark, out)


def _cutoffs(run: TrainingRun, config: TrainingConfig, window: CutoffWindow) -> list[Cutoff]:
    closing = frozenset(o.name for o in run.definition.outcomes if o.closes)
    cutoffs = choose(run.journeys, config, closing).cutoffs
    kept = [c for c in cutoffs if window.holds(c.moment_us)]
    if not kept:
        raise Missing(
            f"none of {len(cutoffs):,} cutoffs lies between --since and --until",
            rule="dataset-cutoffs",
            todo="Set them further apart.",
        )
    return kept


def _frame(run: TrainingRun, cutoffs: list[Cutoff]) -> pd.DataFrame:
    leads, accounts, moments = (
        [getattr(c, name) for c in cutoffs] for name in ("lead_id", "account_id", "moment_us")
    )
    features = run.history(leads, accounts, moments)
    numbers, texts = number_names(run.definition), category_names(run.definition)
    keys = pd.DataFrame(
        {
            "lead": [_number(c.final_id) for c in cutoffs],
            "account": [_number(name) for name in companies(cutoffs)],
            "cutoff": pd.to_datetime(np.array(moments), unit="us", utc=True),
            "label": np.array([c.label for c in cutoffs], dtype=np.int8),
        }
    )
    parts = [
        features[list(numbers)].astype(np.float64).reset_index(drop=True),
        features[list(texts)].fillna("").astype(str).reset_index(drop=True),
    ]
    rows = pd.concat([keys, *parts], axis=1)
    return rows.sort_values(["cutoff", "lead"], kind="stable", ignore_index=True)


def _number(name: str) -> int:
    """A number in place of an id: a data set names nobody."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
