"""How often a version is shown to be beaten by a baseline that is no better: by chance alone."""

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.scores import logistic
from measures.resampling import ResampledMeasure, Resampling
from training.assessment import BEATEN, shown_worse

Array = NDArray[np.float64]
NOISE, BY_COMPANY, BY_ROW = 0.7, 0.6, 0.9
ROWS, RATE = 1760, 0.057
"""As many rows as the test of `make demo` has, and as many of them won."""


def equals(seed: int) -> tuple[Array, NDArray[np.int64], Array, list[Array]]:
    """Labels, companies, weights, and what a version and two baselines tell: all three as good.

    One company in ten weighs eight times the others, as where a split by company left out rows.
    """
    random = np.random.default_rng(seed)
    groups = random.integers(0, ROWS // 4, ROWS)
    telling = BY_COMPANY * random.normal(size=ROWS // 4)[groups] + BY_ROW * random.normal(size=ROWS)
    base = float(np.log(RATE / (1 - RATE)))
    labels = (random.random(ROWS) < logistic(base - 0.5 + telling)).astype(np.float64)
    weights = np.where(random.random(ROWS // 4) < 0.1, 8.0, 1.0)[groups]
    spread = BY_COMPANY**2 + BY_ROW**2
    seen = spread / (spread + NOISE**2)
    told = [
        logistic(base - 0.4 + seen * (telling + NOISE * random.normal(size=ROWS))) for _ in range(3)
    ]
    return labels, groups, weights, told


def measured(drawn: Resampling, labels: Array, chance: Array) -> dict[str, ResampledMeasure]:
    return {
        **drawn.ranking(labels, chance, ()),
        "brier": drawn.mean((chance - labels) ** 2),
    }


def beaten(seed: int) -> bool:
    """Whether any measure shows one of the baselines to be better."""
    labels, groups, weights, told = equals(seed)
    drawn = Resampling(groups, ROWS, seed=7, draws=300, w=weights)
    mine, *others = [measured(drawn, labels, one) for one in told]
    return any(
        shown_worse(name, (mine[name] - other[name]).interval())
        for other in others
        for name in BEATEN
    )


@pytest.mark.soak
def test_a_version_as_good_as_its_baselines_is_seldom_shown_to_be_beaten() -> None:
    assert np.mean([beaten(seed) for seed in range(100)]) <= 0.25
