"""Why rows cannot be learnt from: the true cause, and the setting by which to mend it."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain.errors import Missing, Refused
from training.config import TrainingConfig

if TYPE_CHECKING:
    from training.data.dataset import Dataset

LARGEST = float(np.finfo(np.float32).max) / 2
"""CatBoost's numbers are float32, and it halves the sum of two of them."""


_ONE_COMPANY = (
    "Leave out of the mapping's `identifiers` what makes them one company: `account_id`, and "
    "`email` where the domain is theirs. Or leave the company's leads out: `exclude_accounts`."
)


def refuse_beyond_float32(data: "Dataset") -> None:
    """Raise Refused where a column holds numbers that the model cannot hold, by its name."""
    with np.errstate(invalid="ignore"):
        beyond = (np.abs(data.numbers) > LARGEST).sum(axis=0)
    counts = {name: n for name, n in zip(data.features, beyond.tolist(), strict=False) if n}
    if counts:
        columns = ", ".join(f"{name} ({n:,} rows)" for name, n in counts.items())
        raise Refused(
            f"numbers beyond {LARGEST:.2g} in {columns}",
            rule="number-range",
            todo="Mend the column, or leave it out: `exclude` in the training configuration.",
        )


class RemovedRows(NamedTuple):
    """How many rows a split took out of both sides."""

    embargoed: int
    parted: int


def require_both_classes(
    part: "Dataset", what: str, whole: "Dataset", removed: RemovedRows
) -> None:
    """Raise Missing where a part holds no positive or no negative row, and say why.

    `whole` are the rows before the split that the part is of.
    """
    positives = int(part.labels.sum())
    if 0 < positives < len(part):
        return
    cause, todo = _cause(whole, removed)
    raise Missing(
        f"the {what} part has {len(part):,} rows, {positives:,} of them positive: {cause}",
        rule="both-classes",
        todo=todo,
    )


def require_outcomes(data: "Dataset", config: TrainingConfig) -> None:
    """Raise Missing where all rows have one label."""
    positives = int(data.labels.sum())
    if 0 < positives < len(data):
        return
    which = "none" if positives == 0 else "each"
    raise Missing(
        f"{which} of {len(data):,} rows has the outcome {config.outcome!r} within "
        f"{config.horizon_days:g} days",
        rule="both-classes",
        todo="Change `horizon_days`, `cutoffs`, or the events that `outcomes` counts.",
    )


def _cause(whole: "Dataset", removed: RemovedRows) -> tuple[str, str]:
    rows = len(whole)
    _, sizes = np.unique(whole.groups, return_counts=True)
    moments = len(np.unique(whole.moments))
    if removed.parted and removed.parted >= removed.embargoed and sizes.max() > rows / 3:
        share = f"one company of {len(sizes):,} has {sizes.max():,} of {rows:,} rows"
        return f"a company's leads all stand on one side of a split, and {share}", _ONE_COMPANY
    if moments < 3:
        return (
            f"all {rows:,} rows are of {moments} moments, and a moment is never cut",
            "Shorten `cutoffs.days`, or ingest more history.",
        )
    if removed.embargoed:
        return (
            f"{removed.embargoed:,} of {rows:,} rows lie within the embargo before the split",
            "Ingest more history, or shorten `split.embargo_days` (unless set, `horizon_days`).",
        )
    return (
        f"{int(whole.labels.sum()):,} of {rows:,} rows are positive, and too few stand here",
        "Ingest more history, or lower `split.folds`.",
    )
