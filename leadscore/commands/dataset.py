"""The command that freezes a data set."""

from pathlib import Path
from typing import Annotated

import typer

from config.extras import require
from leadscore.terminal.lookup import moment
from leadscore.terminal.options import AsJson, OutFile
from leadscore.terminal.output import put, put_json
from leadscore.terminal.progress import training_progress


def dataset(
    out: OutFile,
    config: Annotated[
        Path | None, typer.Option(help="A training.yaml; the home's own, unless said.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="The first cutoff, RFC 3339.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="All cutoffs are before it, RFC 3339.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Freeze features at cutoffs, with labels, in a Parquet file to compare versions on."""
    require("train")
    from config.settings import load_settings, quiet_libraries
    from jobs.models.training_settings import training_config

    quiet_libraries()
    settings = load_settings()
    configuration = training_config(settings, config)
    from jobs.models.freeze_dataset import CutoffWindow, freeze  # only now: it takes seconds

    window = CutoffWindow(
        None if since is None else moment(since, "--since"),
        None if until is None else moment(until, "--until"),
    )
    with training_progress() as progress:
        described = freeze(settings, configuration, window, out, progress)
    if as_json:
        put_json(described)
        return
    put(f"{described.rows:,} rows, {described.positives:,} of them {described.in_words}: {out}")
    put(f"digest {described.digest}")
