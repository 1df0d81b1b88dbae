"""The feature store, put together."""

from config.settings import Settings
from domain.definition import FeatureDefinition
from feature_repo.store import WAIT_S, FeastStore


def open_features(
    settings: Settings, definition: FeatureDefinition, wait_s: float = WAIT_S
) -> FeastStore:
    """Feast on this home, for the definition; the online store may be silent for `wait_s`."""
    store = FeastStore(settings.home, definition, settings.online, wait_s)
    store.apply()
    return store
