"""What killed processes left in a home: working folders, files that were never finished."""

from itertools import chain
from pathlib import Path

from config.settings import Settings
from storage.owned_folder import remove_abandoned, remove_old

PREFIXES = ("training", "reproduction", "history", "policy")
"""How the names of working folders in a home begin."""


def tidy(settings: Settings) -> list[Path]:
    """Remove leftovers of dead processes; returns what was removed. Never raises."""
    home = settings.home
    unfinished = chain(
        home.glob("*.partial"),
        home.glob("*/*.partial"),
        home.glob("live/.stages-*"),
        home.glob("live/parts/*"),
        home.glob("live/policies/parts/*"),
    )
    return remove_abandoned(home, PREFIXES) + remove_old(unfinished)
