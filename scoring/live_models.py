"""The versions that are live, swapped when the registry's local copy says so.

The new version is opened, checked and warmed before the old one leaves; one that cannot be opened
never takes a request, and the old one stays.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from domain.definition import FeatureDefinition
from domain.errors import LeadscoreError
from domain.versions.manifest import Manifest
from registry.cache import Agree, OpenedVersion, as_told, open_cached
from registry.rollout_state import Rollout
from scoring.hot_reload import Aside, HotReloader, in_background
from scoring.model.golden_check import check_golden
from scoring.model.input_gate import InputGate, InputRules, input_profile
from scoring.model.reasons import Reasoner
from scoring.model.scorer import Scorer
from scoring.profile_only_version import of_fallback

log = logging.getLogger(__name__)
USUAL = InputRules()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version with its reasons, and the profile of the rows that it was trained on.

    `fallback` is its model for leads of whom only the profile is known, None where it has none.
    """

    scorer: Scorer
    reasoner: Reasoner
    inputs: InputGate
    fallback: "Loaded | None" = None


@dataclass(frozen=True, slots=True)
class Live:
    """What answers: the champion, perhaps a challenger, and the rollout between them."""

    champion: Loaded
    challenger: Loaded | None
    rollout: Rollout | None

    def fallback(self) -> "Live | None":
        """What answers where only the profile is known; None where the champion has nothing.

        A challenger without a fallback is left out: the champion's answers for it.
        """
        if self.champion.fallback is None:
            return None
        other = None if self.challenger is None else self.challenger.fallback
        return Live(self.champion.fallback, other, self.rollout)


class VersionSource(Protocol):
    """Returns the versions that answer."""

    def current(self) -> Live:
        """What answers now. Raises NoModel, Missing or BadInput where nothing ever did."""
        ...


@dataclass(frozen=True, slots=True)
class PinnedVersions:
    """The same all along: for a run whose answers must go together."""

    live: Live

    def current(self) -> Live:
        """What answers."""
        return self.live


class LiveVersions:
    """Follows the cache folder of the registry."""

    def __init__(
        self,
        cache: Path,
        definition: FeatureDefinition,
        interval_s: float,
        monotonic: Callable[[], float],
        inputs: InputRules = USUAL,
        aside: Aside = in_background,
        agree: Agree = as_told,
    ) -> None:
        """The cache is looked at no more often than every `interval_s` seconds.

        `aside` does what takes long where no request waits for it: a new version is loaded there.
        `agree` holds what the cache says against the ledger, once for each change.
        """
        self._agree = agree
        self._cache = cache
        self._definition = definition
        self._inputs = inputs
        self._follower = HotReloader(cache, self._open, interval_s, monotonic, "model", aside)

    def current(self) -> Live:
        """What answers now. Raises NoModel, Missing or BadInput where nothing ever did."""
        return self._follower.current()

    def _open(self) -> Live:
        cached = open_cached(self._cache, self._agree)
        challenger = None
        if cached.challenger is not None:
            try:
                challenger = self._load(cached.challenger)
            except (LeadscoreError, OSError) as bad:
                log.warning("the challenger is left out: %s", bad)
        rollout = cached.rollout if challenger is not None else None
        return Live(self._load(cached.champion), challenger, rollout)

    def _load(self, opened: OpenedVersion[Manifest]) -> Loaded:
        """Open a version with its fallback, each only if it says what it said when it was made."""
        fallback = of_fallback(opened)
        return self._one(opened, None if fallback is None else self._one(fallback, None))

    def _one(self, opened: OpenedVersion[Manifest], fallback: Loaded | None) -> Loaded:
        scorer = Scorer(opened.label, opened.folder, opened.manifest, self._definition)
        check_golden(scorer, opened.folder, self._definition)
        profile = input_profile(opened.folder, opened.manifest)
        inputs = InputGate(profile, self._definition, self._inputs)
        return Loaded(scorer, Reasoner(self._definition, scorer.features), inputs, fallback)
