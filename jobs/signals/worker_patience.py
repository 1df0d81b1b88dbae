"""How long a worker that shall end once it is idle bears getting nowhere."""

from dataclasses import dataclass
from math import inf

from domain.errors import Unavailable


@dataclass(slots=True)
class Patience:
    """Ends after `limit_s` seconds in which nothing moved, counted from when it begins.

    Something moves where this worker commits, or where fewer messages wait than at the last look,
    as when another worker takes them. Times are of a monotonic clock.
    """

    limit_s: float
    since_s: float = inf
    pending: int | None = None
    done: int = 0

    def begin(self, now_s: float) -> None:
        """From now on something is to move."""
        self.since_s = now_s

    def look(self, now_s: float, pending: int | None, done: int) -> None:
        """Note how many messages wait, None where the bus does not say, and what was done so far.

        Raises Unavailable where nothing moved for too long.
        """
        fewer = pending is not None and (self.pending is None or pending < self.pending)
        if fewer or done > self.done:
            self.since_s = max(self.since_s, now_s)
        self.pending, self.done = pending, done
        if now_s - self.since_s >= self.limit_s:
            raise self._spent(pending)

    def _spent(self, pending: int | None) -> Unavailable:
        if pending is None:
            return Unavailable(
                f"the bus has not answered for {self.limit_s:g} s",
                rule="bus-reachable",
                where="LEADSCORE_BUS",
                todo="Is the server running? What was not committed comes again; "
                "`--give-up-after` says how long it is waited for.",
            )
        return Unavailable(
            f"{pending:,} messages wait, and none was taken for {self.limit_s:g} s",
            rule="worker-moves",
            where="LEADSCORE_BUS",
            todo="Does the database answer, and does another worker hold them? The log says what "
            "was waited for; `--give-up-after` says for how long.",
        )
