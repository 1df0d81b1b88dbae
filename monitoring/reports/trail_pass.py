"""One pass over the audit trail: decisions as columns, and counts of what their features hold.

However long the trail is, a decision stays as some hundred bytes, and its features only as counts.
What needs features themselves looks at a sample (`monitoring.reports.sample`), which is read anew.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from decisions.audit.slim_records import FeaturedDecision, Numbered
from domain.clock import DAY
from domain.identifiers import is_identified
from monitoring.causes.window import LONGER_DAYS
from monitoring.decision_columns import UNKNOWN, DecisionColumns, Floats, Ints, NameCodes

MOST_TEXTS = 10_000
"""Different texts of a column that are told apart; others count as none."""


class TrailReader(Protocol):
    """What is read of an audit trail."""

    def batches(self) -> Iterator[list[Numbered]]:
        """All decisions, in order."""
        ...

    def entries(self, sequences: Sequence[int]) -> Iterator[Numbered]:
        """Those of these numbers."""
        ...


@dataclass(frozen=True, slots=True)
class VersionFeatures:
    """A version's features, and where they stand in a decision of its feature service.

    `numbers` and `texts` are names, in the version's order; `number_places` and `text_places` say
    where they stand. `lowest` and `highest` [numbers] are the ends of the reference, nan where it
    has no value.
    """

    label: str
    service: str
    numbers: tuple[str, ...]
    number_places: tuple[int, ...]
    texts: tuple[str, ...]
    text_places: tuple[int, ...]
    lowest: Floats
    highest: Floats

    def values(self, decisions: Sequence[FeaturedDecision]) -> tuple[Floats, list[list[str]]]:
        """Numbers [n, numbers], nan where missing, and texts [texts][n]."""
        numbers = np.array([one.features for one in decisions], dtype=np.float64)
        numbers = numbers.reshape(len(decisions), -1)[:, list(self.number_places)]
        return numbers, [[one.texts[at] for one in decisions] for at in self.text_places]

    def concerns(self, decision: FeaturedDecision) -> bool:
        """Whether the version scored it, served or unseen, on its own features."""
        versions = decision.answer.versions
        scored = versions.model == self.label or self.label in decision.shadow
        return scored and versions.feature_service == self.service


class FeatureCounts:
    """Exact counts of what the features of recent decisions hold."""

    def __init__(self, features: VersionFeatures) -> None:
        self._features = features
        self.rows = 0
        self._missing = np.zeros(len(features.numbers), dtype=np.int64)
        self._outside = np.zeros(len(features.numbers), dtype=np.int64)
        self._empty = np.zeros(len(features.texts), dtype=np.int64)

    def add(self, numbers: Floats, texts: Sequence[Sequence[str]]) -> None:
        """Count a batch: numbers [n, numbers] and texts [texts][n]."""
        self.rows += len(numbers)
        self._missing += (~np.isfinite(numbers)).sum(axis=0)
        with np.errstate(invalid="ignore"):
            beyond = (numbers < self._features.lowest) | (numbers > self._features.highest)
        self._outside += beyond.sum(axis=0)
        self._empty += np.array([column.count("") for column in map(list, texts)], dtype=np.int64)

    @property
    def missing(self) -> dict[str, float]:
        """The share of decisions without a value, by feature."""
        counts = [*self._missing.tolist(), *self._empty.tolist()]
        names = (*self._features.numbers, *self._features.texts)
        return {n: count / max(self.rows, 1) for n, count in zip(names, counts, strict=True)}

    @property
    def outside(self) -> dict[str, float]:
        """The share of decisions beyond the reference's lowest and highest, by number."""
        counts = zip(self._features.numbers, self._outside.tolist(), strict=True)
        return {name: count / max(self.rows, 1) for name, count in counts}


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the collector of circles: batches have none, and it would look at all else for each.

    It makes decoding several times as quick.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class TrailPass:
    """What one pass keeps: columns, ages of features, degraded answers, texts, and counts.

    Decisions about visitors whom nothing names, and those made after `until_us`, are passed over.
    Features are counted of the last four weeks.
    """

    def __init__(self, features: VersionFeatures, until_us: int) -> None:
        self._features, self._until_us = features, until_us
        self.columns, self.counts = DecisionColumns(), FeatureCounts(features)
        self._parts: dict[str, list[NDArray[np.generic]]] = {}
        self._codes = [NameCodes(MOST_TEXTS) for _ in features.texts]

    @classmethod
    def of(cls, trail: TrailReader, features: VersionFeatures, until_us: int) -> "TrailPass":
        """Read a trail."""
        passed = cls(features, until_us)
        with _no_collection():
            for batch in trail.batches():
                passed.add(batch)
        return passed

    def add(self, batch: Sequence[Numbered]) -> None:
        """Take in the next entries of the trail."""
        counted = [
            (sequence, one)
            for sequence, one in batch
            if one.decided_us <= self._until_us and is_identified(one.answer.lead_id)
        ]
        decisions = [one for _, one in counted]
        self.columns.extend(decisions)
        mine = [self._features.concerns(one) for one in decisions]
        texts = np.full((len(decisions), len(self._codes)), UNKNOWN, dtype=np.int32)
        own = [one for one, is_mine in zip(decisions, mine, strict=True) if is_mine]
        if own:
            numbers, columns = self._features.values(own)
            for at, names in enumerate(columns):
                texts[mine, at] = self._coded(at, names)
            self._count(own, numbers, columns)
        for name, column in {
            "sequence": np.array([sequence for sequence, _ in counted], dtype=np.int64),
            "staleness_s": np.array([one.answer.staleness_s for one in decisions]),
            "degraded": np.array([one.answer.degraded for one in decisions], dtype=np.bool_),
            "texts": texts,
        }.items():
            self._parts.setdefault(name, []).append(column)

    def _coded(self, at: int, names: Sequence[str]) -> Ints:
        return self._codes[at].add(names)

    def _count(
        self, own: Sequence[FeaturedDecision], numbers: Floats, texts: Sequence[Sequence[str]]
    ) -> None:
        since = self._until_us - LONGER_DAYS * DAY
        rows = [at for at, one in enumerate(own) if one.as_of_us > since]
        if len(rows) == len(own):
            self.counts.add(numbers, texts)
        elif rows:
            self.counts.add(numbers[rows], [[column[at] for at in rows] for column in texts])

    def column(self, name: str) -> NDArray[np.generic]:
        """`sequence`, `staleness_s`, `degraded` [n], or codes of `texts` [n, texts]."""
        parts = self._parts.get(name) or [np.zeros(0)]
        if len(parts) > 1:
            parts = self._parts[name] = [np.concatenate(parts)]
        return parts[0]

    def texts_of(self, name: str, places: Ints) -> NDArray[np.object_]:
        """A column of texts at places [n]; empty where it is not known."""
        at = self._features.texts.index(name)
        names = np.array([*self._codes[at].names, ""], dtype=object)
        codes = self.column("texts")[places, at].astype(np.int64)
        return np.asarray(names[codes], dtype=object)

    def frame_of(self, trail: TrailReader, places: Ints) -> pd.DataFrame:
        """The features at places [n], read anew; nan, and empty texts, where they are unlike."""
        order = {int(self.column("sequence")[at]): row for row, at in enumerate(places.tolist())}
        entries = [(order[s], one) for s, one in trail.entries(list(order))]
        entries = [(row, one) for row, one in entries if self._features.concerns(one)]
        rows, own = [row for row, _ in entries], [one for _, one in entries]
        numbers = np.full((len(places), len(self._features.numbers)), np.nan)
        texts = np.full((len(self._features.texts), len(places)), "", dtype=object)
        if own:
            numbers[rows], columns = self._features.values(own)
            for at, names in enumerate(columns):
                texts[at, rows] = names
        frame = pd.DataFrame(numbers, columns=list(self._features.numbers))
        return frame.assign(**dict(zip(self._features.texts, texts, strict=True)))
