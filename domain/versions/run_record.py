"""The record of a training run: when it began, and each trial of its search; sealed with a version.

The tracking server is told of it when the version is registered.
"""

from pathlib import Path

import msgspec

from domain.errors import BadInput

RECORD_FILE = "run.json"
TRIALS = 1_000
"""So many trials are kept at most: the newest."""


class TrialRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One trial: its parameters, and its log loss after each fold; times in ms since 1970.

    `state` is `complete`, or `pruned` for one that was given up. `loss` is the mean over the folds
    that it came through, None where it came through none.
    """

    number: int
    state: str
    parameters: dict[str, int | float]
    losses: tuple[float, ...]
    loss: float | None
    trees: int | None
    started_ms: int
    ended_ms: int


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """When a run began, in ms since 1970, and the trials of its search, in their order."""

    started_ms: int
    trials: tuple[TrialRecord, ...] = ()


def write_record(record: RunRecord, folder: Path) -> None:
    """Write it into a version's folder, which is made where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = msgspec.structs.replace(record, trials=record.trials[-TRIALS:])
    (folder / RECORD_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(kept)))


def read_record(folder: Path) -> RunRecord | None:
    """The record in a version's folder, None where there is none. Raises BadInput."""
    try:
        return msgspec.json.decode((folder / RECORD_FILE).read_bytes(), type=RunRecord)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as bad:
        raise BadInput(
            "the record of the run cannot be read", rule="version-complete", where=RECORD_FILE
        ) from bad
