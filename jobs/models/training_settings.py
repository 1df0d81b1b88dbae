"""What a training run goes by where nobody names a file: nothing heavy is imported."""

from pathlib import Path

from config.home_files import own_file
from config.settings import Settings
from training.config import TrainingConfig, read_config

FILE = Path("training.yaml")


def training_config(settings: Settings, given: Path | None) -> TrainingConfig:
    """A run's settings: of the file that is given, else the home's `training.yaml`, else defaults.

    Raises Missing or BadConfiguration.
    """
    path = given or own_file(settings.home, FILE)
    return TrainingConfig() if path is None else read_config(path)
