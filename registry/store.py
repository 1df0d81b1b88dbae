"""The registry: versions, and which of them is champion and challenger.

The ledger is the truth and the cache is its servant; MLflow holds runs, files and versions, and
mirrors the stages as aliases and tags. Reading needs the ledger alone. A change is made in four
steps: files into the cache, the entry into the ledger, `stages.json` for serving, MLflow's
aliases. A process that dies in between leaves what the next change, or `reconcile`, completes.
"""

import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Generic

from domain.clock import Clock, iso, to_us
from domain.errors import LeadscoreError, Refused, Unavailable
from domain.versions.manifest import (
    MANIFEST,
    M,
    Manifest,
    ModelVersion,
    Stage,
    file_hash,
)
from domain.versions.policy_manifest import PolicyManifest
from domain.versions.workflow_manifest import WorkflowManifest
from registry import cache as local
from registry import unfinished
from registry.ledger import Ledger
from registry.ledger_entry import LedgerDraft, LedgerEntry, Registration
from registry.registry_state import RegistryState, fold, kept
from registry.transitions import (
    ALREADY,
    ArmAllocation,
    Author,
    GateVerdict,
    back,
    move,
    registered,
    start_rollout,
)
from registry.version_names import check_name
from storage.hash_chain import GENESIS

if TYPE_CHECKING:
    from registry.mlflow_files.report_note import ReportNote
    from registry.tracking import Tracking, Upload

_log = logging.getLogger(__name__)

NO_MLFLOW = ""
"""The tracking URI of a registry that leaves MLflow alone: whoever changes next tells it."""
UNREAD_S = 3600.0
"""A version that was placed or read in the last hour is not pruned from the cache."""
REGISTERED = "registered"
"""The reason of a registration for which nobody gives one."""
MIRROR_WAIT_S = 5.0
"""How long a rollback waits for MLflow: serving goes by the cache, which knows already."""

Decide = Callable[[RegistryState], Sequence[LedgerDraft]]
"""What a change makes of the present standing: the entries to record."""


def unheard() -> None:
    """Do nothing: the default callback."""


class VersionRegistry(Generic[M]):
    """Versions of one kind, in MLflow at `tracking_uri`, ruled by `ledger`, files in `cache`.

    `made_of` is what their manifests are. Kinds share ledger and MLflow; each has its own cache.
    `artifact_root` is where MLflow keeps the files of runs that the registry makes: a folder, or
    a URI of object storage. Nothing of MLflow is loaded before something needs it.
    """

    made_of: type[M]

    def __init__(
        self,
        tracking_uri: str,
        artifact_root: Path | str,
        ledger: Ledger,
        clock: Clock,
        cache: Path,
        on_change: Callable[[], None] = unheard,
    ) -> None:
        """`on_change` is called after a change, once ledger and cache have it."""
        self._on_change = on_change
        self._uri = tracking_uri
        self._artifact_root = artifact_root
        self._clock = clock
        self.ledger = ledger
        self.cache = cache
        self._folded: tuple[str, RegistryState] | None = None
        self._catch_up()

    def register(
        self, folder: Path, *, run_id: str | None, by: str, reason: str = REGISTERED
    ) -> ModelVersion:
        """Register a sealed folder as a candidate; its files are logged to the run.

        It is listed once all of it is in place: the ledger's entry comes last. Raises BadInput
        where the folder is incomplete or altered, Unavailable where MLflow does not answer.
        """
        author = Author(by, reason)
        part, manifest = local.stage_copy(self.cache, folder, self.made_of)
        try:
            check_name(manifest, self.ledger.entries())
            with unfinished.marked(self.cache) as mark:
                upload = self._tracking.upload(part, manifest, run_id, self._now_ms(), mark)
                version = self._admit(part, manifest, upload, author)
                self._tracking.finish(upload, version.label, self._now_ms())
        finally:
            local.discard(part)
        self.reconcile()
        return version

    def versions(self) -> list[ModelVersion]:
        """All versions, by name and number."""
        return self.standing().versions()

    def get(self, label_or_number: str) -> ModelVersion:
        """As `RegistryState.find`, by the ledger as it is now."""
        return self.standing().find(label_or_number)

    def at(self, stage: Stage) -> ModelVersion | None:
        """The champion or the challenger; of the other stages, the newest version."""
        return max(
            (v for v in self.versions() if v.stage == stage), key=lambda v: v.version, default=None
        )

    def standing(self) -> RegistryState:
        """The state of every version, by the ledger."""
        return self._fold(self.ledger.entries())

    def fetch(self, version: ModelVersion | str) -> tuple[Path, M]:
        """As `open`: folder and manifest of a registered version. Raises Missing."""
        label = version if isinstance(version, str) else version.label
        opened = self.open(self.standing().registration(label))
        return opened.folder, opened.manifest

    def open(self, registration: Registration) -> local.OpenedVersion[M]:
        """A version's files in the local cache, every one checked by hash, now.

        What the cache lacks or holds altered is fetched anew from MLflow. Raises BadInput where
        MLflow's copy too is incomplete or altered, Unavailable where MLflow does not answer.
        """
        try:
            return self._open_cached(registration)
        except LeadscoreError:
            part = local.new_part(self.cache)
        try:
            self._tracking.download(registration, part, self.made_of)
            local.place(self.cache, part, registration.version.label)
        finally:
            local.discard(part)
        return self._open_cached(registration)

    def annotate(self, label: str, note: "ReportNote") -> None:
        """Show in MLflow what a report says of a version. Raises Missing, Unavailable."""
        self._tracking.annotate(self.standing().registration(label), note)

    def _open_cached(self, registration: Registration) -> local.OpenedVersion[M]:
        local.touch(local.version_folder(self.cache, registration.version.label))
        return local.open_version(self.cache, local.cached_version(registration), self.made_of)

    def transition(
        self,
        version: ModelVersion | local.OpenedVersion[M] | str,
        stage: Stage,
        *,
        by: str,
        reason: str,
        verdict: GateVerdict | None = None,
        share: ArmAllocation | None = None,
    ) -> RegistryState:
        """Move a version to a stage; a `share` starts a rollout of a new challenger.

        The former champion is archived, the former challenger a candidate again. Without a
        champion no rollout is started. What will serve is opened, unless an opened version is
        given. Raises what `transitions.move` raises.
        """
        author = Author(by, reason)
        label = version if isinstance(version, str) else version.label
        opened = isinstance(version, local.OpenedVersion)
        if stage in (Stage.CHAMPION, Stage.CHALLENGER) and not opened:
            self.fetch(label)
        steps: list[Decide] = [
            lambda now: move(now, label, stage, author, verdict or GateVerdict())
        ]
        if share is not None and stage == Stage.CHALLENGER:
            steps.append(lambda now: start_rollout(now, share, author) if now.champion else [])
        return self.change(*steps)

    def change(self, *steps: Decide) -> RegistryState:
        """As `commit`; then MLflow is updated too, also where the change was recorded already.

        A process that died may have recorded it without updating MLflow: a repeated change
        completes it.
        """
        try:
            standing = self.commit(*steps)
        except Refused as refused:
            if refused.rule == ALREADY:
                self._mirror_or_warn()
            raise
        self._mirror_or_warn()
        return standing

    def rollback(self, *, by: str, reason: str) -> ModelVersion | None:
        """Put back what was in force before the champion; returns it. Serving needs no restart.

        None: what is no version, such as the policy that comes with the product. MLflow is told if
        it answers soon, else with the next change. Raises Missing where nothing was in force.
        """
        author = Author(by, reason)
        former = back(self.standing(), author)[-1]
        if former.to_stage == Stage.CHAMPION:
            self.fetch(former.subject)
        standing = self.commit(lambda now: back(now, author))
        mirroring = Thread(target=self._mirror_or_warn, name="mirror", daemon=True)
        mirroring.start()
        mirroring.join(MIRROR_WAIT_S)
        if mirroring.is_alive():
            _log.warning("MLflow does not answer: its aliases follow with the next change")
        return None if standing.champion is None else standing.version(standing.champion)

    def commit(self, *steps: Decide) -> RegistryState:
        """Record the entries that each step makes of the present state, all or nothing.

        No other process can change the state between reading and recording. Then the cache is
        updated.
        """
        with self.ledger.exclusive() as writer:
            for step in steps:
                for draft in step(self._fold(writer.entries())):
                    writer.append(draft)
        standing = self._write_stages()
        self._on_change()
        return standing

    def reconcile(self) -> None:
        """Make cache and MLflow agree with the ledger, whatever a dead process left.

        Raises Unavailable where MLflow does not answer.
        """
        standing = self.standing()
        for label in (standing.champion, standing.challenger):
            if label is not None:
                self.fetch(label)
        self._write_stages()
        if standing.registrations:
            self._mirror()

    def verify(self) -> int | None:
        """As `Ledger.verify`; entries cut off since the cache was last written are noticed too."""
        broken = self.ledger.verify()
        return local.cut_entry(self.cache, self.ledger.entries()) if broken is None else broken

    def now(self) -> str:
        """The present moment, RFC 3339, UTC."""
        return iso(to_us(self._clock.now()))

    @cached_property
    def _tracking(self) -> "Tracking":
        if self._uri == NO_MLFLOW:
            raise Unavailable(
                "The version's files are not at hand in this home, and MLflow is not asked here.",
                rule="version-at-hand",
                todo="Use the command line where the version was registered.",
            )
        from registry.tracking import Tracking

        root = self._artifact_root
        return Tracking(self._uri, root.absolute().as_uri() if isinstance(root, Path) else root)

    def _fold(self, entries: Sequence[LedgerEntry]) -> RegistryState:
        """The state after these entries, folded again only where the newest entry is another."""
        head = entries[-1].hash if entries else GENESIS
        if self._folded is None or self._folded[0] != head:
            self._folded = head, fold(entries, self.made_of.kind)
        return self._folded[1]

    def _admit(self, part: Path, manifest: M, upload: "Upload", author: Author) -> ModelVersion:
        manifest_hash = file_hash(part / MANIFEST)
        version = ModelVersion(
            name=manifest.name,
            version=self._tracking.create_version(upload, manifest, manifest_hash),
            stage=Stage.CANDIDATE,
            created=manifest.created,
            metrics=manifest.metrics,
            feature_service=manifest.service,
        )
        with self.ledger.exclusive() as writer:
            entries = writer.entries()
            check_name(manifest, entries)
            if version.label in self._fold(entries).registrations:
                raise Refused(
                    f"MLflow gave {version.label}, which the ledger already holds",
                    rule="version-new",
                    todo="Use the ledger and the MLflow store that belong together.",
                )
            local.place(self.cache, part, version.label)
            registration = Registration(
                version=version,
                manifest_hash=manifest_hash,
                run_id=upload.run_id,
                kind=manifest.kind,
            )
            writer.append(registered(registration, author))
        return version

    def _write_stages(self) -> RegistryState:
        # under the lock, so that no process puts an older standing over a newer one
        with self.ledger.exclusive() as writer:
            standing = self._fold(writer.entries())
            known = (self.cache / local.STAGES_FILE).is_file()
            if known or standing.champion or standing.challenger or standing.holdout:
                local.write_stages(self.cache, local.stages_of(standing))
            local.prune(self.cache, kept(standing), self._clock.now().timestamp() - UNREAD_S)
        return standing

    def _catch_up(self) -> None:
        if local.is_behind(self.cache, self.standing()):
            self._write_stages()

    def _mirror(self) -> None:
        # no lock while MLflow works: whoever wrote a standing that had passed writes again
        mirrored = -1
        while mirrored != (standing := self.standing()).sequence:
            for name in {r.version.name for r in standing.registrations.values()}:
                self._tracking.mirror(name, standing.numbered(name))
            mirrored = standing.sequence
        for mark in unfinished.left(self.cache):
            labels = {r.run_id: label for label, r in standing.registrations.items()}
            self._tracking.end(mark, labels, self._now_ms())
            unfinished.forget(self.cache, mark)

    def _now_ms(self) -> int:
        return to_us(self._clock.now()) // 1000

    def _mirror_or_warn(self) -> None:
        if self._uri == NO_MLFLOW:
            _log.info("MLflow's aliases follow with the next change")
            return
        try:
            self._mirror()
        except (Unavailable, ModuleNotFoundError) as bad:
            # ledger and cache have the change: MLflow's aliases follow with the next one
            _log.warning("MLflow's aliases lag behind the ledger: %s", bad)


class Registry(VersionRegistry[Manifest]):
    """Versions of models."""

    made_of = Manifest


class PolicyRegistry(VersionRegistry[PolicyManifest]):
    """Versions of policies."""

    made_of = PolicyManifest


class WorkflowRegistry(VersionRegistry[WorkflowManifest]):
    """Versions of workflows."""

    made_of = WorkflowManifest


AnyRegistry = VersionRegistry[Any]
"""Where it does not matter what they are versions of."""
