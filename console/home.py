"""What pages read from and write to: one home, its parts opened when first asked for."""

from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path
from threading import RLock

from sqlalchemy import make_url

from config.settings import Settings
from decisions.audit.trail import AuditTrail
from decisions.policy.document import PolicyDocument
from domain.errors import Unavailable
from domain.versions.manifest import Manifest, VersionKind
from domain.what_if import WhatIf, WhatIfRequest
from registry.store import AnyRegistry, PolicyRegistry, Registry, WorkflowRegistry
from signals.contracts.registry import ContractRegistry
from wiring.decisions import open_trail
from wiring.policies import file_of_record
from wiring.registry import (
    open_as,
    open_by_credential,
    open_policies,
    open_registry,
    open_workflows,
)
from wiring.signals import SignalPlane, contract_book, open_signals

KEPT = 16
"""Versions whose files are not checked again."""
AskWhatIf = Callable[[WhatIfRequest], WhatIf]


class ConsoleHome:
    """The parts of one home. Safe to use from several threads; each may raise what opening does."""

    def __init__(self, settings: Settings, ask: AskWhatIf | None = None) -> None:
        """`ask` answers what-if questions; without one, scoring is opened here."""
        self.settings = settings
        self._ask = ask
        self._lock = RLock()

    @cached_property
    def trail(self) -> AuditTrail:
        """The audit trail."""
        with self._lock:
            return open_trail(self.settings)

    @cached_property
    def plane(self) -> SignalPlane:
        """Log, identities and states."""
        with self._lock:
            return open_signals(self.settings, wait_s=self.settings.signals_wait_ms / 1000)

    @cached_property
    def models(self) -> Registry:
        """The versions of models, to be read."""
        with self._lock:
            return open_registry(self.settings)

    @cached_property
    def policies(self) -> PolicyRegistry:
        """The versions of policies, to be read."""
        with self._lock:
            return open_policies(self.settings)

    @cached_property
    def workflows(self) -> WorkflowRegistry:
        """The versions of workflows, to be read."""
        with self._lock:
            return open_workflows(self.settings)

    def model(self, label: str) -> tuple[Path, Manifest]:
        """Folder and manifest of a version of a model, checked once."""
        return self._model(label)

    @cached_property
    def _model(self) -> Callable[[str], tuple[Path, Manifest]]:
        return lru_cache(KEPT)(self.models.fetch)

    @cached_property
    def _document(self) -> Callable[[str], PolicyDocument]:
        def read(label: str) -> PolicyDocument:
            return PolicyDocument(file_of_record(self.settings, label)[1].read_bytes())

        return lru_cache(KEPT)(read)

    def policy(self, label: str) -> PolicyDocument:
        """The policy that a record names, as tables."""
        return self._document(label)

    @cached_property
    def contracts(self) -> ContractRegistry:
        """The event contracts in force."""
        return contract_book(self.settings)

    def versions(self, kind: VersionKind) -> AnyRegistry:
        """The versions of one kind, to be read."""
        match kind:
            case "model":
                return self.models
            case "policy":
                return self.policies
            case "workflow":
                return self.workflows

    def registry(self, kind: VersionKind, credential: str) -> AnyRegistry:
        """The versions of one kind, to be moved by the holder of a credential, without MLflow."""
        return open_by_credential(self.settings, kind, credential)

    def registering(self, kind: VersionKind, credential: str) -> AnyRegistry:
        """As `registry`, for new versions, to which MLflow gives their numbers."""
        return open_as(self.settings, kind, credential)

    def what_if(self, request: WhatIfRequest) -> WhatIf:
        """What a lead would score if it were otherwise. Raises what asking does."""
        return (self._ask or self._own_ask)(request)

    @cached_property
    def _own_ask(self) -> AskWhatIf:
        from wiring.scoring import open_scoring

        with self._lock:
            scoring = open_scoring(self.settings)
        directory = scoring.plane.directory
        return lambda request: scoring.what_ifs.ask(
            directory.resolve(request.lead_id or ""), request.changes
        )


_Places = tuple[tuple[int, int] | None, ...]
"""A device and a file on it, of each path; None where none is there."""


class HomeKeeper:
    """The home that is there now: one that was put in its place is opened anew."""

    def __init__(self, settings: Settings, ask: AskWhatIf | None = None) -> None:
        self._settings = settings
        self._ask = ask
        self._lock = RLock()
        self._places: _Places = ()
        self._home = ConsoleHome(settings, ask)

    def current(self) -> ConsoleHome:
        """The home. Raises Unavailable while it is away."""
        with self._lock:
            places = _places(self._settings)
            if places != self._places:
                self._home = ConsoleHome(self._settings, self._ask)
                self._places = places
            return self._home


def _places(settings: Settings) -> _Places:
    urls = map(make_url, (settings.signals_db, settings.audit_db, settings.ledger_db))
    files = [Path(url.database or "") for url in urls if url.get_backend_name() == "sqlite"]
    home = _place(settings.home)
    if home is None:
        raise Unavailable(
            "the home is not there",
            rule="home-present",
            todo="Put it back, or make one with `leadscore ingest FILE`.",
        )
    return (home, *map(_place, files))


def _place(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
