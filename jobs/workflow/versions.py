"""Workflows as registered versions: sealed, proven, listed."""

import shutil
from pathlib import Path

import msgspec

from config.home_files import rules_file
from config.settings import Settings
from domain.clock import SystemClock, iso, to_us
from domain.errors import BadInput, Refused
from domain.versions.manifest import ModelVersion, seal
from domain.versions.workflow_manifest import WORKFLOW_FILE, WorkflowManifest
from jobs.workflow.files import load_chart
from registry.store import REGISTERED, AnyRegistry
from storage.files import private_folder
from storage.owned_folder import owned_folder
from wiring.lineage import open_teller
from wiring.registry import open_kind
from workflow.chart.chart_file import STANDARD_FILE, read_chart
from workflow.chart.statechart import Statechart
from workflow.proof.check import check

PREFIX = "workflow-"
"""How the names of its versions begin: a policy may have the same name."""
LONGEST_NAME = 40


class ListedWorkflow(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow that may be in force: a registered version, or the home's file."""

    workflow: str
    stage: str
    in_force: bool


def register(settings: Settings, path: Path, by: str, *, reason: str = REGISTERED) -> ModelVersion:
    """Prove a workflow's file, seal it, and register it as a candidate.

    The registry gives the number. Raises BadConfiguration for a file that is none, Refused where
    the proof finds something, or another file was registered as the same version.
    """
    chart, registry = read_chart(path), open_kind(settings, "workflow")
    _refuse_name(chart)
    _refuse_share(chart)
    proof = check(chart)
    if proof.findings:
        raise Refused(
            f"{len(proof.findings)} findings, the first: {proof.findings[0].what}",
            rule="workflow-sound",
            where=f"{path.name}: {proof.findings[0].where}",
            todo="`leadscore workflow check --file FILE` shows all, each with the way there.",
        )
    _refuse_twin(registry, chart)
    manifest = WorkflowManifest(
        name=f"{PREFIX}{chart.spec.name}",
        created=iso(to_us(SystemClock().now())),
        metrics={},
        counts={"configurations": proof.configurations},
        fingerprint=chart.fingerprint,
        file_version=chart.spec.version,
        description=chart.spec.text,
    )
    private_folder(settings.home)
    with owned_folder(settings.home, "workflow") as scratch:
        folder = scratch / "version"
        folder.mkdir()
        shutil.copyfile(path, folder / WORKFLOW_FILE)
        seal(folder, manifest)
        with open_teller(settings).run("register") as lineage_run:
            version = registry.register(folder, run_id=None, by=by, reason=reason)
            lineage_run.add_output(f"workflows/{version.name}", version.label)
            return version


def own_workflow(settings: Settings) -> Path:
    """The home's own file, or the one that comes along."""
    return rules_file(settings, STANDARD_FILE)


def listed(settings: Settings) -> list[ListedWorkflow]:
    """Registered versions, then the home's file. Raises BadConfiguration."""
    in_force = load_chart(settings).label
    registry = open_kind(settings, "workflow") if settings.home.is_dir() else None
    versions = [] if registry is None else registry.versions()
    own = read_chart(own_workflow(settings)).label
    return [
        *(
            ListedWorkflow(workflow=v.label, stage=str(v.stage), in_force=v.label == in_force)
            for v in versions
        ),
        ListedWorkflow(workflow=own, stage="file", in_force=own == in_force),
    ]


def _refuse_name(chart: Statechart) -> None:
    if len(chart.spec.name) > LONGEST_NAME:
        raise BadInput(
            f"the name has {len(chart.spec.name)} characters, may have {LONGEST_NAME}",
            rule="workflow-name",
            key="$.name",
        )


def _refuse_share(chart: Statechart) -> None:
    if chart.spec.rollout.share < 1:
        raise BadInput(
            "it has a share of accounts, which a registered version gets by its rollout",
            rule="workflow-share",
            key="$.rollout.share",
            todo="Leave `rollout` out; `leadscore rollout start --kind workflow` gives it one.",
        )


def _refuse_twin(registry: AnyRegistry, chart: Statechart) -> None:
    """One version of a file is one workflow: `migrates` refers to it."""
    for version in registry.versions():
        _, manifest = registry.fetch(version)
        same = version.name == f"{PREFIX}{chart.spec.name}"
        if not same or manifest.file_version != chart.spec.version:
            continue
        if manifest.fingerprint != chart.fingerprint:
            raise Refused(
                f"version {chart.spec.version} of {chart.spec.name} was registered with other "
                f"contents, as {version.label}",
                rule="workflow-version",
                where="$.version",
                todo="Give the changed file a `version` of its own, above that one.",
            )
