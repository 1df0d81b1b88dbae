"""Feast, imported without its run-time type checks.

Feast wraps its functions in typeguard, which rewrites the source of each when it is imported: 7 of
the 9 seconds that the import took here. What Feast checks so are its own calls of itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import typeguard

_FOR_JOINS = (
    "feast.infra.data_sources.mlflow",
    "feast.infra.offline_stores.duckdb",
    "ibis.backends.duckdb",
)


def _as_it_is(function: Any = None, **_: object) -> Any:
    """Stand in for typeguard's decorator, called with or without options."""
    return function if callable(function) else _as_it_is


@contextmanager
def _unchecked() -> Iterator[None]:
    checked = typeguard.typechecked
    typeguard.typechecked = _as_it_is  # type: ignore[assignment]
    try:
        yield
    finally:
        typeguard.typechecked = checked


def import_joins() -> None:
    """Import what Feast's point-in-time joins are made with, which takes a second."""
    with _unchecked():
        for name in _FOR_JOINS:
            import_module(name)


with _unchecked():
    from feast import (
        Entity,
        FeatureService,
        FeatureStore,
        FeatureView,
        Field,
        FileSource,
        Project,
        RepoConfig,
        RequestSource,
        ValueType,
    )
    from feast.infra.key_encoding_utils import serialize_entity_key
    from feast.on_demand_feature_view import OnDemandFeatureView
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value as ValueProto
    from feast.transformation.pandas_transformation import PandasTransformation
    from feast.types import Bytes, Float64, String
    from google.protobuf.timestamp_pb2 import Timestamp

__all__ = [
    "Bytes",
    "Entity",
    "EntityKey",
    "FeatureService",
    "FeatureStore",
    "FeatureView",
    "Field",
    "FileSource",
    "Float64",
    "OnDemandFeatureView",
    "PandasTransformation",
    "Project",
    "RepoConfig",
    "RequestSource",
    "String",
    "Timestamp",
    "ValueProto",
    "ValueType",
    "import_joins",
    "serialize_entity_key",
]
