"""The policies that decide, swapped when the registry's local copy says so."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from decisions.policy.policy import load_policy
from domain.errors import LeadscoreError
from domain.ports import Policy
from domain.versions.policy_manifest import POLICY_FILE, PolicyManifest
from registry.cache import Agree, CachedVersion, as_told, open_version, read_or_none
from registry.rollout_state import Rollout
from scoring.hot_reload import HotReloader, at_once

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LivePolicies:
    """What decides: the champion, and while a rollout is under way its challenger.

    `holdout` stands by itself, whoever is champion.
    """

    champion: Policy
    challenger: Policy | None = None
    rollout: Rollout | None = None
    holdout: Rollout | None = None


class LivePolicy:
    """Follows the policies' cache folder; until a policy is champion, `default` is in force."""

    def __init__(
        self,
        cache: Path,
        default: Callable[[], Policy],
        interval_s: float,
        monotonic: Callable[[], float],
        agree: Agree = as_told,
    ) -> None:
        """The cache is looked at no more often than every `interval_s` seconds.

        `agree` holds what the cache says against the ledger, once for each change.
        """
        self._cache = cache
        self._agree = agree
        self._default = default
        self._follower = HotReloader(cache, self._open, interval_s, monotonic, "policy", at_once)

    def current(self) -> LivePolicies:
        """The policies in force. Raises Missing or BadInput where none could ever be opened."""
        return self._follower.current()

    def _open(self) -> LivePolicies:
        stages = self._agree(read_or_none(self._cache))
        if stages is None:
            return LivePolicies(self._default())
        champion = self._default() if stages.champion is None else self._load(stages.champion)
        rollout, challenger = stages.rollout, None
        if rollout is not None and stages.challenger is not None:
            challenger = self._try(stages.challenger)
        return LivePolicies(
            champion, challenger, rollout if challenger is not None else None, stages.holdout
        )

    def _try(self, version: CachedVersion) -> Policy | None:
        """The challenger; its fault is not the champion's."""
        try:
            return self._load(version)
        except (LeadscoreError, OSError) as bad:
            log.warning("the challenger is left out: %s", bad)
            return None

    def _load(self, version: CachedVersion) -> Policy:
        opened = open_version(self._cache, version, PolicyManifest)
        return load_policy(opened.folder / POLICY_FILE, opened.label)
