"""The feature services that come with the product."""

from pathlib import Path

import yaml

from domain.definition import FeatureDefinition, parse_definition

STANDARD = Path(__file__).parent / "services" / "standard.yaml"


def read_service(path: Path) -> FeatureDefinition:
    """A feature service from its file. Raises BadConfiguration."""
    return parse_definition(yaml.safe_load(path.read_text()), where=path.name)


def standard_service() -> FeatureDefinition:
    """The service for the five standard sources."""
    return read_service(STANDARD)
