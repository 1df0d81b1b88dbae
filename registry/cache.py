"""The local copy that serving lives on: versions' files, and who stands where.

It needs neither MLflow nor the ledger: it opens when both are gone. Layout:
`versions/<label>/…`, the files of a version, and `stages.json`, replaced whole on every change.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

import msgspec

from domain.errors import BadInput, LeadscoreError, Missing, NoModel
from domain.versions.manifest import (
    MANIFEST,
    FileHash,
    Label,
    M,
    Manifest,
    check_label,
    file_hash,
    file_within,
    open_sealed_as,
)
from registry.ledger_entry import LedgerEntry, Registration
from registry.registry_state import RegistryState
from registry.rollout_state import Rollout

STAGES_FILE = "stages.json"


class CachedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version by its label, and the SHA-256 of its manifest file."""

    label: Label
    manifest_hash: FileHash


class Stages(msgspec.Struct, frozen=True, kw_only=True):
    """The stages of all versions after ledger entry `sequence`, of chain hash `hash`."""

    sequence: int
    hash: str
    champion: CachedVersion | None = None
    challenger: CachedVersion | None = None
    rollout: Rollout | None = None
    holdout: Rollout | None = None


@dataclass(frozen=True, slots=True)
class OpenedVersion(Generic[M]):
    """A version whose files were just checked: label, their folder, its manifest."""

    label: str
    folder: Path
    manifest: M


@dataclass(frozen=True, slots=True)
class CachedStages:
    """The models that serving loads.

    `sequence` grows with every change. `rollout` is None where there is no challenger. `fault`
    says why a challenger was left out ("" where none was).
    """

    sequence: int
    champion: OpenedVersion[Manifest]
    challenger: OpenedVersion[Manifest] | None
    rollout: Rollout | None
    fault: str = ""


def read_cached_stages(cache: Path) -> Stages:
    """The stages by the cache alone. Raises NoModel where nothing was ever promoted."""
    return _known(read_or_none(cache))


def read_or_none(cache: Path) -> Stages | None:
    """The stages by the cache alone; None where it has none. Raises BadInput."""
    try:
        return msgspec.json.decode((cache / STAGES_FILE).read_bytes(), type=Stages)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (msgspec.DecodeError, OSError) as bad:
        reason = str(bad) if isinstance(bad, msgspec.DecodeError) else type(bad).__name__
        raise BadInput(reason, rule="stages-readable", where=STAGES_FILE) from bad


def _known(stages: Stages | None) -> Stages:
    if stages is None:
        raise NoModel(
            "no version has been promoted yet",
            rule="stages-known",
            where=STAGES_FILE,
            todo="Train a version and promote it to champion.",
        )
    return stages


Agree = Callable[[Stages | None], Stages | None]
"""What stands by the ledger, given what the cache says. Raises where the two contradict."""


def as_told(stages: Stages | None) -> Stages | None:
    """Accept the cache unchecked: for listings, never for serving."""
    return stages


def open_cached(cache: Path, agree: Agree = as_told) -> CachedStages:
    """Champion, challenger and rollout of models, checked by hash, without MLflow.

    A challenger that cannot be opened is left out: its fault is not the champion's. Raises
    NoModel where there is no champion, Missing or BadInput where its files are gone or altered,
    and what `agree` raises.
    """
    stages = _known(agree(read_or_none(cache)))
    if stages.champion is None:
        raise NoModel(
            "no version is champion", rule="champion-known", todo="Promote a version to champion."
        )
    champion = open_version(cache, stages.champion, Manifest)
    if stages.challenger is None:
        return CachedStages(stages.sequence, champion, None, None)
    try:
        challenger = open_version(cache, stages.challenger, Manifest)
    except LeadscoreError as bad:
        return CachedStages(stages.sequence, champion, None, None, str(bad))
    return CachedStages(stages.sequence, champion, challenger, stages.rollout)


def cached_version(registration: Registration) -> CachedVersion:
    """What the cache must know of a registered version."""
    return CachedVersion(label=registration.version.label, manifest_hash=registration.manifest_hash)


def stages_of(standing: RegistryState) -> Stages:
    """The entry of the cache for a state of the registry."""
    champion, challenger = (
        None if label is None else cached_version(standing.registrations[label])
        for label in (standing.champion, standing.challenger)
    )
    return Stages(
        sequence=standing.sequence,
        hash=standing.head,
        champion=champion,
        challenger=challenger,
        rollout=standing.rollout,
        holdout=standing.holdout,
    )


def write_stages(cache: Path, stages: Stages) -> None:
    """Replace the stages file, atomically and durably."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=cache, prefix=".stages-", delete=False) as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(stages)))
        stream.flush()
        os.fsync(stream.fileno())
    Path(stream.name).replace(cache / STAGES_FILE)


def is_behind(cache: Path, standing: RegistryState) -> bool:
    """Whether the stages file is older than the ledger's word, and could be written anew."""
    known = _or_none(cache)
    wanted = [label for label in (standing.champion, standing.challenger) if label]
    complete = all(version_folder(cache, label).is_dir() for label in wanted)
    newest = 0 if known is None else known.sequence
    return bool(wanted or standing.holdout) and complete and newest < standing.sequence


def cut_entry(cache: Path, entries: Sequence[LedgerEntry]) -> int | None:
    """The entry that the stages file names and a sound ledger does not have; None where it has."""
    known = _or_none(cache)
    if known is None:
        return None
    hashes = {entry.sequence: entry.hash for entry in entries}
    return None if hashes.get(known.sequence) == known.hash else known.sequence


def _or_none(cache: Path) -> Stages | None:
    try:
        return read_or_none(cache)
    except BadInput:
        return None


def version_folder(cache: Path, label: str) -> Path:
    """Where a version's files are kept. Raises BadInput for a label that is none."""
    return cache / "versions" / check_label(label)


def open_version(cache: Path, version: CachedVersion, kind: type[M]) -> OpenedVersion[M]:
    """A version's files, every one checked by its hash.

    Raises Missing where the cache does not hold it, BadInput where a file is gone or altered.
    """
    folder = version_folder(cache, version.label)
    if not folder.is_dir():
        raise Missing(f"{version.label} is not in the cache", rule="version-cached")
    file_within(cache / "versions", version.label)
    return OpenedVersion(
        version.label, folder, open_checked(folder, version.manifest_hash, version.label, kind)
    )


def open_checked(folder: Path, manifest_hash: str, label: str, kind: type[M]) -> M:
    """The manifest of a sealed folder that is the one registered. Raises BadInput."""
    try:
        manifest = open_sealed_as(folder, kind)
    except BadInput as bad:
        raise BadInput(bad.what, rule=bad.rule, where=label, todo=bad.todo) from bad
    if file_hash(folder / MANIFEST) != manifest_hash:
        raise BadInput(
            f"{MANIFEST} was changed after it was registered",
            rule="version-unaltered",
            where=label,
        )
    return manifest


def stage_copy(cache: Path, folder: Path, kind: type[M]) -> tuple[Path, M]:
    """A private copy, inside the cache, of a sealed folder's listed files, checked there.

    Raises BadInput where the folder is incomplete or altered, or lists a file outside itself.
    """
    listed = open_sealed_as(folder, kind).files
    part = new_part(cache)
    try:
        for name in (*listed, MANIFEST):
            target = part / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, target)
        return part, open_sealed_as(part, kind)
    except BaseException:
        discard(part)
        raise


def new_part(cache: Path) -> Path:
    """An empty folder in the cache that nothing can take for a version."""
    parts = cache / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=parts))


def place(cache: Path, part: Path, label: str) -> None:
    """Make a private copy the cache's version `label`, in the place of what stood there."""
    target = version_folder(cache, label)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        old = new_part(cache)
        target.replace(old)
        discard(old)
    try:
        part.replace(target)
    except OSError:
        # another process placed it meanwhile: whoever opens it checks it
        if not target.is_dir():
            raise
        discard(part)


def discard(part: Path) -> None:
    """Remove a private copy."""
    shutil.rmtree(part, ignore_errors=True)


def prune(cache: Path, keep: Collection[str], before_s: float) -> list[str]:
    """Remove versions that nobody needs, and private copies that dead processes left.

    Kept are those named in `keep`, and whatever was placed or opened since `before_s`, seconds
    since 1970: somebody may be reading it. What is removed can be fetched again. Returns the
    labels of those that were removed.
    """
    removed = []
    for folder in sorted((cache / "versions").glob("*")):
        if folder.name not in keep and _older(folder, before_s):
            # out of sight whole, then away: no reader meets half of it
            away = new_part(cache)
            with suppress(OSError):  # another process was sooner
                folder.replace(away)
                removed.append(folder.name)
            discard(away)
    for part in (cache / "parts").glob("*"):
        if _older(part, before_s):
            discard(part)
    return removed


def touch(folder: Path) -> None:
    """Note that a version is being read."""
    with suppress(OSError):  # a cache that cannot be written to is not pruned either
        os.utime(folder)


def _older(path: Path, moment_s: float) -> bool:
    try:
        return path.stat().st_mtime < moment_s
    except FileNotFoundError:
        return False
