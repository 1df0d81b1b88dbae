"""Feast, imported without its run-time type checks.

Feast wraps its functions in typeguard, which rewrites the source of each when it is imported: 7 of
the 9 seconds that the import took here. What Feast checks so are its own calls of itself.
"""

from typing import Any

import typeguard


def _as_it_is(function: Any = None, **_: object) -> Any:
    """Stand in for typeguard's decorator, called with or without options."""
    return function if callable(function) else _as_it_is


_checked = typeguard.typechecked
typeguard.typechecked = _as_it_is  # type: ignore[assignment]
try:
    from feast import (
        Entity,
        FeatureService,
        FeatureStore,
        FeatureView,
        Field,
        FileSource,
        RepoConfig,
        RequestSource,
        ValueType,
    )
    from feast.on_demand_feature_view import OnDemandFeatureView
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import DoubleList, StringList
    from feast.protos.feast.types.Value_pb2 import Value as ValueProto
    from feast.transformation.pandas_transformation import PandasTransformation
    from feast.types import Array, Float64, String
finally:
    typeguard.typechecked = _checked

__all__ = [
    "Array",
    "DoubleList",
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
    "RepoConfig",
    "RequestSource",
    "String",
    "StringList",
    "ValueProto",
    "ValueType",
]
