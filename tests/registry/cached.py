"""What a registry's cache holds, without MLflow."""

from pathlib import Path

from domain.versions.manifest import Manifest
from registry.cache import cached_version, open_version
from registry.store import Registry


def cached(registry: Registry, label: str) -> tuple[Path, Manifest]:
    """A version's folder and manifest, every file checked."""
    version = cached_version(registry.standing().registration(label))
    opened = open_version(registry.cache, version, registry.made_of)
    return opened.folder, opened.manifest
