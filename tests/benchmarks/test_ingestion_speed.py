"""The whole way in, but for the push online: documents to committed leads and states."""

import itertools
from pathlib import Path
from typing import Any

from domain.clock import from_us
from domain.signals import Signal, encode
from tests.signals.planes import open_plane

BATCH = 5_000


def test_commit_a_batch(benchmark: Any, tmp_path: Path) -> None:
    plane, numbers = open_plane(tmp_path), itertools.count()

    def fresh() -> tuple[tuple[list[tuple[int, bytes]], str], dict[str, Any]]:
        made = [next(numbers) for _ in range(BATCH)]
        return ([(i, _document(i)) for i in made], "bench"), {}

    benchmark.extra_info["documents"] = BATCH
    benchmark.pedantic(plane.ingest.commit, setup=fresh, rounds=8, warmup_rounds=1)


def _document(i: int) -> bytes:
    return encode(
        Signal(
            id=str(i),
            source="web",
            type="web.page_viewed",
            time=from_us(1_740_000_000_000_000 + i * 1_000_000),
            identifiers={"cookie": f"c{i % 997}"},
            data={"page": "pricing"},
        )
    )
