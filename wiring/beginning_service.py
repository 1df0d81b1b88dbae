"""The feature service that an empty home begins with: nothing heavy is imported."""

from config.home_files import rules_file
from config.settings import Settings
from domain.definition import FeatureDefinition
from feature_repo.standard import STANDARD, read_service


def beginning_service(settings: Settings) -> FeatureDefinition:
    """The feature service of an empty home: its own `standard.yaml`, else the product's.

    Raises BadConfiguration.
    """
    return read_service(rules_file(settings, STANDARD))
