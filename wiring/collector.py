"""Python's garbage collector, in processes that take many events in."""

import atexit
import gc


def calm_collector() -> None:
    """Look for garbage cycles seldom: batches are large, have none, and are soon let go.

    With Python's own thresholds, half of the time of ingestion went into looking. What is set aside
    is given back at the end, or libraries would report it as leaked.
    """
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)
    gc.set_threshold(200_000, 20, 100)
