"""The registry, put together."""

from pathlib import Path

from domain.clock import SystemClock
from registry.ledger import Ledger
from registry.store import Registry
from wiring.settings import Settings
from wiring.stores import open_engine

MODEL = "lead"
"""The name under which versions are registered."""


def open_registry(settings: Settings) -> Registry:
    """The registry of this home."""
    clock = SystemClock()
    ledger = Ledger(open_engine(settings.ledger_db), clock)
    artifacts = (settings.home / "artifacts").resolve()
    return Registry(settings.tracking_uri, artifacts, ledger, clock, cache_of(settings))


def cache_of(settings: Settings) -> Path:
    """Where the live versions' files are kept, for serving without the registry."""
    return settings.home / "live"
