"""The gate at the model's input: rows that are unlike the rows that the version was trained on.

A tree model answers for any row: outside of what it saw it holds its last value, and says nothing
of it. So it is counted, per feature, and an answer that rests on too much of it is `degraded`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.definition import FeatureDefinition
from domain.findings import QualityFindings
from domain.state import Matrix
from domain.versions.input_profile import InputProfile, profile_inputs, read_profile
from domain.versions.manifest import REFERENCE_FILE, Manifest
from feature_repo.catalogue import category_names, number_names
from feature_repo.quality import FeatureRules
from feature_repo.row_kernels import count_breaks
from storage.config_numbers import Magnitude, PositiveCount, Share

GATE = "input"
RANGE, UNSEEN, MISSING, NULL_RATE = (
    "out-of-range",
    "unseen-category",
    "too-much-missing",
    "null-rate",
)


class InputRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`slack`: how far outside the training range a number may lie, as a share of the range.

    An answer is degraded where more than `degraded_share` of its features are out of profile, or
    where `missing_slack` more of them is missing than in any training row. A column misses too
    much where, over at least `least_rows` rows, `missing_slack` more is missing than in training.
    """

    slack: Magnitude = 0.1
    degraded_share: Share = 0.2
    missing_slack: Share = 0.1
    least_rows: PositiveCount = 200


@dataclass(frozen=True, slots=True)
class Gates:
    """What the gates of scoring go by, and where they count."""

    features: FeatureRules = field(default_factory=FeatureRules)
    inputs: InputRules = field(default_factory=InputRules)
    findings: QualityFindings = field(default_factory=QualityFindings)


class InputGate:
    """Compares rows with one version's training profile. Safe to use from many threads."""

    def __init__(
        self, profile: InputProfile, definition: FeatureDefinition, rules: InputRules
    ) -> None:
        """`definition` is the one that rows come from; it holds every feature of the profile."""
        self._rules = rules
        self._names = number_names(definition)
        self._low, self._high, self._used = _ranges(profile, self._names, rules.slack)
        self._ranges = {
            n.name: (n.low, n.high)
            for n in profile.numbers
            if n.low is not None and n.high is not None
        }
        self._usual = {n.name: n.missing for n in profile.numbers}
        self._usual.update((c.name, c.missing) for c in profile.categories)
        kept = {name: i for i, name in enumerate(category_names(definition))}
        self._categories = [
            (c.name, kept[c.name], None if c.values is None else frozenset(c.values))
            for c in profile.categories
        ]
        count = len(profile.numbers) + len(profile.categories)
        self._most_missing = profile.most_missing + rules.missing_slack * count
        self._most_odd = rules.degraded_share * count

    def degraded(
        self, numbers: Matrix, texts: Sequence[Sequence[str]], findings: QualityFindings
    ) -> list[bool]:
        """Whether each row [n] is too unlike training, of all numbers [n, features] and texts.

        Every feature out of profile is counted.
        """
        outside, absent = count_breaks(numbers, self._low, self._high, self._used)
        odd: list[int] = outside.tolist()
        missing: list[int] = absent.tolist()
        if len(numbers) >= self._rules.least_rows:
            self._null_rates(np.isnan(numbers) & self._used, texts, findings)
        if any(odd):
            sums = ((numbers < self._low) | (numbers > self._high)).sum(axis=0)
            for at in np.flatnonzero(sums).tolist():
                findings.add(GATE, RANGE, self._names[at], int(sums[at]))
        for i, row in enumerate(texts):
            for name, place, known in self._categories:
                value = row[place]
                if not value:
                    missing[i] += 1
                elif known is not None and value not in known:
                    odd[i] += 1
                    findings.add(GATE, UNSEEN, name)
        lacking = [m > self._most_missing for m in missing]
        if any(lacking):
            findings.add(GATE, MISSING, "", sum(lacking))
        return [lacks or o > self._most_odd for lacks, o in zip(lacking, odd, strict=True)]

    def unlike_training(self, name: str, value: float | str) -> str:
        """Why a feature's value is unlike what training saw of it, in words; "" where it is not."""
        if isinstance(value, str):
            listed = {n: values for n, _, values in self._categories if values is not None}
            unseen = bool(value) and name in listed and value not in listed[name]
            return "such a value was not seen" if unseen else ""
        low, high = self._ranges.get(name, (-np.inf, np.inf))
        inside = low <= value <= high or np.isnan(value)
        return "" if inside else f"values were from {low:,.6g} to {high:,.6g}"

    def _null_rates(
        self,
        missing_cells: NDArray[np.bool_],
        texts: Sequence[Sequence[str]],
        findings: QualityFindings,
    ) -> None:
        """Count the columns that miss more than they did in training."""
        shares = dict(zip(self._names, missing_cells.mean(axis=0).tolist(), strict=True))
        for name, place, _ in self._categories:
            shares[name] = sum(not row[place] for row in texts) / len(texts)
        for name, usual in self._usual.items():
            if shares[name] > usual + self._rules.missing_slack:
                findings.add(GATE, NULL_RATE, name)


def _ranges(
    profile: InputProfile, names: Sequence[str], slack: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """By all named numbers: least and largest value, and whether the version takes it.

    What it does not take, or training never saw, has no range.
    """
    at = {name: i for i, name in enumerate(names)}
    low, high = np.full(len(names), -np.inf), np.full(len(names), np.inf)
    used = np.zeros(len(names), dtype=np.bool_)
    for n in profile.numbers:
        used[at[n.name]] = True
        if n.low is not None and n.high is not None:
            room = slack * (n.high - n.low)
            low[at[n.name]], high[at[n.name]] = n.low - room, n.high + room
    return low, high, used


def input_profile(folder: Path, manifest: Manifest) -> InputProfile:
    """A version's profile; of its reference sample where it was made before profiles were kept."""
    kept = read_profile(folder)
    if kept is not None:
        return kept
    import pandas as pd

    frame = pd.read_parquet(folder / REFERENCE_FILE)
    split = len(manifest.features) - len(manifest.categories)
    return profile_inputs(
        manifest.features,
        frame[list(manifest.features[:split])].to_numpy(dtype=np.float64),
        frame[list(manifest.categories)].fillna("").to_numpy(dtype=object),
    )
