"""What an agent may spend on one task: time and attempts."""

import time
from collections.abc import Callable


class BudgetSpent(Exception):
    """A budget is used up; `what` says which: seconds, attempts."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)


class AgentBudget:
    """Time and attempts of one task. `monotonic` gives seconds that never go backwards."""

    def __init__(
        self, seconds: float, attempts: int, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._monotonic = monotonic
        self._until = monotonic() + seconds
        self._most = attempts
        self.attempts = 0

    @property
    def left_s(self) -> float:
        """How many seconds are left, 0 at least."""
        return max(self._until - self._monotonic(), 0.0)

    def attempt(self) -> float:
        """Begin an attempt: the seconds that it may take. Raises BudgetSpent."""
        if self.left_s <= 0:
            raise BudgetSpent("seconds")
        if self.attempts >= self._most:
            raise BudgetSpent("attempts")
        self.attempts += 1
        return self.left_s
