"""The versions that are live, swapped when the registry's local copy says so.

The new version is opened, checked and warmed before the old one leaves; one that cannot be opened
never takes a request, and the old one stays.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import Protocol

from domain.definition import FeatureDefinition
from domain.errors import LeadscoreError
from domain.versions import Manifest
from registry.cache import STAGES_FILE, OpenedVersion, open_cached
from registry.plan import RolloutPlan
from scoring.golden import check_golden
from scoring.quality import InputGate, InputRules, input_profile
from scoring.reasons import Reasoner
from scoring.scorer import Scorer

log = logging.getLogger(__name__)
USUAL = InputRules()

Aside = Callable[[Callable[[], None]], None]
"""Does something, now or soon, where nobody waits for it."""


def in_background(work: Callable[[], None]) -> None:
    """Do it in a thread of its own."""
    Thread(target=work, name="versions", daemon=True).start()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version with what makes its reasons, and what knows the rows it was trained on."""

    scorer: Scorer
    reasoner: Reasoner
    inputs: InputGate


@dataclass(frozen=True, slots=True)
class Live:
    """What answers: the champion, perhaps a challenger, and the rollout between them."""

    champion: Loaded
    challenger: Loaded | None
    rollout: RolloutPlan | None


class Versions(Protocol):
    """Tells what answers."""

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
    ) -> None:
        """The cache is looked at no more often than every `interval_s` seconds.

        `aside` does what takes long where no request waits for it: a new version is loaded there.
        """
        self._cache = cache
        self._definition = definition
        self._interval = interval_s
        self._monotonic = monotonic
        self._inputs = inputs
        self._aside = aside
        self._lock = Lock()
        self._looking = Lock()
        self._live: Live | None = None
        self._seen: tuple[int, int] | None = None
        self._refused: tuple[int, int] | None = None
        self._next = 0.0

    def current(self) -> Live:
        """What answers now. Raises NoModel, Missing or BadInput where nothing ever did.

        The first call opens it and waits; after that nobody waits: what is new answers once it is
        loaded, and until then, or where it cannot be, what answered before.
        """
        live = self._live
        if live is None:
            with self._lock:
                return self._live or self._first()
        if self._monotonic() >= self._next and self._looking.acquire(blocking=False):
            self._next = self._monotonic() + self._interval
            if self._stamp() == self._seen:
                self._looking.release()
            else:
                self._aside(self._swap)
        return self._live or live

    def _first(self) -> Live:
        self._next = self._monotonic() + self._interval
        stamp = self._stamp()
        live = self._open()
        self._live, self._seen = live, stamp
        return live

    def _swap(self) -> None:
        stamp = self._stamp()
        try:
            self._live, self._seen = self._open(), stamp
        except Exception as bad:  # whatever is wrong with it, it must not answer
            # its files may be mended, so it is tried again at each look, and told of once
            if stamp != self._refused:
                log.warning("versions stay as they are: %s", bad)
            self._refused = stamp
        finally:
            self._looking.release()

    def _open(self) -> Live:
        cached = open_cached(self._cache)
        challenger = None
        if cached.challenger is not None:
            try:
                challenger = self._load(cached.challenger)
            except (LeadscoreError, OSError) as bad:
                log.warning("the challenger is left out: %s", bad)
        rollout = cached.rollout if challenger is not None else None
        return Live(self._load(cached.champion), challenger, rollout)

    def _load(self, opened: OpenedVersion[Manifest]) -> Loaded:
        """Open a version, warm, and only if it says what it said when it was made."""
        scorer = Scorer(opened.label, opened.folder, opened.manifest, self._definition)
        check_golden(scorer, opened.folder, self._definition)
        profile = input_profile(opened.folder, opened.manifest)
        inputs = InputGate(profile, self._definition, self._inputs)
        return Loaded(scorer, Reasoner(self._definition, scorer.features), inputs)

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = (self._cache / STAGES_FILE).stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino
