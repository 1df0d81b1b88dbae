"""Scoring, put together: what the endpoint, the batch job and the replay share."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from config.settings import Settings
from decisions.audit.trail import AuditTrail
from domain.circuit_breaker import CircuitBreaker
from domain.clock import Clock
from domain.findings import QualityFindings
from domain.ports import Observer
from feature_repo.store import WAIT_S, FeastStore
from scoring.answer import Ports, ScoringService
from scoring.fallback_states import FallbackStateReader, Keeping
from scoring.live_models import LiveVersions
from scoring.live_policy import LivePolicies
from scoring.what_if import WhatIfs
from signals.store.lead_profiles import Profiles
from telemetry.traces import traced
from wiring.clock import clock_of
from wiring.decisions import open_trail
from wiring.features import open_features
from wiring.integrity.agreement import agreement
from wiring.live_folders import cache_of
from wiring.overrides import follow_overrides
from wiring.policies import follow_policy
from wiring.quality import load_quality
from wiring.signals import SignalPlane, open_signals

LOOK_EVERY_S = 1.0
"""How often the live versions are looked at: a rollback takes effect within this."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """The parts that score."""

    plane: SignalPlane
    features: FeastStore
    versions: LiveVersions
    policy: Callable[[], LivePolicies]
    trail: AuditTrail
    clock: Clock
    answerer: ScoringService
    findings: QualityFindings
    ports: Ports
    what_ifs: WhatIfs


def open_scoring(
    settings: Settings, *, live: bool = False, watch: Observer | None = None
) -> Scoring:
    """Everything that scoring needs, on this home; `live` as for the signal plane.

    A live one bears that stores are away (docs/degradation.md); others stop, and are gone on with.
    `watch` hears of stages; without one, traces do where the settings ask for them.
    """
    watch = watch or traced(settings, "leadscore")
    plane = open_signals(settings, live=live)
    features = open_features(
        settings, plane.definition, settings.features_wait_ms / 1000 if live else WAIT_S
    )
    states = _steady(settings, plane, features, watch) if live else features
    quality, findings = load_quality(settings.home), QualityFindings()
    versions = LiveVersions(
        cache_of(settings),
        plane.definition,
        LOOK_EVERY_S,
        time.monotonic,
        quality.inputs,
        agree=agreement(settings, "model"),
    )
    policy = follow_policy(settings, LOOK_EVERY_S, time.monotonic)
    trail = open_trail(settings, live=live, watch=watch)
    clock = clock_of(settings, plane.directory)
    directory, gates = plane.directory, quality.gates(findings)
    overrides = follow_overrides(settings, directory, clock, LOOK_EVERY_S, time.monotonic)
    ports = Ports(
        directory, states, versions, policy, trail, clock, os.urandom, gates, watch, overrides
    )
    answerer = ScoringService(plane.definition, ports)
    what_ifs = WhatIfs(plane.definition, ports)
    return Scoring(
        plane, features, versions, policy, trail, clock, answerer, findings, ports, what_ifs
    )


def _steady(
    settings: Settings, plane: SignalPlane, features: FeastStore, watch: Observer
) -> FallbackStateReader:
    breaker = CircuitBreaker(time.monotonic, on_change=partial(watch.breaker, "features"))
    keeping = Keeping(settings.features_keep, settings.features_keep_s)
    profiles = Profiles(plane.engine, plane.definition)
    return FallbackStateReader(features, profiles, breaker, time.monotonic, keeping)
