"""The leads that a version would have scored: what those that it does score are compared with.

Every lead that was open at a cutoff of the test's time, of companies that were learnt from and of
others: so it will be when the version serves. Where the log goes back a year, leads of earlier
seasons are kept too, so that a season can be told from drift.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domain.clock import DAY
from training.data.dataset import Dataset
from training.data.reference_sample import ROWS, reference_frame

MOMENT, LATELY = "moment", "lately"
"""Columns beside those of the reference: the cutoff, and whether it is of the test's time."""

SEASON_DAYS = 320
"""A log that goes back so far before the test's end holds leads of the same season."""

YEARS_DAYS = 2 * 366


def lead_rows(moments: NDArray[np.int64], start_us: int, seed: int) -> NDArray[np.int64]:
    """Rows from the test's start on, and where there is a year, earlier ones: ROWS of each at most.

    `moments` [n] are the rows' cutoffs in microseconds.
    """
    random = np.random.default_rng(seed)
    lately, newest = moments >= start_us, int(moments.max())
    chosen = [np.flatnonzero(lately)]
    if newest - int(moments.min()) >= SEASON_DAYS * DAY:
        chosen.append(np.flatnonzero(~lately & (moments > newest - YEARS_DAYS * DAY)))
    drawn = [
        rows if len(rows) <= ROWS else random.choice(rows, ROWS, replace=False) for rows in chosen
    ]
    return np.sort(np.concatenate(drawn))


def leads_frame(
    data: Dataset, scores: NDArray[np.float64], start_us: int, seed: int
) -> pd.DataFrame:
    """Rows of `lead_rows`, with their scores, as `reference_frame` has them."""
    frame = reference_frame(data, scores, seed, most=len(data))
    return frame.assign(**{MOMENT: data.moments, LATELY: data.moments >= start_us})
