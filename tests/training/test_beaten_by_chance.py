"""How often a version is shown to be beaten by baselines that are no better, and that are."""

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.scores import logistic
from domain.versions.measured import DIFFERENCES
from measures.resampling import ResampledMeasure, Resampling
from registry.gate_file import load_gates
from registry.gates import Unbeaten, run_gates
from tests.registry.conftest import manifest_of
from training.assessment import beaten_by
from training.evaluation.evaluate import DRAWS
from training.evaluation.results import Rival

Array = NDArray[np.float64]
NOISE, BY_COMPANY, BY_ROW = 0.7, 0.6, 0.9
ROWS, RATE = 1760, 0.057
"""As many rows as the test of `make demo` has, and as many of them won."""


def worlds(seed: int, worse: float) -> tuple[Array, NDArray[np.int64], Array, list[Array]]:
    """Labels, companies, weights, and what a version and two baselines tell, all of one noise.

    `worse` is what is added to the noise of the version and of the second baseline. One company in
    ten weighs eight times the others, as where a split by company left out rows.
    """
    random = np.random.default_rng(seed)
    groups = random.integers(0, ROWS // 4, ROWS)
    telling = BY_COMPANY * random.normal(size=ROWS // 4)[groups] + BY_ROW * random.normal(size=ROWS)
    base = float(np.log(RATE / (1 - RATE)))
    labels = (random.random(ROWS) < logistic(base - 0.5 + telling)).astype(np.float64)
    weights = np.where(random.random(ROWS // 4) < 0.1, 8.0, 1.0)[groups]
    spread = BY_COMPANY**2 + BY_ROW**2
    told = []
    for noise in (NOISE + worse, NOISE, NOISE + worse):
        seen = spread / (spread + noise**2)
        told.append(logistic(base - 0.4 + seen * (telling + noise * random.normal(size=ROWS))))
    return labels, groups, weights, told


def measured(drawn: Resampling, labels: Array, chance: Array) -> dict[str, ResampledMeasure]:
    return {
        **drawn.ranking(labels, chance, ()),
        "brier": drawn.mean((chance - labels) ** 2),
    }


def beaten(seed: int, worse: float = 0.0) -> bool:
    """Whether the gate says that a baseline is better than a version of so much more noise."""
    labels, groups, weights, told = worlds(seed, worse)
    drawn = Resampling(groups, ROWS, seed=7, draws=DRAWS, w=weights)
    mine, *others = [measured(drawn, labels, one) for one in told]
    rivals = [
        Rival(
            name=name, note="", over={m: (mine[m] - other[m]).interval() for m in DIFFERENCES[name]}
        )
        for name, other in zip(("scorecard", "static"), others, strict=True)
    ]
    metrics = {f"{m}_over_{r.name}": r.over[m] for r in rivals for m in r.over}
    (gate,) = run_gates([rule], manifest_of(metrics), None)
    assert gate.passed == (not beaten_by(rivals)), "training says before what the gate says later"
    return not gate.passed


(rule,) = (one for one in load_gates().champion if isinstance(one, Unbeaten))


@pytest.mark.soak
def test_a_version_as_good_as_its_baselines_is_seldom_shown_to_be_beaten() -> None:
    assert np.mean([beaten(seed) for seed in range(200)]) <= 0.06


@pytest.mark.soak
def test_a_version_that_is_worse_is_shown_to_be_beaten() -> None:
    assert np.mean([beaten(seed, worse=0.5) for seed in range(100)]) >= 0.15
