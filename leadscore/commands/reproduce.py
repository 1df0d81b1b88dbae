"""A version made again from the log: whether it predicts the same, or what differs."""

from typing import TYPE_CHECKING, Annotated

import typer

from config.extras import require
from domain.errors import Refused
from leadscore.terminal.options import AsJson
from leadscore.terminal.output import put, put_json, put_table
from leadscore.terminal.progress import training_progress

if TYPE_CHECKING:
    from training.reproduction import Reproduction


def reproduce(
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="A number, or a name such as lead-3.")
    ],
    as_json: AsJson = False,
) -> None:
    """Train a version again on the log as it was; exit 1 unless it predicts the same."""
    from config.home_definition import definition_of
    from config.settings import load_settings, quiet_libraries

    require("train")
    quiet_libraries()
    settings = load_settings()
    definition_of(settings)
    from jobs.models.reproduce_version import reproduce as run  # only now: it takes seconds to load

    with training_progress() as progress:
        reproduction = run(settings, version, progress)
    if as_json:
        put_json(reproduction)
    else:
        _put(reproduction)
    if not reproduction.equal:
        raise Refused(_why(reproduction), rule="reproduced", where=reproduction.version)


def _put(reproduction: "Reproduction") -> None:
    put_table(
        ["input", "", "recorded", "now"],
        [
            [i.name, "same" if i.same else "DIFFERS", i.recorded[:40], "" if i.same else i.now[:40]]
            for i in reproduction.inputs
        ],
    )
    predictions = reproduction.predictions
    if predictions is not None and predictions.largest is not None:
        rows, largest = predictions.rows_now, predictions.largest
        put(f"{rows:,} rows, largest difference of a score {largest:.3g}")
    if reproduction.equal:
        put(f"{reproduction.version}: equal predictions")


def _why(reproduction: "Reproduction") -> str:
    differing = f"differing inputs: {', '.join(reproduction.differing) or 'none that is recorded'}"
    predictions = reproduction.predictions
    if predictions is None:
        return f"it could not be done again; {differing}"
    names = ", ".join(predictions.columns)
    columns = f"; columns that differ: {names}" if names else ""
    return f"the predictions differ; {differing}{columns}"
