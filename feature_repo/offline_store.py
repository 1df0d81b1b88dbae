"""The offline store as Feast's configuration names it; what joins is imported once it is asked for.

A service opens the feature store and joins nothing: ibis and DuckDB would be a tenth of its start.
"""

from typing import Any, Literal

from feast.repo_config import FeastConfigBaseModel


class AsOfOfflineStoreConfig(FeastConfigBaseModel):  # type: ignore[misc]
    """The fields of Feast's own for DuckDB, under the name that it finds this store by."""

    type: Literal["feature_repo.offline_store.AsOfOfflineStore"] = (
        "feature_repo.offline_store.AsOfOfflineStore"
    )
    staging_location: str | None = None
    staging_location_endpoint_override: str | None = None


def __getattr__(name: str) -> Any:
    if name == "AsOfOfflineStore":
        from feature_repo.as_of_joins import AsOfOfflineStore

        return AsOfOfflineStore
    raise AttributeError(name)
