"""Reproduces a version: the log as it was, the recorded configuration and seed, trained again."""

from pathlib import Path

import msgspec

from config.settings import Settings
from domain.errors import BadConfiguration
from domain.versions.manifest import Lineage, Manifest
from jobs.models.train import prepared, provenance
from training.config import TrainingConfig
from training.model.studies import WarmStart
from training.reproduction import Input, Reproduction, compare, conclude, inputs_of, search_of
from training.run import Provenance, Studies, TrainingObserver, TrainingRun
from wiring.registry import open_registry
from wiring.scratch_home import scratch_home


def reproduce(settings: Settings, version: str, progress: TrainingObserver) -> Reproduction:
    """Do a registered version's run again, from the events that had arrived when it was trained.

    Nothing of the home is written to but a folder that is removed. Where the log no longer holds
    the same events, nothing is trained. Raises Missing for an unknown version.
    """
    registry = open_registry(settings)
    label = registry.get(version).label
    folder, manifest = registry.fetch(label)
    with scratch_home(settings, manifest.definition, "reproduction") as scratch:
        config, provenance_now = _config(manifest.lineage), provenance()
        try:
            run = prepared(scratch, config, progress, manifest.lineage.events)
        except msgspec.DecodeError:
            recorded = manifest.lineage.log_hash
            torn = Input(name="log", recorded=recorded, now="an event that cannot be read")
            return conclude(label, [torn], None)
        inputs = _inputs(manifest, run, provenance_now)
        if not inputs[0].same:
            return conclude(label, inputs, None)
        again = scratch.home / "version"
        rebuilt = run.execute(
            again, _studies(scratch.home, manifest.lineage), provenance_now, progress
        )
        inputs += search_of(manifest.lineage, rebuilt.lineage)
        return conclude(label, inputs, compare(folder, again, manifest, rebuilt))


def _studies(home: Path, lineage: Lineage) -> Studies:
    """A place for the search, which begins with what it began with then."""
    search = lineage.searched
    if search is None or not search.warmed_by:
        return Studies(home / "studies")
    warmth = WarmStart(study=search.warmed_by, parameters=search.warm_parameters)
    return Studies(home / "studies", warmth=warmth)


def _config(lineage: Lineage) -> TrainingConfig:
    try:
        return msgspec.convert(lineage.configuration, TrainingConfig)
    except msgspec.ValidationError as bad:
        raise BadConfiguration(
            f"this code cannot read the recorded configuration: {bad}",
            rule="configuration-readable",
            todo=f"Use the code of commit {lineage.commit or 'unknown'}.",
        ) from bad


def _inputs(manifest: Manifest, run: TrainingRun, provenance_now: Provenance) -> list[Input]:
    now = run.lineage(provenance_now)
    kept = manifest.definition.fingerprint
    definition = Input(name="feature definition", recorded=kept, now=run.definition.fingerprint)
    log, *others = inputs_of(manifest.lineage, now)
    return [log, definition, *others]
