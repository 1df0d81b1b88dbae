"""The policy that is in force, swapped when the registry's local copy says so.

As with versions of models: the new one is opened and checked before the old one leaves; one that
cannot be opened never decides, and the old one stays.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from decisions.policy import load_policy
from domain.errors import LeadscoreError
from domain.policy_version import POLICY_FILE, PolicyManifest
from domain.ports import Policy
from registry.cache import STAGES_FILE, open_version, read_cached_stages

log = logging.getLogger(__name__)

Stamp = tuple[int, int] | None


class LivePolicy:
    """Follows the policies' cache folder; until a policy is champion, `default` is in force."""

    def __init__(
        self,
        cache: Path,
        default: Callable[[], Policy],
        interval_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        """The cache is looked at no more often than every `interval_s` seconds."""
        self._cache = cache
        self._default = default
        self._interval = interval_s
        self._monotonic = monotonic
        self._lock = Lock()
        self._policy: Policy | None = None
        self._seen: Stamp = None
        self._refused: Stamp = None
        self._next = 0.0

    def current(self) -> Policy:
        """The policy in force. Raises Missing or BadInput where none could ever be opened."""
        held = self._policy
        if held is not None and self._monotonic() < self._next:
            return held
        with self._lock:
            return self._refresh()

    def _refresh(self) -> Policy:
        self._next = self._monotonic() + self._interval
        stamp = self._stamp()
        if self._policy is not None and stamp == self._seen:
            return self._policy
        try:
            self._policy = self._open(stamp)
            self._seen = stamp
        except (LeadscoreError, OSError) as bad:
            if self._policy is None:
                raise
            if stamp != self._refused:
                log.warning("the policy stays as it is: %s", bad)
            self._refused = stamp
        return self._policy

    def _open(self, stamp: Stamp) -> Policy:
        champion = None if stamp is None else read_cached_stages(self._cache).champion
        if champion is None:
            return self._default()
        opened = open_version(self._cache, champion, PolicyManifest)
        return load_policy(opened.folder / POLICY_FILE, opened.label)

    def _stamp(self) -> Stamp:
        try:
            found = (self._cache / STAGES_FILE).stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino
