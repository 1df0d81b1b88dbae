"""Policies as registered versions: sealed, judged, in force."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from config.settings import Settings
from decisions.policy.golden_rows import Difference, differences
from decisions.policy.lint import PolicyFinding
from decisions.policy.policy import PolicyFile, check_policy, load_policy, name_in, rules_in
from decisions.policy.table_axes import GRADES
from decisions.policy.trial_run import tried
from decisions.policy.zen_policy import ZenPolicy
from domain.clock import SystemClock, iso, to_us
from domain.decisions import Facts
from domain.errors import BadInput, Missing, Refused
from domain.versions.manifest import ModelVersion, seal
from domain.versions.policy_manifest import GOLDEN_FILE, POLICY_FILE, GoldenRow, PolicyManifest
from registry.store import PolicyRegistry
from scoring.live_policy import LivePolicies, LivePolicy
from storage.files import private_folder
from storage.owned_folder import owned_folder
from wiring.agreement import agreement
from wiring.decisions import POLICIES, STANDARD, in_force, policy_path
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
    registry = open_policies(settings)
    if label in registry.standing().registrations:
        return load_policy(registry.fetch(label)[0] / POLICY_FILE, label)
    named, path = in_force(settings)
    held = (load_policy(p) for p in sorted(POLICIES.glob("*.json")))
    return next((p for p in held if p.label == label), load_policy(path, named))


def register(settings: Settings, path: Path, by: str) -> ModelVersion:
    """Seal a policy's file with its golden rows, and register it as a candidate.

    The registry gives the number: the file's own `version` is its author's note. Raises
    BadConfiguration where the checks find something, Refused where its label would be that of
    another policy that comes with the product.
    """
    rows = tried(path)
    policy, registry = load_policy(path), open_policies(settings)
    held = msgspec.json.decode(path.read_bytes(), type=PolicyFile)
    _refuse_twin(registry, held.name, policy)
    manifest = PolicyManifest(
        name=held.name,
        created=iso(to_us(SystemClock().now())),
        metrics={},
        counts={"golden": len(rows)},
        fingerprint=policy.fingerprint,
        description=held.description,
    )
    private_folder(settings.home)
    with owned_folder(settings.home, "policy") as scratch:
        folder = scratch / "version"
        folder.mkdir()
        shutil.copyfile(path, folder / POLICY_FILE)
        (folder / GOLDEN_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(rows)))
        seal(folder, manifest)
        with open_teller(settings).run("register") as told:
            version = registry.register(folder, run_id=None, by=by)
            told.made(f"policies/{version.name}", version.label)
            return version


def _refuse_twin(registry: PolicyRegistry, name: str, policy: ZenPolicy) -> None:
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


def reviewed(settings: Settings, path: Path, grades: Sequence[str] = GRADES) -> list[PolicyFinding]:
    """All that can be said against a policy's file in this home.

    Held against the attributes and features that there are, and against the rules of the policy
    that it follows: the one in force, where they share half of its rules, else the one of the
    same name that comes along. `grades` are those that leads have. Raises BadInput for others than
    a policy gives.
    """
    if not grades or not set(grades) <= set(GRADES):
        raise BadInput(
            f"{', '.join(grades) or 'none'}: a policy gives {', '.join(GRADES)}",
            rule="grades",
            where="--grades",
            todo="Name some of these, with commas between.",
        )
    return check_policy(path, known_facts(settings), _follows(settings, path), grades)


def known_facts(settings: Settings) -> set[str]:
    """The attributes and features that a policy may be told of: of the home's feature service."""
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
    except FileNotFoundError as gone:
        raise Missing("the golden rows are gone", rule="version-complete") from gone
