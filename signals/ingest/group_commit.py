"""Group commit: one transaction for all threads that wait for one.

While a transaction runs, the parts of other threads queue up; the next one commits them together.
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
class _CommitRequest:
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
        self._waiting: list[_CommitRequest] = []
        self._gate, self._turn = Lock(), Lock()

    def commit(self, part: PreparedDocuments) -> Counts:
        """Commit a part, perhaps with others; returns its counts.

        Raises what the commit of this part alone raises, or what failed for all.
        """
        request = _CommitRequest(part)
        with self._gate:
            self._waiting.append(request)
        with self._turn:
            while request.open:
                self._lead()
        if request.failed is not None:
            raise request.failed
        return request.counts or Counts()

    def _lead(self) -> None:
        company = self._company()
        try:
            self._together(company)
        except Refused:  # by a gate, which may mean one of them only
            for request in company:
                self._alone(request)
        except Exception as bad:
            for request in company:
                request.failed = bad
        finally:  # where the process is told to stop, nobody waits for ever
            for request in company:
                if request.open:
                    request.failed = Unavailable(
                        "the commit was interrupted", rule="commit-finished", todo="Send it again."
                    )

    def _company(self) -> list[_CommitRequest]:
        company: list[_CommitRequest] = []
        size = 0
        with self._gate:
            while self._waiting:
                size += len(self._waiting[0].part.arrivals.keys)
                if company and size > MOST:
                    break
                company.append(self._waiting.pop(0))
        return company

    def _alone(self, request: _CommitRequest) -> None:
        try:
            self._together([request])
        except Exception as bad:
            request.failed = bad

    def _together(self, company: Sequence[_CommitRequest]) -> None:
        done = self._commit([request.part for request in company])
        for request, counts in zip(company, done, strict=True):
            request.counts = counts
