"""Feast's DuckDB offline store, whose point-in-time join takes memory by rows, not by pairs.

Feast's own pairs each row that asks with all earlier rows of its entity, and keeps the newest: an
entity that many rows ask for at once, such as an account of many leads, takes the square of them.
DuckDB's as-of join sorts both sides and walks through them once.
"""

from typing import Any

import ibis
import pandas as pd
from feast.infra.offline_stores import offline_utils
from feast.infra.offline_stores.duckdb import (
    DuckDBOfflineStore,
    _read_data_source,
    _write_data_source,
)
from feast.infra.offline_stores.ibis import IbisRetrievalJob
from feast.infra.offline_stores.offline_store import RetrievalMetadata
from feast.on_demand_feature_view import OnDemandFeatureView
from ibis.expr import datatypes
from ibis.expr.types import Table

MOMENT, KNOWN = "__moment", "__known"
"""The moments that are compared, of the rows that ask and of those that answer."""


class AsOfOfflineStore(DuckDBOfflineStore):  # type: ignore[misc]
    """Answers as Feast's own does, of the newest row of an entity that is not past the moment.

    Where rows created after the moment must not count, Feast's own answers.
    """

    @staticmethod
    def get_historical_features(
        config: Any,
        feature_views: list[Any],
        feature_refs: list[str],
        entity_df: pd.DataFrame,
        registry: Any,
        project: str,
        full_feature_names: Any = None,
        filter_by_created_timestamp: Any = None,
    ) -> Any:
        """The features of `entity_df`'s rows as of their moments; its rows all stay."""
        full, repo = bool(full_feature_names), str(config.repo_path)
        if filter_by_created_timestamp and any(
            view.batch_source.created_timestamp_column for view in feature_views
        ):
            return DuckDBOfflineStore.get_historical_features(
                config,
                feature_views,
                feature_refs,
                entity_df,
                registry,
                project,
                full,
                filter_by_created_timestamp=True,
            )
        column = offline_utils.infer_event_timestamp_from_entity_df(dict(entity_df.dtypes))
        moments = pd.to_datetime(entity_df[column], utc=True)
        table = ibis.memtable(entity_df.assign(**{column: moments}))
        table = table.mutate(**{MOMENT: _utc(table[column])})
        for view in feature_views:
            table = _joined(table, view, feature_refs, repo, full=full)
        computed = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        return IbisRetrievalJob(
            table.drop(MOMENT),
            computed,
            full,
            metadata=RetrievalMetadata(
                features=feature_refs,
                keys=list(set(entity_df.columns) - {column}),
                min_event_timestamp=moments.min().to_pydatetime(),
                max_event_timestamp=moments.max().to_pydatetime(),
            ),
            data_source_writer=_write_data_source,
            staging_location=config.offline_store.staging_location,
            staging_location_endpoint_override=(
                config.offline_store.staging_location_endpoint_override
            ),
            repo_path=repo,
        )


def _joined(table: Table, view: Any, refs: list[str], repo: str, *, full: bool) -> Table:
    """The table with the columns of a view that are asked for, as of each row's moment."""
    source, prefix = view.batch_source, view.projection.name_to_use()
    base = view.projection.name_alias or view.name
    names = [ref.split(":")[1] for ref in refs if ref.startswith(f"{prefix}:")]
    columns = {f"{base}__{name}" if full else name: name for name in names}
    keys = view.projection.join_key_map or {e.name: e.name for e in view.entity_columns}
    history = _history(source, list(keys), repo)
    right = history.select(
        **{f"__{name}": history[name] for name in keys},
        **{KNOWN: history[KNOWN]},
        **{out: history[name] for out, name in columns.items()},
    )
    same = [table[key] == right[f"__{name}"] for name, key in keys.items()]
    joined = table.asof_join(right, on=table[MOMENT] >= right[KNOWN], predicates=same)
    if view.ttl:
        fresh = joined[KNOWN] + ibis.literal(view.ttl) >= joined[MOMENT]
        joined = joined.mutate(
            **{out: fresh.ifelse(joined[out], ibis.null(joined[out].type())) for out in columns}
        )
    return joined.select(*table.columns, *columns)


def _history(source: Any, keys: list[str], repo: str) -> Table:
    """A view's source with KNOWN; of rows of an entity and moment, the one created last."""
    table = _read_data_source(source, repo)
    mapped = {new: old for old, new in source.field_mapping.items() if old in table.columns}
    table = table.rename(mapped) if mapped else table
    table = table.mutate(**{KNOWN: _utc(table[source.timestamp_field])})
    created = source.created_timestamp_column
    if not created:
        return table
    newest = ibis.window(group_by=[*keys, KNOWN], order_by=ibis.desc(table[created]))
    numbered = table.mutate(__place=ibis.row_number().over(newest))
    return numbered.filter(numbered["__place"] == 0).drop("__place")


def _utc(column: Any) -> Any:
    return column.cast(datatypes.Timestamp(timezone="UTC"))
