"""The settings of a training run where no file is named; no heavy library is imported."""

from collections.abc import Iterable
from pathlib import Path

from config.home_definition import definition_of
from config.home_files import own_file
from config.settings import Settings
from feature_repo.catalogue import category_names, number_names
from signals.contracts.registry import PACKAGED, all_contracts
from training.config import NameKind, TrainingConfig, read_config

FILE = Path("training.yaml")


def training_config(settings: Settings, file: Path | None) -> TrainingConfig:
    """A run's settings: of the file that is given, else the home's `training.yaml`, else defaults.

    Raises Missing, or BadConfiguration, also for a feature, an event type or an outcome that the
    home has none of.
    """
    path = file or own_file(settings.home, FILE)
    return TrainingConfig() if path is None else read_config(path, _names(settings))


def _names(settings: Settings) -> dict[NameKind, Iterable[str]]:
    """The names that a home knows, by kind; none of an empty one."""
    if not settings.definition_file.is_file():
        return {}
    definition = definition_of(settings)
    contracts = all_contracts(PACKAGED, settings.contracts)
    return {
        "feature": (*number_names(definition), *category_names(definition)),
        "event type": {contract.name for contract in contracts},
        "outcome": {outcome.name for outcome in definition.outcomes},
    }
