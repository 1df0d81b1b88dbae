"""The feature services that come with the product."""

from pathlib import Path

from domain.definition import FeatureDefinition, parse_definition
from domain.errors import BadConfiguration
from storage.typed_yaml import YamlFile

STANDARD = Path(__file__).parent / "services" / "standard.yaml"


def read_service(path: Path) -> FeatureDefinition:
    """A feature service from its file. Raises BadConfiguration."""
    file = YamlFile(path, "feature-definition")
    try:
        return parse_definition(file.document, where=path.name)
    except BadConfiguration as bad:
        file.locate(bad)
        raise


def standard_service() -> FeatureDefinition:
    """The service for the five standard sources."""
    return read_service(STANDARD)
