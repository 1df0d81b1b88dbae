"""Policies as registered versions: sealed, judged, in force."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from config.settings import Settings
from decisions.policy.golden_rows import Difference, differences
from decisions.policy.jdm import Graph
from decisions.policy.lint import PolicyFinding
from decisions.policy.policy import load_policy, name_in, normal_form, read_policy, rules_in
from decisions.policy.table_axes import GRADES
from decisions.policy.trial_run import tried
from decisions.policy.zen_policy import ZenPolicy
from decisions.proof.cases import cases_file
from decisions.proof.declared import personal
from decisions.proof.examine import Examination, examine
from domain.clock import SystemClock, iso, to_us
from domain.decisions import Facts
from domain.errors import BadConfiguration, BadInput, Missing, Refused
from domain.versions.manifest import ModelVersion, seal
from domain.versions.policy_manifest import (
    CASES_FILE,
    GOLDEN_FILE,
    POLICY_FILE,
    GoldenRow,
    PolicyManifest,
)
from registry.store import REGISTERED, AnyRegistry
from scoring.live_policy import LivePolicies, LivePolicy
from storage.files import private_folder
from storage.owned_folder import owned_folder
from wiring.decisions import POLICIES, STANDARD, in_force, policy_path
from wiring.integrity.agreement import agreement
from wiring.lineage import open_teller
from wiring.live_folders import policy_cache_of
from wiring.registry import open_policies


def follow_policy(
    settings: Settings, interval_s: float, monotonic: Callable[[], float]
) -> Callable[[], LivePolicies]:
    """What gives the policies in force now: the settings' own alone, else the registered ones."""
    if settings.policy:
        fixed = LivePolicies(load_policy(policy_path(settings.policy)))
        return lambda: fixed
    default = policy_path(STANDARD)
    cache = policy_cache_of(settings)
    agree = agreement(settings, "policy")
    return LivePolicy(cache, lambda: load_policy(default), interval_s, monotonic, agree).current


def policy_file(settings: Settings, name: str) -> tuple[str | None, Path]:
    """A policy by its registered label, or as a file or the name of one that comes along.

    Its label where it is registered, else None, and its file. Raises Missing.
    """
    if (settings.home / "live").is_dir():
        registry = open_policies(settings)
        if name in registry.standing().registrations:
            return name, registry.fetch(name)[0] / POLICY_FILE
    return None, policy_path(name)


def policy_of_record(settings: Settings, label: str) -> ZenPolicy:
    """The policy that a record names: a registered one, one that comes along, or the settings'.

    Where none has that label, the policy in force.
    """
    named, path = file_of_record(settings, label)
    return load_policy(path, named)


def file_of_record(settings: Settings, label: str) -> tuple[str | None, Path]:
    """The label and the file of the policy that `policy_of_record` gives."""
    registry = open_policies(settings)
    if label in registry.standing().registrations:
        return label, registry.fetch(label)[0] / POLICY_FILE
    packaged = (p for p in sorted(POLICIES.glob("*.json")) if load_policy(p).label == label)
    path = next(packaged, None)
    return in_force(settings) if path is None else (None, path)


def register(
    settings: Settings,
    path: Path,
    by: str,
    *,
    reason: str = REGISTERED,
    registry: AnyRegistry | None = None,
) -> ModelVersion:
    """Seal a policy's file with its golden rows, and register it as a candidate.

    The registry gives the number: the file's own `version` is its author's note. Raises
    BadConfiguration where the checks find something, Refused where its label would be that of
    another policy that comes with the product.
    """
    rows = tried(path)
    policy, registry = load_policy(path), registry or open_policies(settings)
    file, graph = read_policy(path)
    _refuse_personal(graph, file.description, path.name)
    _refuse_twin(registry, file.name, policy)
    manifest = PolicyManifest(
        name=file.name,
        created=iso(to_us(SystemClock().now())),
        metrics={},
        counts={"golden": len(rows)},
        fingerprint=policy.fingerprint,
        description=file.description,
    )
    private_folder(settings.home)
    with owned_folder(settings.home, "policy") as scratch:
        folder = scratch / "version"
        folder.mkdir()
        (folder / POLICY_FILE).write_bytes(normal_form(path.read_bytes(), path.name))
        if cases_file(path).is_file():
            shutil.copyfile(cases_file(path), folder / CASES_FILE)
        (folder / GOLDEN_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(rows)))
        seal(folder, manifest)
        with open_teller(settings).run("register") as lineage_run:
            version = registry.register(folder, run_id=None, by=by, reason=reason)
            lineage_run.add_output(f"policies/{version.name}", version.label)
            return version


def _refuse_personal(graph: Graph, description: str, name: str) -> None:
    """A version is sealed and copied: nothing that is personal may be in it."""
    for one in personal(graph, description):
        raise BadConfiguration(one.what, rule=one.rule, where=f"{name}: {one.where}")


def _refuse_twin(registry: AnyRegistry, name: str, policy: ZenPolicy) -> None:
    packaged = POLICIES / f"{name}.json"
    if not packaged.is_file() or any(v.name == name for v in registry.versions()):
        return
    if load_policy(packaged).fingerprint != policy.fingerprint:
        raise Refused(
            f"{name} is the name of a packaged policy with other rules",
            rule="policy-name",
            todo=f"Register `{name}` as it comes first, or give this one a name of its own.",
        )


def compare(settings: Settings, now: str, was: str | None) -> list[Difference]:
    """Where a policy decides unlike another, by default the one in force, on both golden rows."""
    first = in_force(settings) if was is None else policy_file(settings, was)
    return compare_files(first, policy_file(settings, now))


def compare_files(
    first: tuple[str | None, Path], second: tuple[str | None, Path]
) -> list[Difference]:
    """Where the second policy decides unlike the first, each by label, if any, and file."""
    facts: dict[bytes, Facts] = {}  # each once: two versions share most of their rows
    for _, path in (first, second):
        golden = path.parent / GOLDEN_FILE
        rows = read_golden(path.parent) if golden.is_file() else tried(path)
        ungraded = (msgspec.structs.replace(row.facts, grade="") for row in rows)
        facts.update((msgspec.json.encode(f), f) for f in ungraded)
    a, b = (load_policy(path, label) for label, path in (first, second))
    return differences(facts.values(), a, b)


def examined(
    settings: Settings, path: Path, grades: Sequence[str] = GRADES, cases: Path | None = None
) -> Examination:
    """What is found on a policy's file in this home, and what was looked at.

    It is compared with the attributes and features that there are, and with the rules of the policy
    that it follows: the one in force, where they share half of its rules, else the one of the same
    name. `cases` are run, else those beside the policy.
    """
    if not grades or not set(grades) <= set(GRADES):
        raise BadInput(
            f"{', '.join(grades) or 'none'}: a policy gives {', '.join(GRADES)}",
            rule="grades",
            where="--grades",
            todo="Name some of these, with commas between.",
        )
    return examine(path, known_facts(settings), _follows(settings, path), grades, cases)


def reviewed(settings: Settings, path: Path, grades: Sequence[str] = GRADES) -> list[PolicyFinding]:
    """All findings on a policy's file in this home, as `examined`."""
    return examined(settings, path, grades).findings


def known_facts(settings: Settings) -> set[str]:
    """The attributes and features that a policy may use: those of the home's feature service."""
    from config.home_definition import definition_of
    from feature_repo.catalogue import category_names, number_names
    from wiring.beginning_service import beginning_service

    kept = settings.definition_file.is_file()
    definition = definition_of(settings) if kept else beginning_service(settings)
    return {*number_names(definition), *category_names(definition)}


def _follows(settings: Settings, path: Path) -> Path | None:
    mine = rules_in(path)
    packaged = POLICIES / f"{name_in(path)}.json"
    for earlier in (in_force(settings)[1], packaged):
        if (
            earlier.is_file()
            and (rules := rules_in(earlier))
            and 2 * len(rules & mine) >= len(rules)
        ):
            return earlier
    return packaged if packaged.is_file() else None


def read_golden(folder: Path) -> list[GoldenRow]:
    """The golden rows of a sealed policy. Raises Missing."""
    try:
        return msgspec.json.decode((folder / GOLDEN_FILE).read_bytes(), type=list[GoldenRow])
    except FileNotFoundError as missing:
        raise Missing("the golden rows are missing", rule="version-complete") from missing
