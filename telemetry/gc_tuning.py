"""Python's garbage collector, in processes that take many events in."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (200_000, 20, 100)


def tune_gc() -> None:
    """Look for garbage cycles seldom: batches are large, have none, and are soon let go.

    With Python's own thresholds, half of the time of ingestion went into looking. What is set aside
    is given back at the end, or libraries would report it as leaked.
    """
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)
    gc.set_threshold(*SELDOM)


@contextmanager
def gc_tuned() -> Iterator[None]:
    """Look for garbage cycles seldom for a while, in a process that is somebody else's."""
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
