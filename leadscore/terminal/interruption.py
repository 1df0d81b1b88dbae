"""What a command says that somebody breaks off: what was committed, and how to go on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from domain.errors import Interrupted
from jobs.interrupts import BrokenOff


@contextmanager
def interrupted_with(
    what: Callable[[], str], todo: str = "The same command goes on from there."
) -> Iterator[None]:
    """Turn an interrupt into an Interrupted that says `what` was committed up to then."""
    try:
        yield
    except BrokenOff:
        raise Interrupted(
            "broken off while it was being committed: it is done whole, or not at all",
            rule="interrupted",
            todo="Look at what stands there now, then give the same command again.",
        ) from None
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {what()}", rule="interrupted", todo=todo) from None
