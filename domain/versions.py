"""What a registered version is: a folder of files, sealed by a manifest of their hashes."""

from enum import StrEnum
from hashlib import sha256
from pathlib import Path

import msgspec

from domain.definition import FeatureDefinition
from domain.errors import BadInput
from domain.measurement import Interval
from domain.scores import Calibrator

MANIFEST = "manifest.json"
MODEL_FILE = "model.cbm"
TABLE_FILE = "explanation.npz"
REFERENCE_FILE = "reference.parquet"
REQUIRED = (MODEL_FILE, TABLE_FILE, REFERENCE_FILE)


class Stage(StrEnum):
    """Where a version stands. Champion and challenger have one version each at most."""

    CANDIDATE = "candidate"
    CHALLENGER = "challenger"
    CHAMPION = "champion"
    ARCHIVED = "archived"


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """What a version was made from."""

    watermark_us: int
    events: int
    log_hash: str
    configuration: dict[str, object]
    configuration_hash: str
    seed: int
    commit: str
    lock_hash: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a version says of itself.

    `features` are the columns the model takes, in its order: numbers, then `categories`.
    `quantiles` are the 101 percentiles 0..100 of the calibrated score on the reference sample.
    `files` maps each other file of the folder to its SHA-256.
    """

    name: str
    created: str
    definition: FeatureDefinition
    features: tuple[str, ...]
    categories: tuple[str, ...]
    calibrator: Calibrator
    quantiles: tuple[float, ...]
    outcome: str
    horizon_days: float
    metrics: dict[str, Interval]
    counts: dict[str, int]
    lineage: Lineage
    files: dict[str, str] = {}


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


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        digest = sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def seal(folder: Path, manifest: Manifest) -> Manifest:
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
    """The manifest of a folder whose every file is there and unaltered.

    Raises BadInput naming the first file that is missing or altered.
    """
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as bad:
        raise BadInput("the version has no readable manifest", rule="version-complete") from bad
    for name in REQUIRED:
        if name not in manifest.files:
            raise BadInput(f"{name} is not in the manifest", rule="version-complete")
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise BadInput(f"{name} is missing", rule="version-complete")
        if file_hash(path) != digest:
            raise BadInput(f"{name} was altered since it was sealed", rule="version-unaltered")
    return manifest
