"""What it costs, while all is well, to be ready for a store that is away."""

from itertools import islice
from typing import Any

from scoring.fallback_states import FallbackStateReader
from tests.benchmarks.alternating import ratio
from tests.benchmarks.bars import bar
from tests.conftest import Trained
from wiring.scoring import open_scoring

LEAST = 1 / 1.1


def test_a_read_that_is_kept_costs_little_more(benchmark: Any, trained: Trained) -> None:
    """One lead at a time, which is dearest: at most a tenth of the bare read."""
    scoring = open_scoring(trained.settings, live=True)
    steady, bare = scoring.ports.states, scoring.features
    assert isinstance(steady, FallbackStateReader)
    leads = list(islice(scoring.plane.directory.all(), 1))
    found = ratio(
        benchmark, lambda: steady.read(leads), lambda: bare.read(leads), 100, at_least=LEAST
    )
    bar(benchmark, "a read that is kept, as quick as", "a bare read", found, at_least=LEAST)
