"""What a registered version is: a folder of files, sealed by a manifest of their hashes."""

import re
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar

import msgspec

from domain.definition import FeatureDefinition
from domain.errors import BadInput
from domain.measurement import Interval
from domain.scores import Calibrator
from domain.versions.input_profile import PROFILE_FILE

MANIFEST = "manifest.json"
MODEL_FILE = "model.cbm"
TABLE_FILE = "explanation.npz"
REFERENCE_FILE = "reference.parquet"
LEADS_FILE = "leads.parquet"
"""Leads as a version scores them: absent of versions from before they were kept."""
CARD_FILE = "card.md"
FALLBACK_FOLDER = "fallback"
"""Where, in a version's folder, the files of its fallback are, named as the version's own."""
REQUIRED = (MODEL_FILE, TABLE_FILE, REFERENCE_FILE, PROFILE_FILE, CARD_FILE)
FALLBACK_FILES = (MODEL_FILE, TABLE_FILE, PROFILE_FILE)
QUANTILES = 101

NAME = r"[A-Za-z][A-Za-z0-9_-]{0,63}"
"""What a version may be named."""
_LABEL = re.compile(rf"{NAME}-[0-9]{{1,9}}")
Label = Annotated[str, msgspec.Meta(pattern=rf"\A{_LABEL.pattern}\Z")]
"""A version's name and number. Labels become folders: nothing else may."""
FileHash = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""A SHA-256, in hex."""

VersionKind = Literal["model", "policy", "workflow"]
"""What a version is a version of."""


class Stage(StrEnum):
    """Where a version stands. Champion and challenger have one version each at most."""

    CANDIDATE = "candidate"
    CHALLENGER = "challenger"
    CHAMPION = "champion"
    ARCHIVED = "archived"


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """What the search found, in which study; the study whose best it began with, "" for none."""

    study: str
    parameters: dict[str, int | float]
    warmed_by: str = ""
    warm_parameters: dict[str, int | float] = {}


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """What a version was made from.

    `events` are the first so many of the log, by the order in which they arrived; `log_hash` is a
    digest of what they say. `libraries` are the versions of those that numbers depend on.
    """

    watermark_us: int
    events: int
    log_hash: str
    configuration: dict[str, object]
    configuration_hash: str
    seed: int
    commit: str
    lock_hash: str
    libraries: dict[str, str] = {}
    searched: Searched | None = None


class Blended(msgspec.Struct, frozen=True, kw_only=True):
    """A blend that was tried: the scorecard's share of the log-odds, 0 where it did not win.

    `gain` is how much lower its log loss was on time not seen, None where none could be judged.
    """

    scorecard: float
    gain: Interval | None


class Fallback(msgspec.Struct, frozen=True, kw_only=True):
    """The model that scores where only the profile is known: as the fields of `Manifest` say."""

    features: tuple[str, ...]
    categories: tuple[str, ...]
    calibrator: Calibrator
    quantiles: tuple[float, ...]


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What every version says of itself, whatever it is a version of.

    `files` maps each other file of the folder to its SHA-256; `required` must be among them.
    """

    kind: ClassVar[VersionKind]
    required: ClassVar[tuple[str, ...]]

    name: str
    created: str
    metrics: dict[str, Interval]
    counts: dict[str, int]
    files: dict[str, str] = {}

    @property
    def service(self) -> str:
        """The feature service that it reads, "" for none."""
        return ""

    def searchable(self) -> dict[str, str]:
        """What a listing of versions says of it."""
        return {}

    def faults(self) -> list[str]:
        """What is missing for it to be complete, or contradicts itself, beside files."""
        return []


M = TypeVar("M", bound=Sealed)


class Manifest(Sealed, frozen=True, kw_only=True):
    """What a version of a model says of itself.

    `features` are the columns the model takes, in its order: numbers, then `categories`.
    `quantiles` are the 101 percentiles 0..100 of the calibrated score on the reference sample.
    `calibrator_gains` say how much lower each calibrator that was tried, and `level`, made log loss
    on later time: empty in versions from before it was kept.
    `warnings` are what the run noticed of its data: traps, and leaks that were waived.
    `blended` is None where no blend was asked for, `fallback` where there is none: in versions
    from before it was kept, and of definitions without a profile.
    """

    kind: ClassVar[VersionKind] = "model"
    required: ClassVar[tuple[str, ...]] = REQUIRED

    definition: FeatureDefinition
    features: tuple[str, ...]
    categories: tuple[str, ...]
    calibrator: Calibrator
    quantiles: tuple[float, ...]
    outcome: str
    horizon_days: float
    lineage: Lineage
    calibrator_gains: dict[str, Interval] = {}
    warnings: tuple[str, ...] = ()
    blended: Blended | None = None
    fallback: Fallback | None = None

    @property
    def service(self) -> str:
        """The feature service that it reads."""
        return self.definition.label

    def searchable(self) -> dict[str, str]:
        """What a listing of versions says of it."""
        return {
            "outcome": self.outcome,
            "horizon_days": f"{self.horizon_days:g}",
            "feature_service": self.definition.label,
            "definition": self.definition.fingerprint,
            "log_hash": self.lineage.log_hash,
            "seed": str(self.lineage.seed),
            "commit": self.lineage.commit,
            "configuration_hash": self.lineage.configuration_hash,
        }

    def faults(self) -> list[str]:
        """What is missing for it to be complete, or contradicts itself, beside files."""
        features, lineage = self.features, self.lineage
        needed = {
            "no features": bool(features) and len(set(features)) == len(features),
            "categories that are not its last features": not self.categories
            or features[-len(self.categories) :] == self.categories,
            "no metrics": bool(self.metrics),
            "no counts": bool(self.counts),
            f"percentiles that are not {QUANTILES}, ascending": len(self.quantiles) == QUANTILES
            and all(a <= b for a, b in pairwise(self.quantiles)),
            "no outcome within a horizon": bool(self.outcome) and self.horizon_days > 0,
            "a lineage without a log": lineage.events > 0 and bool(lineage.log_hash),
            "a lineage without a configuration": bool(lineage.configuration_hash),
            "a fallback without its files": self.fallback is None
            or all(f"{FALLBACK_FOLDER}/{name}" in self.files for name in FALLBACK_FILES),
        }
        return [what for what, sound in needed.items() if not sound]

    def of_fallback(self) -> "Manifest | None":
        """What its fallback says of itself, as if it were a version; None where it has none."""
        own = self.fallback
        if own is None:
            return None
        return msgspec.structs.replace(
            self,
            features=own.features,
            categories=own.categories,
            calibrator=own.calibrator,
            quantiles=own.quantiles,
            fallback=None,
        )


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version as the registry lists it. `label` is what records and answers carry."""

    name: str
    version: int
    stage: Stage
    created: str
    metrics: dict[str, Interval]
    feature_service: str

    @property
    def label(self) -> str:
        """Name and number."""
        return f"{self.name}-{self.version}"


def check_label(label: str) -> str:
    """The label. Raises BadInput for what is none: it may not become a path."""
    if not _LABEL.fullmatch(label):
        raise BadInput(
            "a version's label is a name of letters, digits, _ and -, then - and a number",
            rule="version-label",
        )
    return label


def file_within(folder: Path, name: str) -> Path:
    """The file of that name within a version's folder.

    Raises BadInput where it would be elsewhere, or stands there by a symbolic link only.
    """
    path = folder / name
    if Path(name).is_absolute() or path.resolve() != folder.resolve() / name:
        raise BadInput(
            f"{name} points outside the version's folder, or is a link",
            rule="version-inside",
            todo="A version's files are plain files in its own folder.",
        )
    return path


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        digest = sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def seal(folder: Path, manifest: M) -> M:
    """Write the manifest with the hash of every file in the folder; returns what it wrote."""
    files = {
        p.relative_to(folder).as_posix(): file_hash(p)
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != MANIFEST
    }
    sealed = msgspec.structs.replace(manifest, files=files)
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(sealed)))
    return sealed


def open_sealed(folder: Path) -> Manifest:
    """The manifest of a model's folder whose every file is there and unaltered.

    Raises BadInput naming the first thing that is missing or altered.
    """
    return open_sealed_as(folder, Manifest)


def open_sealed_as(folder: Path, kind: type[M]) -> M:
    """As `open_sealed`, for a version of any kind."""
    try:
        manifest = msgspec.json.decode(file_within(folder, MANIFEST).read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as bad:
        raise BadInput("the version has no readable manifest", rule="version-complete") from bad
    for name in manifest.required:
        if name not in manifest.files:
            raise BadInput(f"{name} is not in the manifest", rule="version-complete")
    if faults := manifest.faults():
        raise BadInput(f"the manifest has {faults[0]}", rule="version-complete")
    for name, digest in manifest.files.items():
        path = file_within(folder, name)
        if not path.is_file():
            raise BadInput(f"{name} is missing", rule="version-complete")
        if file_hash(path) != digest:
            raise BadInput(f"{name} was changed after it was sealed", rule="version-unaltered")
    return manifest
