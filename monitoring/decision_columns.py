"""Decisions as columns: a hundred bytes each, however many features they have."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class DecidedVersions(Protocol):
    """Which model answered."""

    @property
    def model(self) -> str:
        """Its label."""
        ...


class DecidedAnswer(Protocol):
    """What was answered."""

    @property
    def lead_id(self) -> str:
        """Current or former."""
        ...

    @property
    def score(self) -> float:
        """What was served."""
        ...

    @property
    def versions(self) -> DecidedVersions:
        """Which versions answered."""
        ...

    @property
    def arm(self) -> str:
        """Champion, challenger or holdout."""
        ...

    @property
    def decision_id(self) -> str:
        """Its name."""
        ...


class Decided(Protocol):
    """A decision, as `domain.decisions.DecisionRecord` or less of it."""

    @property
    def decided_us(self) -> int:
        """When it was made."""
        ...

    @property
    def as_of_us(self) -> int:
        """The moment it refers to."""
        ...

    @property
    def account_id(self) -> str:
        """Empty where there is none."""
        ...

    @property
    def shadow(self) -> Mapping[str, float]:
        """Scores given unseen, by version."""
        ...

    @property
    def answer(self) -> DecidedAnswer:
        """What was answered."""
        ...


UNKNOWN = -1


class NameCodes:
    """Numbers from 0 for names, in the order in which they are met: of `most` names, or of all."""

    def __init__(self, most: int | None = None) -> None:
        self._codes: dict[str, int] = {}
        self._most = most

    def add(self, names: Iterable[str]) -> Ints:
        """The number of each name [n]; UNKNOWN of those that are one too many."""
        codes = self._codes
        if self._most is not None and len(codes) >= self._most:
            return np.array([codes.get(name, UNKNOWN) for name in names], dtype=np.int64)
        return np.array([codes.setdefault(name, len(codes)) for name in names], dtype=np.int64)

    @property
    def names(self) -> list[str]:
        """Names by number."""
        return list(self._codes)


class DecisionColumns:
    """Columns of decisions that are added batch by batch; each is named by its place from 0."""

    def __init__(self) -> None:
        self._parts: dict[str, list[NDArray[Any]]] = {}
        self._shadows: dict[str, list[tuple[Ints, Floats]]] = {}
        self._leads, self._accounts = NameCodes(), NameCodes()
        self._arms, self._models = NameCodes(), NameCodes()
        self.decision_ids: list[str] = []

    def __len__(self) -> int:
        return len(self.decision_ids)

    def extend(self, decisions: Sequence[Decided]) -> None:
        """Add a batch."""
        answers = [one.answer for one in decisions]
        for label in {label for one in decisions for label in one.shadow}:
            at = [i for i, one in enumerate(decisions) if label in one.shadow]
            scores = np.array([decisions[i].shadow[label] for i in at], dtype=np.float64)
            part = len(self) + np.array(at, dtype=np.int64), scores
            self._shadows.setdefault(label, []).append(part)
        self.decision_ids += [a.decision_id for a in answers]
        columns: dict[str, NDArray[Any]] = {
            "decided_us": np.array([one.decided_us for one in decisions], dtype=np.int64),
            "as_of_us": np.array([one.as_of_us for one in decisions], dtype=np.int64),
            "score": np.array([a.score for a in answers], dtype=np.float64),
            "lead": self._leads.add(a.lead_id for a in answers),
            "account": self._accounts.add(one.account_id for one in decisions),
            "arm": self._arms.add(a.arm for a in answers).astype(np.int32),
            "model": self._models.add(a.versions.model for a in answers).astype(np.int32),
        }
        for name, column in columns.items():
            self._parts.setdefault(name, []).append(column)

    def column(self, name: str) -> NDArray[Any]:
        """`decided_us`, `as_of_us`, `score`, or numbers of `lead`, `account`, `arm`, `model`."""
        parts = self._parts.get(name) or [np.zeros(0, dtype=np.int64)]
        if len(parts) > 1:
            parts = self._parts[name] = [np.concatenate(parts)]
        return parts[0]

    def names(self, name: str) -> list[str]:
        """The names of `lead`, `account`, `arm` or `model`, by number."""
        kinds = {
            "lead": self._leads,
            "account": self._accounts,
            "arm": self._arms,
            "model": self._models,
        }
        return kinds[name].names

    def shadow(self, places: Ints) -> dict[str, Floats]:
        """Per version label, the scores that it gave unseen at places [n]; NaN where none."""
        columns = {}
        for label in sorted(self._shadows):
            column = np.full(len(self), np.nan)
            for at, scores in self._shadows[label]:
                column[at] = scores
            if np.isfinite(column[places]).any():
                columns[label] = column[places]
        return columns
