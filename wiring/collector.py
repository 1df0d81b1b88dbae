"""Python's garbage collector, in processes that take many events in."""

import gc


def calm_collector() -> None:
    """Look for garbage cycles seldom: batches are large, have none, and are soon let go.

    With Python's own thresholds, half of the time of ingestion went into looking.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
