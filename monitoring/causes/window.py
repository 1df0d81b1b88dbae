"""The leads of now: one row a lead, the newest of the last days."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DAYS, LONGER_DAYS = 7, 28
"""So many last days; the longer stretch where the shorter holds too few companies."""

ENOUGH = 100
"""Companies from which on the shorter stretch is enough."""


def newest(
    days: NDArray[np.int64], leads: NDArray[np.int64], accounts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Places of each lead's newest row within the last days; rows are oldest first.

    `days` [rows] are numbers of days, `leads` and `accounts` [rows] say whose each row is.
    """
    if not len(days):
        return np.zeros(0, dtype=np.int64)
    for length in (DAYS, LONGER_DAYS):
        lately = np.flatnonzero(days > days.max() - length)
        kept = lately[~pd.Series(leads[lately]).duplicated(keep="last").to_numpy()]
        if len(np.unique(accounts[kept])) >= ENOUGH:
            break
    return kept
