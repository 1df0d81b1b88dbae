"""A version made again from the log: whether it predicts the same, or what differs."""

from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import Refused
from leadscore.terminal.options import AsJson
from leadscore.terminal.output import put, put_json, put_table
from leadscore.terminal.progress import TrainingProgress

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

    quiet_libraries()
    settings = load_settings()
    definition_of(settings)
    from jobs.models.reproduce_version import reproduce as run  # only now: it takes seconds to load

    found = run(settings, version, TrainingProgress())
    if as_json:
        put_json(found)
    else:
        _put(found)
    if not found.equal:
        raise Refused(_why(found), rule="reproduced", where=found.version)


def _put(found: "Reproduction") -> None:
    put_table(
        ["input", "", "recorded", "now"],
        [
            [i.name, "same" if i.same else "DIFFERS", i.recorded[:40], "" if i.same else i.now[:40]]
            for i in found.inputs
        ],
    )
    held = found.predictions
    if held is not None and held.largest is not None:
        put(f"{held.rows_now:,} rows, largest difference of a score {held.largest:.3g}")
    if found.equal:
        put(f"{found.version}: equal predictions")


def _why(found: "Reproduction") -> str:
    differing = f"differing inputs: {', '.join(found.differing) or 'none that is recorded'}"
    held = found.predictions
    if held is None:
        return f"it could not be done again; {differing}"
    columns = f"; columns that differ: {', '.join(held.columns)}" if held.columns else ""
    return f"the predictions differ; {differing}{columns}"
