"""The feature store, put together."""

from domain.definition import FeatureDefinition
from feature_repo.store import FeastStore
from wiring.settings import Settings


def open_features(settings: Settings, definition: FeatureDefinition) -> FeastStore:
    """Feast on this home, told of the definition."""
    store = FeastStore(settings.home, definition, settings.online)
    store.apply()
    return store
