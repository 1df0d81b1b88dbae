"""How long until a server is ready, beside importing the libraries that it needs."""

import subprocess
import sys
from typing import Any

from serving.supervisor import running
from tests.benchmarks.alternating import ratio
from tests.benchmarks.bars import bar
from tests.conftest import ROOT, Trained

LIBRARIES = "bentoml, catboost, feast, msgspec, numba, numpy, pyarrow.parquet, sqlalchemy, zen"


LEAST = 1 / 1.5
"""Ready within one and a half times the imports."""


def test_ready_beside_importing_its_libraries(benchmark: Any, trained: Trained) -> None:
    """From the start of the process to 200 on /readyz: models opened, compared and warm."""

    def ours() -> None:
        with running(trained.settings):
            pass

    def theirs() -> None:
        subprocess.run([sys.executable, "-c", f"import {LIBRARIES}"], cwd=ROOT, check=True)

    found = ratio(benchmark, ours, theirs, 2, warm=0, block=1, at_least=LEAST)
    bar(benchmark, "ready, as quick as", "importing the libraries", found, at_least=LEAST)
