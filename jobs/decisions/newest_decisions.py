"""Since when the newest decisions were made: what bounds a replay that somebody waits for."""

from decisions.audit.trail import AuditTrail


def since_of_newest(trail: AuditTrail, newest: int) -> int | None:
    """When the first of so many newest decisions was made; None where there are no more.

    Microseconds since 1970. Raises Unavailable.
    """
    head = trail.head()
    if head is None or head.sequence <= newest:
        return None
    ((_, first),) = trail.entries([head.sequence - newest + 1])
    return first.decided_us
