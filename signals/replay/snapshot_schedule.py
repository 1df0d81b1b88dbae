"""Times at which training samples history; only the last state before each is kept."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SnapshotSchedule:
    """Moments begin, begin + step, …, in microseconds.

    Where `begin_us` is None they begin `after_first_us` after the first event became known.
    """

    step_us: int
    begin_us: int | None = None
    after_first_us: int = 0

    def begin(self, first_us: int) -> int:
        """The first moment of a log whose first event became known at `first_us`."""
        return first_us + self.after_first_us if self.begin_us is None else self.begin_us

    def next_after(self, look_us: int, known_us: int) -> int:
        """The first moment, from `look_us` on, that is not before `known_us`.

        >>> SnapshotSchedule(10).next_after(5, 5), Looks(10).next_after(5, 6),
        Looks(10).next_after(5, 31) (5, 15, 35)
        """
        return look_us + max(0, -((look_us - known_us) // self.step_us)) * self.step_us
