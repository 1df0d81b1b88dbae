"""Waiting for what must be so: never for a time."""

import time
from collections.abc import Callable

PATIENCE_S = 60.0
LOOK_EVERY_S = 0.02


def until(
    condition: Callable[[], object],
    patience: float = PATIENCE_S,
    *,
    what: str | Callable[[], str] = "it did not come about",
    every: float = LOOK_EVERY_S,
) -> None:
    """Return once the condition holds; fail, saying what is missing, where patience ends first."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, what if isinstance(what, str) else what()
        time.sleep(every)
