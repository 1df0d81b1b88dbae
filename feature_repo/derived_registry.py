"""Feast's registry, made of the home's feature definition each time it is asked for.

Feast's own registries keep on-demand transformations pickled, and run what they unpickle. A home
may come from anywhere: so nothing of a registry is kept in it, and none is read from it. The
definition is data; the transformation is this code. Feast pickles and unpickles it, in the memory
of one process.
"""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
from feast.feature_view import DUMMY_ENTITY
from feast.inference import update_feature_views_with_inferred_features_and_entities
from feast.infra.infra_object import SQLITE_INFRA_OBJECT_CLASS_TYPE
from feast.infra.registry.registry import REGISTRY_SCHEMA_VERSION
from feast.infra.registry.registry_store import RegistryStore
from feast.protos.feast.core.InfraObject_pb2 import Infra as InfraProto
from feast.protos.feast.core.InfraObject_pb2 import InfraObject
from feast.protos.feast.core.Registry_pb2 import Registry as RegistryProto
from feast.protos.feast.core.SqliteTable_pb2 import SqliteTable
from feast.repo_contents import RepoContents

from domain.definition import FeatureDefinition
from domain.errors import BadConfiguration, Missing
from feature_repo.feast_imports import Project
from feature_repo.views import views

PROJECT = "leadscore"
OFFLINE = "offline"
"""The folder, beside the definition, of the history's files."""


class DerivedRegistryStore(RegistryStore):  # type: ignore[misc]
    """What Feast would find in its registry, of the definition that the configuration names.

    The configuration's `path` is the definition's file; `definition` in it comes first, where
    there is one. What Feast notes, such as how far it materialised, lasts as long as the process.
    """

    def __init__(self, registry_config: Any, repo_path: Path | None) -> None:  # noqa: ARG002 Feast's signature
        self._file = Path(registry_config.path)
        self._definition: FeatureDefinition | None = getattr(registry_config, "definition", None)
        self._registry: RegistryProto | None = None

    def get_registry_proto(self) -> RegistryProto:
        """The registry's content. Raises Missing where the home has no definition yet."""
        if self._registry is None:
            definition = self._definition or read_definition(self._file)
            self._registry = _content(definition, self._file.parent)
        copy = RegistryProto()
        copy.CopyFrom(self._registry)
        return copy

    def update_registry_proto(self, registry_proto: RegistryProto) -> None:
        """Remember it until the process ends."""
        self._registry = RegistryProto()
        self._registry.CopyFrom(registry_proto)

    def teardown(self) -> None:
        """Forget what was remembered."""
        self._registry = None


def read_definition(path: Path) -> FeatureDefinition:
    """The definition that a home keeps. Raises Missing for none, BadConfiguration for a bad one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=FeatureDefinition)
    except FileNotFoundError:
        raise Missing(
            "the home has no feature definition yet",
            rule="home-exists",
            where=str(path),
            todo="Run `leadscore ingest FILE` first, or set LEADSCORE_HOME to the home's "
            "absolute path.",
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as bad:
        raise BadConfiguration(
            "the feature definition cannot be read", rule="definition-whole", where=str(path)
        ) from bad


def _content(definition: FeatureDefinition, home: Path) -> RegistryProto:
    lead, account, leads, accounts, named, service = views(definition, home / OFFLINE)
    # what `feast plan` would infer: without a provider, as all is declared
    update_feature_views_with_inferred_features_and_entities(None, [named], [lead, account], None)
    registry: RegistryProto = RepoContents(
        projects=[Project(name=PROJECT)],
        data_sources=[leads.batch_source, accounts.batch_source],
        feature_views=[leads, accounts],
        on_demand_feature_views=[named],
        stream_feature_views=[],
        label_views=[],
        entities=[lead, account, DUMMY_ENTITY],
        feature_services=[service],
        permissions=[],
    ).to_registry_proto()
    registry.registry_schema_version = REGISTRY_SCHEMA_VERSION
    kinds = (
        registry.entities,
        registry.feature_views,
        registry.on_demand_feature_views,
        registry.feature_services,
    )
    for one in chain.from_iterable(kinds):
        one.spec.project = PROJECT
    for source in registry.data_sources:
        source.project = PROJECT
    registry.infra.CopyFrom(_tables(home / "feast" / "online.db", (leads, accounts)))
    return registry


def _tables(path: Path, stored: Iterable[Any]) -> InfraProto:
    """The tables of the SQLite online store, where it is there already."""
    if not path.is_file():
        return InfraProto()
    tables = [SqliteTable(path=str(path), name=f"{PROJECT}_{view.name}") for view in stored]
    kind = SQLITE_INFRA_OBJECT_CLASS_TYPE
    objects = [InfraObject(infra_object_class_type=kind, sqlite_table=table) for table in tables]
    return InfraProto(infra_objects=objects)
