"""The registry, put together."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from config.home_files import rules_file
from config.os_account import os_account
from config.settings import Settings
from domain.clock import SystemClock
from domain.versions.manifest import VersionKind
from registry.gate_file import STANDARD_FILE, load_gates
from registry.gates import GateRules
from registry.ledger import Ledger
from registry.mlflow_files.relocation import relocate
from registry.store import (
    NO_MLFLOW,
    AnyRegistry,
    PolicyRegistry,
    Registry,
    WorkflowRegistry,
)
from storage.engine import open_engine
from wiring.live_folders import folder_of

R = TypeVar("R", bound=AnyRegistry)
REGISTRIES: Mapping[VersionKind, type[AnyRegistry]] = {
    "model": Registry,
    "policy": PolicyRegistry,
    "workflow": WorkflowRegistry,
}
"""The registry of each kind."""

CLOCK = SystemClock()
MODEL = "lead"
"""The name under which versions are registered."""
ANSWER_WAIT_S = 5.0
"""How long another's lock on the ledger is waited for where somebody waits for an answer."""


def open_registry(settings: Settings) -> Registry:
    """The models of this home."""
    return _opened(Registry, settings, _ledger(settings))


def open_policies(settings: Settings) -> PolicyRegistry:
    """The policies of this home: the same ledger and MLflow, a cache of their own."""
    return _opened(PolicyRegistry, settings, _ledger(settings))


def open_workflows(settings: Settings) -> WorkflowRegistry:
    """The workflows of this home: the same ledger and MLflow, a cache of their own."""
    return _opened(WorkflowRegistry, settings, _ledger(settings))


def open_kind(settings: Settings, kind: VersionKind) -> AnyRegistry:
    """The registry of one kind of versions."""
    return _opened(REGISTRIES[kind], settings, _ledger(settings))


def open_all(settings: Settings) -> dict[VersionKind, AnyRegistry]:
    """The registries of all kinds over one ledger, which is read once."""
    ledger = _ledger(settings)
    return {kind: _opened(each, settings, ledger) for kind, each in REGISTRIES.items()}


def open_as(settings: Settings, kind: VersionKind, credential: str) -> AnyRegistry:
    """As `open_kind`, for changes that are made by a credential's holder."""
    ledger = Ledger(open_engine(settings.ledger_db), CLOCK, credential, wait_s=ANSWER_WAIT_S)
    return _opened(REGISTRIES[kind], settings, ledger)


def open_by_credential(settings: Settings, kind: VersionKind, credential: str) -> AnyRegistry:
    """Versions of one kind, without MLflow, for changes that are made by a credential's holder."""
    engine = open_engine(settings.ledger_db, ANSWER_WAIT_S)
    ledger = Ledger(engine, CLOCK, credential, wait_s=ANSWER_WAIT_S)
    on_change = partial(_note, settings)
    return REGISTRIES[kind](
        NO_MLFLOW, settings.home / "artifacts", ledger, CLOCK, folder_of(settings, kind), on_change
    )


def gates_of(settings: Settings) -> GateRules:
    """The home's own gates, or those that come with the product. Raises BadConfiguration."""
    return load_gates(rules_file(settings, STANDARD_FILE))


def _note(settings: Settings) -> None:
    from wiring.integrity.checkpoints import checkpoint

    checkpoint(settings, "stages")


def _opened(of_type: type[R], settings: Settings, ledger: Ledger) -> R:
    on_change, cache = partial(_note, settings), folder_of(settings, of_type.made_of.kind)
    return of_type(settings.tracking_uri, _artifacts(settings), ledger, CLOCK, cache, on_change)


def _ledger(settings: Settings) -> Ledger:
    return Ledger(open_engine(settings.ledger_db), CLOCK, credential=os_account())


def _artifacts(settings: Settings) -> Path:
    """Where MLflow keeps the versions' files; a home that was moved finds them where it is now."""
    artifacts = (settings.home / "artifacts").resolve()
    relocate(settings.home / "mlflow.db", artifacts)
    return artifacts
