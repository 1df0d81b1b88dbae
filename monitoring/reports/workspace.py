"""Snapshots of reports in an Evidently workspace, which `evidently ui` opens.

A folder of the home with one project. Names of snapshots follow from version and moment, so that a
report that is made again takes the place of the former one; nothing in it says where the home is.
What is written is Evidently's own form, by its own code, beside the workspace, and moved into it
whole: who has it open sees no half of a snapshot.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from evidently.sdk.models import ProjectModel
from evidently.ui.storage.local.base import LocalState

from monitoring.reports.dashboard import dashboard_of
from monitoring.reports.figure import ALL
from monitoring.reports.summary import Summary
from storage.files import exclusive
from storage.owned_folder import owned_folder, remove_abandoned

WORKSPACE = "workspace"
PROJECT = uuid5(NAMESPACE_URL, "leadscore:reports")
"""The one project of a workspace."""

BESIDE = "snapshot"


@dataclass(frozen=True, slots=True)
class SavedSnapshot:
    """Where a snapshot is: its file below the reports' folder, and its page in `evidently ui`."""

    file: str
    page: str


class _Moment(msgspec.Struct):
    timestamp: str


def save_snapshot(folder: Path, snapshot: Any, summary: Summary, keep: int) -> SavedSnapshot:
    """Add a report's snapshot to the workspace in a folder; the newest `keep` stay."""
    identity = uuid5(PROJECT, f"{summary.meta.model} {summary.meta.made}")
    folder.mkdir(parents=True, exist_ok=True)
    workspace = folder / WORKSPACE
    remove_abandoned(folder, [BESIDE])
    with exclusive(folder / "workspace.lock"), owned_folder(folder, BESIDE) as beside:
        state = LocalState(str(beside))
        state.write_snapshot(PROJECT, identity, snapshot.to_snapshot_model())
        state.write_project(ProjectModel(id=PROJECT, name=f"Lead scoring: {summary.meta.home}"))
        kinds = [figure.by for figure in summary.figures if figure.by != ALL]
        before = LocalState(str(workspace)).read_dashboard(PROJECT)
        state.write_dashboard(PROJECT, dashboard_of(kinds, before))
        _moved(beside / str(PROJECT), workspace / str(PROJECT))
        _thinned(workspace / str(PROJECT) / "snapshots", keep)
    return SavedSnapshot(
        file=f"{WORKSPACE}/{PROJECT}/snapshots/{identity}.json",
        page=f"/projects/{PROJECT}/reports/{identity}",
    )


def snapshots_of(folder: Path) -> Sequence[UUID]:
    """The snapshots in the workspace of a folder."""
    return [UUID(path.stem) for path in _files(folder / WORKSPACE / str(PROJECT) / "snapshots")]


def _moved(source: Path, into: Path) -> None:
    """Move files one by one, each whole, the project first."""
    for path in sorted((p for p in source.rglob("*") if p.is_file()), key=lambda p: len(p.parts)):
        place = into / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, place)


def _files(snapshots: Path) -> list[Path]:
    return sorted(snapshots.glob("*.json"))


def _thinned(snapshots: Path, keep: int) -> None:
    """Remove all but the newest, by the moments that they speak of."""
    dated = sorted((_timestamp(path), path) for path in _files(snapshots))
    for _, path in dated[:-keep]:
        path.unlink(missing_ok=True)


def _timestamp(path: Path) -> str:
    return msgspec.json.decode(path.read_bytes(), type=_Moment).timestamp
