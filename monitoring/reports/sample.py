"""Which of many rows are looked at with their features: whole companies, drawn with a fixed seed.

What moved is told of shares of companies, so companies are drawn, not rows: each alike, however
many leads it has. Of the many leads of one, some are as good as all, for its mean.
"""

import numpy as np

from monitoring.decision_columns import Ints

ROWS = 50_000
EACH = 200
"""Rows of one company at most."""


def drawn_companies(account: Ints, seed: int, rows: int = ROWS, each: int = EACH) -> Ints:
    """Places, ascending, of rows [n] of drawn companies: `rows` at most, `each` of one.

    Where all rows are few enough, all are taken.

    >>> drawn_companies(np.array([0, 0, 0, 1]), 7, rows=3, each=2).size <= 3
    True
    """
    if len(account) <= rows:
        return np.arange(len(account))
    random = np.random.default_rng(seed)
    _, company = np.unique(account, return_inverse=True)
    rank = random.permutation(int(company.max()) + 1)[company]
    order = np.lexsort((random.permutation(len(account)), rank))
    ranked = rank[order]
    first = np.concatenate([[True], ranked[1:] != ranked[:-1]])
    number = np.arange(len(order)) - np.flatnonzero(first)[np.cumsum(first) - 1]
    few = order[number < each]
    ends = rank[few][rows] if len(few) > rows else None  # the company that would be cut is left out
    return np.sort(few if ends is None else few[rank[few] < ends])
