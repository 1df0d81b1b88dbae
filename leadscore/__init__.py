"""The command line and the demonstration; and `open`, a home as data frames for notebooks."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from jobs.analysis.home import Home


def open(home: "str | PathLike[str] | None" = None) -> "Home":  # noqa: A001 as `io.open`
    """A home as data frames: leads, features at a moment, training, comparisons, reasons, plots.

    `home` is its folder; without one, that of `LEADSCORE_HOME`, or `.leadscore`. All other settings
    are those of the home's `settings.yaml` and of the environment. It needs the extras `serve` and
    `train`. Raises Missing where the folder is no home, BadConfiguration.
    """
    from jobs.analysis.open_home import open_home

    return open_home(home)
