"""What quality gates found: counted per gate, rule and what it is about, never with a value."""

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple

OTHER = "other"
"""Stands for what cannot be a label, and for labels beyond the bound."""

LONGEST = 160
MOST = 2_000
"""Distinct counts that are kept: whoever names sources freely cannot fill the memory."""

# no @, no blanks, no seven digits in a row: neither an address nor a name nor a number fits
_LABEL = re.compile(r"(?!.*\d{7})[\w.:/*-]*", re.ASCII)


class QualityFinding(NamedTuple):
    """One kind of finding: the gate, its rule, and what was found wanting (source/type, field)."""

    gate: str
    rule: str
    about: str


@lru_cache(maxsize=4_096)
def label(text: str) -> str:
    """A text as a label of a count: itself, or OTHER where it might hold personal data.

    >>> label("web/web.page_viewed"), label("someone@company.com"), label("+15550001111")
    ('web/web.page_viewed', 'other', 'other')
    """
    return text if len(text) <= LONGEST and _LABEL.fullmatch(text) else OTHER


class QualityFindings:
    """Counts that only grow. Safe to use from many threads."""

    def __init__(self) -> None:
        self._counts: dict[QualityFinding, int] = {}
        self._lock = Lock()

    def add(self, gate: str, rule: str, about: str = "", count: int = 1) -> None:
        """So many more; `about` is made a label first."""
        with self._lock:
            self._add(QualityFinding(gate, rule, label(about)), count)

    def merge(self, more: Mapping[QualityFinding, int]) -> None:
        """Add the counts of another."""
        with self._lock:
            for finding, count in more.items():
                self._add(finding, count)

    def counts(self) -> dict[QualityFinding, int]:
        """A copy of all counts."""
        with self._lock:
            return dict(self._counts)

    def _add(self, finding: QualityFinding, count: int) -> None:
        if finding not in self._counts and len(self._counts) >= MOST:
            finding = finding._replace(about=OTHER)
        self._counts[finding] = self._counts.get(finding, 0) + count


def broken_rules(failure_cases: Any) -> dict[tuple[str, str], int]:
    """Failures by (rule, column) of the `failure_cases` of a pandera report, most first.

    A rule is the name of its check; the report's values are left behind.
    """
    pairs = zip(failure_cases["check"], failure_cases["column"], strict=True)
    counted = Counter((str(check), str(column or "")) for check, column in pairs)
    return dict(counted.most_common())
