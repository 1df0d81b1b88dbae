"""Homes with connectors, and effects that wait in them."""

from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from config.settings import Settings
from domain.clock import SystemClock, to_us
from tests.alerts.homes import home
from tests.effects.queues import effect, put_in
from wiring.workflow import open_workflow
from workflow.effect import Effect
from workflow.outbox.effect_desk import EffectDesk

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LIMITS: dict[str, Any] = {
    "timeout_seconds": 2,
    "lease_seconds": 20,
    "private_networks": ["127.0.0.0/8"],
    "retries": {"attempts": 3, "first_seconds": 0.01, "longest_seconds": 0.05},
}


def home_with(folder: Path, connectors: dict[str, Any], **limits: Any) -> Settings:
    """A home whose connectors.yaml names these."""
    settings = home(folder)
    configure(settings, connectors, **limits)
    return settings


def configure(settings: Settings, connectors: dict[str, Any], **limits: Any) -> None:
    document = {"version": 1, **LIMITS, **limits, "connectors": connectors}
    (settings.home / "connectors.yaml").write_bytes(msgspec.yaml.encode(document))


def asks(settings: Settings, *effects: Effect) -> sa.Engine:
    """Effects that the home's workflow asks for."""
    engine = open_workflow(settings)
    put_in(engine, *effects)
    return engine


def now_effect(key: str, **more: Any) -> Effect:
    """An effect that is asked for now."""
    return effect(key, **{"created_us": to_us(SystemClock().now()), **more})


def desk_of(settings: Settings) -> EffectDesk:
    return EffectDesk(open_workflow(settings), SystemClock())
