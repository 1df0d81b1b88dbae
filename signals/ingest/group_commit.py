"""One transaction for all threads that wait for one.

While a transaction runs, what other threads want to commit gathers; the next takes it together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

from domain.errors import Refused, Unavailable
from domain.signals import Counts
from signals.events.preparation import PreparedDocuments

MOST = 5_000
"""Events of one transaction, unless one part alone is larger."""


@dataclass(eq=False, slots=True)
class _Asked:
    part: PreparedDocuments
    counts: Counts | None = None
    failed: Exception | None = None

    @property
    def open(self) -> bool:
        return self.counts is None and self.failed is None


class GroupCommit:
    """Commits parts, by `commit`, for threads that each wait for theirs."""

    def __init__(self, commit: Callable[[Sequence[PreparedDocuments]], Sequence[Counts]]) -> None:
        self._commit = commit
        self._waiting: list[_Asked] = []
        self._gate, self._turn = Lock(), Lock()

    def commit(self, part: PreparedDocuments) -> Counts:
        """Commit a part, perhaps with others; what became of it.

        Raises what the commit of this part alone raises, or what failed for all.
        """
        asked = _Asked(part)
        with self._gate:
            self._waiting.append(asked)
        with self._turn:
            while asked.open:
                self._lead()
        if asked.failed is not None:
            raise asked.failed
        return asked.counts or Counts()

    def _lead(self) -> None:
        company = self._company()
        try:
            self._together(company)
        except Refused:  # by a gate, which may mean one of them only
            for asked in company:
                self._alone(asked)
        except Exception as bad:
            for asked in company:
                asked.failed = bad
        finally:  # where the process is told to stop, nobody waits for ever
            for asked in company:
                if asked.open:
                    asked.failed = Unavailable(
                        "the commit was interrupted", rule="commit-finished", todo="Send it again."
                    )

    def _company(self) -> list[_Asked]:
        company: list[_Asked] = []
        size = 0
        with self._gate:
            while self._waiting:
                size += len(self._waiting[0].part.arrivals.keys)
                if company and size > MOST:
                    break
                company.append(self._waiting.pop(0))
        return company

    def _alone(self, asked: _Asked) -> None:
        try:
            self._together([asked])
        except Exception as bad:
            asked.failed = bad

    def _together(self, company: Sequence[_Asked]) -> None:
        done = self._commit([asked.part for asked in company])
        for asked, counts in zip(company, done, strict=True):
            asked.counts = counts
