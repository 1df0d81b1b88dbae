"""Scoring, put together: what the endpoint, the batch job and the replay share."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from decisions.audit import AuditTrail
from decisions.audit_tables import create_tables
from decisions.policy import load_policy
from decisions.zen_policy import ZenPolicy
from domain.clock import Clock
from domain.errors import Missing
from feature_repo.store import FeastStore
from scoring.answer import Answerer, Ports
from scoring.live import LiveVersions
from wiring.clock import clock_of
from wiring.features import open_features
from wiring.registry import cache_of
from wiring.settings import Settings
from wiring.signals import SignalPlane, open_signals
from wiring.stores import open_engine

POLICIES = Path(__file__).parents[1] / "decisions" / "policies"
LOOK_EVERY_S = 1.0
"""How often the live versions are looked at: a rollback takes effect within this."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """The parts that score."""

    plane: SignalPlane
    features: FeastStore
    versions: LiveVersions
    policy: ZenPolicy
    trail: AuditTrail
    clock: Clock
    answerer: Answerer


def open_scoring(settings: Settings, *, live: bool = False) -> Scoring:
    """Everything that scoring needs, on this home; `live` as for the signal plane."""
    plane = open_signals(settings, live=live)
    features = open_features(settings, plane.definition)
    versions = LiveVersions(
        cache_of(settings), plane.definition, LOOK_EVERY_S, monotonic=time.monotonic
    )
    policy, trail = open_policy(settings), open_trail(settings)
    clock = clock_of(settings, plane.directory)
    ports = Ports(plane.directory, features, versions, policy, trail, clock, os.urandom)
    answerer = Answerer(plane.definition, ports)
    return Scoring(plane, features, versions, policy, trail, clock, answerer)


def open_trail(settings: Settings) -> AuditTrail:
    """The audit trail of this home."""
    engine = open_engine(settings.audit_db)
    create_tables(engine)
    return AuditTrail(engine)


def open_policy(settings: Settings) -> ZenPolicy:
    """The policy in force."""
    return load_policy(policy_path(settings.policy))


def policy_path(name: str) -> Path:
    """A policy file, or the one of that name that comes with the product. Raises Missing."""
    packaged = POLICIES / f"{name}.json"
    path = packaged if packaged.is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in POLICIES.glob("*.json")))
        raise Missing(
            f"no policy {name!r}",
            rule="policy-file",
            todo=f"Give a file, or one of those that come along: {known}.",
        )
    return path
