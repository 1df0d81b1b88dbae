"""Opens a home for a notebook: its settings, and libraries that keep quiet."""

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from config.environment import process_environment
from config.home_definition import definition_of
from config.settings import load_settings, quiet_libraries

if TYPE_CHECKING:
    from jobs.analysis.home import Home


def open_home(home: "str | PathLike[str] | None") -> "Home":
    """The home of a folder, or that of the environment. Raises Missing, BadConfiguration."""
    quiet_libraries()
    named = {} if home is None else {"LEADSCORE_HOME": str(Path(home))}
    settings = load_settings(process_environment(**named))
    definition_of(settings)
    from jobs.analysis.home import Home  # only now: libraries are quiet

    return Home(settings)
