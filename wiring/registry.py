"""The registry, put together."""

from functools import partial
from pathlib import Path

from config.home_files import rules_file
from config.settings import Settings
from domain.clock import SystemClock
from registry.gates import STANDARD_FILE, GateRules, load_gates
from registry.ledger import Ledger
from registry.mlflow_files.relocation import relocate
from registry.store import PolicyRegistry, Registry
from storage.engine import open_engine
from wiring.live_folders import cache_of, policy_cache_of
from wiring.os_account import os_account

MODEL = "lead"
"""The name under which versions are registered."""


def open_registry(settings: Settings) -> Registry:
    """The models of this home."""
    clock = SystemClock()
    ledger, cache = _ledger(settings, clock), cache_of(settings)
    told = partial(_note, settings)
    return Registry(settings.tracking_uri, _artifacts(settings), ledger, clock, cache, told)


def open_policies(settings: Settings) -> PolicyRegistry:
    """The policies of this home: the same ledger and MLflow, a cache of their own."""
    clock = SystemClock()
    ledger, cache = _ledger(settings, clock), policy_cache_of(settings)
    told = partial(_note, settings)
    return PolicyRegistry(settings.tracking_uri, _artifacts(settings), ledger, clock, cache, told)


def gates_of(settings: Settings) -> GateRules:
    """The home's own gates, or those that come with the product. Raises BadConfiguration."""
    return load_gates(rules_file(settings, STANDARD_FILE))


def _note(settings: Settings) -> None:
    from wiring.checkpoints import checkpoint

    checkpoint(settings, "stages")


def _ledger(settings: Settings, clock: SystemClock) -> Ledger:
    return Ledger(open_engine(settings.ledger_db), clock, credential=os_account())


def _artifacts(settings: Settings) -> Path:
    """Where MLflow keeps the versions' files; a home that was moved finds them where it is now."""
    artifacts = (settings.home / "artifacts").resolve()
    relocate(settings.home / "mlflow.db", artifacts)
    return artifacts
