"""Failures of a challenger, model or policy: the champion's answers do not suffer by them."""

import logging
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


class ArmFailures:
    """The challengers that fail at present; a failure is logged once until the challenger works."""

    def __init__(self) -> None:
        self._failing: set[str] = set()
        self._lock = Lock()

    def attempt(self, label: str, work: Callable[[], T]) -> T | None:
        """What a challenger's work gives; None where it raises, which is noted here."""
        try:
            result = work()
        except Exception as bad:
            with self._lock:
                first = label not in self._failing
                self._failing.add(label)
            if first:
                # no message of an error: it may hold a value of a lead's
                log.warning("%s fails, the champion answers for it: %s", label, type(bad).__name__)
            return None
        if label in self._failing:
            with self._lock:
                self._failing.discard(label)
        return result
