"""The feature definition that a home keeps, by itself: nothing heavy is imported."""

import msgspec

from config.settings import Settings
from domain.definition import FeatureDefinition
from domain.errors import BadConfiguration, Missing


def definition_of(settings: Settings) -> FeatureDefinition:
    """The definition that the home keeps state for. Raises Missing for an empty home.

    Raises BadConfiguration where the file is not what was written.
    """
    if not settings.definition_file.is_file():
        raise Missing(
            "nothing has been ingested here yet",
            rule="home-exists",
            where=str(settings.home),
            todo="Run `leadscore ingest FILE` first, or set LEADSCORE_HOME.",
        )
    try:
        return msgspec.json.decode(settings.definition_file.read_bytes(), type=FeatureDefinition)
    except (msgspec.MsgspecError, UnicodeDecodeError) as bad:
        raise BadConfiguration(
            "the feature definition cannot be read",
            rule="definition-whole",
            where=str(settings.definition_file),
            todo="Restore the file, or rebuild the home from its signals.",
        ) from bad
